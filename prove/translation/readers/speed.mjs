// Answers each JSON line {"v2": text, "runs": n} with one: {"ns": processor time of n runs, "same": written as read, "read": characters}.
// One run parses, reads six fields and each observation's code and value, and writes the message again. Usage: speed.mjs FOLDER LIBRARY.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(process.argv[2] + '/');
const libraries = {
  '@medplum/core': () => {
    const { Hl7Message } = require('@medplum/core');
    return (text) => {
      const message = Hl7Message.parse(text);
      let read = 0;
      for (const [segment, field] of [['MSH', 9], ['MSH', 10], ['PID', 3], ['PID', 5], ['PID', 7], ['PID', 8]]) {
        read += message.getSegment(segment).getComponent(field, 1).length;
      }
      for (const segment of message.getAllSegments('OBX')) {
        read += segment.getComponent(3, 1).length + segment.getComponent(5, 1).length;
      }
      return [message.toString(), read];
    };
  },
  'node-hl7-client': () => {
    const { Message } = require('node-hl7-client');
    return (text) => {
      const message = new Message({ text });
      let read = 0;
      for (const path of ['MSH.9.1', 'MSH.10.1', 'PID.3.1', 'PID.5.1', 'PID.7.1', 'PID.8.1']) {
        read += message.get(path).toString().length;
      }
      for (const segment of message.get('OBX')) {
        read += segment.get('.3.1').toString().length + segment.get('.5.1').toString().length;
      }
      return [message.toString(), read];
    };
  },
};

const run = libraries[process.argv[3]]();
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { v2, runs } = JSON.parse(line);
  const [written, read] = run(v2);
  const start = process.cpuUsage();
  for (let i = 0; i < runs; i++) {
    run(v2);
  }
  const { user, system } = process.cpuUsage(start);
  const ns = (user + system) * 1000;
  process.stdout.write(JSON.stringify({ ns, same: written.replace(/\r$/, '') === v2, read }) + '\n');
}
