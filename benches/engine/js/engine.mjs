// The JavaScript engine at work: does what the plan in the file named by the argument says, and tells what each case took
// as a JSON line. Run with --expose-gc.
import { readFileSync } from 'node:fs';
import { clone } from '@m-ld/m-ld';
import { MemoryLevel } from 'memory-level';
import { makeBus } from './bus.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));

const open = (bus, id, genesis) => clone(new MemoryLevel(), bus.Remotes, {
  '@id': id,
  '@domain': plan.domain,
  genesis,
  logLevel: 'error',
  networkTimeout: 60_000,
  // Fusing waits for a quiet second: the native engine is given none in these measurements either.
  journal: { adminDebounce: 0 }
});

/** Runs something, and tells what it took for each of `count`. */
async function measure(what, count, run) {
  const cpu = process.cpuUsage();
  const began = process.hrtime.bigint();
  await run();
  const wall = Number(process.hrtime.bigint() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  say({ ...what, count, cpu_us: (user + system) / count, wall_us: wall / count });
}

const say = result => process.stdout.write(`${JSON.stringify({ engine: 'js', ...result })}\n`);

async function write(meld, requests) {
  for (const request of requests)
    await meld.write(request);
}

/** Resolves when a clone has told of so many updates. */
function updates(meld, count) {
  return new Promise(resolve => {
    const following = meld.follow(() => {
      if (--count === 0) {
        following.unsubscribe();
        resolve();
      }
    });
  });
}

async function apply(bus, meld, id, operations) {
  const done = updates(meld, operations.length);
  bus.deliver(id, operations);
  await done;
}

/** One clone writes, another applies what it wrote; both begin with no data. */
async function writeAndApply({ triples, warmup, measured }) {
  const bus = makeBus();
  const writer = await open(bus, 'writer', true);
  const reader = await open(bus, 'reader', false);
  await reader.status.becomes({ outdated: false });
  bus.held = [];
  await write(writer, warmup);
  await measure({ case: 'write', triples, subjects: 0 }, measured.length, () => write(writer, measured));
  const held = bus.held;
  await apply(bus, reader, 'reader', held.slice(0, warmup.length));
  const operations = held.slice(warmup.length);
  await measure({ case: 'apply', triples, subjects: 0 }, operations.length,
    () => apply(bus, reader, 'reader', operations));
  await reader.close();
  await writer.close();
}

/** Bytes that live objects take, in the heap and outside. */
function used() {
  for (let times = 0; times < 3; times++)
    global.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Reads all that some queries find. Each in a procedure: a read outside of one may lose its lock before it begins. */
async function drain(meld, queries) {
  for (const query of queries) {
    let found;
    await meld.read(async state => { found = await state.read(query); });
    if (found.length === 0)
      throw new Error(`nothing found: ${JSON.stringify(query)}`);
  }
}

/** One clone writes much, and hears a little from another in between: in a row it would be too much for a snapshot. */
async function fill(bus, writer, load, other, between) {
  for (const [at, request] of load.entries()) {
    await writer.write(request);
    bus.held = [];
    await other.write(between[at]);
    await apply(bus, writer, 'writer', bus.held);
  }
}

/** Much data: how much memory it takes, reads, and what a new clone costs. */
async function much({ subjects, load, between, describe, join }) {
  const bus = makeBus();
  const before = used();
  const writer = await open(bus, 'writer', true);
  const other = await open(bus, 'other', false);
  await other.status.becomes({ outdated: false });
  bus.held = [];
  await measure({ case: 'load', subjects }, subjects, () => fill(bus, writer, load, other, between));
  await other.close();
  bus.leave('other');
  say({ case: 'memory', subjects, count: 1, bytes: used() - before });
  await drain(writer, describe.warmup);
  await measure({ case: 'describe', subjects }, describe.measured.length, () => drain(writer, describe.measured));
  await drain(writer, join.warmup);
  await measure({ case: 'join', subjects }, join.measured.length, () => drain(writer, join.measured));
  let reader;
  await measure({ case: 'snapshot', subjects }, 1, async () => {
    reader = await open(bus, 'reader', false);
    await reader.status.becomes({ outdated: false });
  });
  await drain(reader, describe.warmup);
  await reader.close();
  await writer.close();
}

for (const work of plan.writes)
  await writeAndApply(work);
await much(plan.much);
process.exit(0);
