// A fresh JavaScript clone joins a subdomain through the gateway. Prints {"ready"} once everything is loaded; begins with
// the first line of its input; prints {"wall", "cpu"}, in milliseconds, once it is up to date, and only after that looks
// whether the subjects that the arguments name are there.
//
// Usage: node join.mjs ≪configuration≫ ≪subject≫ …
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { clone } from '@m-ld/m-ld';
import { IoRemotes } from '@m-ld/m-ld/ext/socket.io';
import { MemoryLevel } from 'memory-level';

const [configuration, ...subjects] = process.argv.slice(2);
const say = message => process.stdout.write(`${JSON.stringify(message)}\n`);
const input = createInterface({ input: process.stdin });

say({ ready: true });
await once(input, 'line');
const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
const meld = await clone(new MemoryLevel(), IoRemotes, {
  '@id': `joins-${process.pid}`, logLevel: 'error', networkTimeout: 120_000, ...JSON.parse(configuration)
});
await meld.status.becomes({ outdated: false });
const wall = Number(process.hrtime.bigint() - began) / 1e6;
const { user, system } = process.cpuUsage(cpu);
for (const subject of subjects) {
  if (await meld.get(subject) == null)
    throw new Error(`${subject} is missing`);
}
say({ wall, cpu: (user + system) / 1000 });
process.exit(0);
