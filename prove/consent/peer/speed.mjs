// Labels, decides and redacts one Bundle with @asushares/core, as often as it is asked:
// node speed.mjs FOLDER, then one JSON line {bundle, consents, rules, runs} per question.
// The package leaves out how rules are loaded and where audits go: both are as small as can be.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.argv[2], 'package.json'));
const core = join(process.argv[2], 'node_modules/@asushares/core/build/src');
const { AbstractDataSharingEngine } = require(join(core, 'engine/abstract_data_sharing_engine.js'));
const { AbstractSensitivityRuleProvider } = require(join(core, 'rules/abstract_sensitivity_rule_provider.js'));
const { Rule } = require(join(core, 'model/rule.js'));

const write = process.stdout.write.bind(process.stdout);
console.log = () => {}; // it tells every match; writing that would be most of its time

class Rules extends AbstractSensitivityRuleProvider {
  constructor(rules) {
    super();
    this.rules = rules.map((r) => Object.assign(new Rule(), r));
  }
  rulesSchema() { return null; }
  loadRulesFile() { return null; }
}

class Engine extends AbstractDataSharingEngine {
  createAuditEvent() {}
}

for await (const line of createInterface({ input: process.stdin })) {
  const { bundle, consents, rules, runs } = JSON.parse(line);
  const engine = new Engine(new Rules(rules), 0.5, true);
  let card;
  const start = process.cpuUsage();
  for (let i = 0; i < runs; i++) card = engine.process(consents, { content: bundle });
  const used = process.cpuUsage(start); // time on the clock would measure what else the machine does
  const ns = (used.user + used.system) * 1000;
  write(JSON.stringify({ ns, decision: card.summary, kept: (card.extension.content?.entry ?? []).map((e) => e.resource.resourceType + '/' + e.resource.id) }) + '\n');
}
