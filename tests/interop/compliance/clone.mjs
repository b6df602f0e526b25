// A JavaScript clone in a process of its own, that speaks what `meldgate clone` does: requests as JSON lines on standard
// input, answers and events as JSON lines on standard output. A line {"config", "data"} starts it, anew once it has closed.
import { createSign, randomInt } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { ClassicLevel } from 'classic-level';

/** Where the engine says what it does: in a file for each clone, if there is a trace. */
const TRACE = process.env.COMPLIANCE_TRACE;
let tracing = 'idle';
if (TRACE != null) {
  const note = (...said) => appendFileSync(join(TRACE, `${tracing}.js.log`), `${Date.now()} ${said
    .map(part => typeof part == 'string' ? part : inspect(part, { breakLength: Infinity, depth: 6 })).join(' ')}\n`);
  for (const level of ['trace', 'debug', 'log', 'info', 'warn', 'error'])
    console[level] = note;
}

const require = createRequire(import.meta.url);
const engine = process.env.COMPLIANCE_ENGINE ?? '@m-ld/m-ld';
const { clone } = require(engine);
const { IoRemotes } = require(`${engine}/ext/socket.io`);

if (process.env.CLONE_NAMES === 'own')
  nameApart();

/**
 * Has this process name blank nodes as no other does. The engine counts them anew in each process, and keeps the names when
 * it fuses operations; so what a clone deleted before and after it was started again can become one triple, of parts of both.
 */
function nameApart() {
  const { DataFactory } = createRequire(require.resolve(engine))('rdf-data-factory');
  for (let others = randomInt(1_000_000); others > 0; others--)
    new DataFactory();
}

const say = message => process.stdout.write(`${JSON.stringify(message)}\n`);
const text = error => `${error?.message ?? error}`;

/** What an application brings, as the configuration of a spec asks for it. */
function app({ principal, transportSecurity, text: properties, ...config }) {
  const brought = properties == null ? {} : new (require(`${engine}/ext/tseq`).TSeqText)(...properties);
  if (principal != null) {
    brought.principal = {
      '@id': principal['@id'],
      sign: data => createSign('RSA-SHA256').update(data).sign(principal.privateKey)
    };
  }
  if (transportSecurity != null) {
    const module = transportSecurity.require.replace(/^@m-ld\/m-ld(?=\/)/, engine);
    const Security = require(module)[transportSecurity.class];
    brought.transportSecurity = new Security(config, brought.principal);
  }
  return [config, brought];
}

let meld;

const requests = {
  read: async pattern => [...await meld.read(pattern)],
  write: async pattern => { await meld.write(pattern); },
  close: async () => { await meld.close(); }
};

async function start({ config, data }) {
  const [configuration, brought] = app(config);
  tracing = config['@id'];
  meld = await clone(new ClassicLevel(data), IoRemotes, { logLevel: TRACE == null ? 'error' : 'debug', ...configuration }, brought);
  say({ started: meld.status.value });
  meld.follow(update => say({ update }));
  meld.status.subscribe({
    next: status => say({ status }),
    error: error => say({ closed: text(error) }),
    complete: () => say({ closed: null })
  });
}

createInterface({ input: process.stdin })
  .on('line', async line => {
    const { id, ...request } = JSON.parse(line);
    if (id == null)
      return start(request).catch(error => say({ closed: text(error) }));
    const [[verb, pattern]] = Object.entries(request);
    try {
      say({ id, answer: await requests[verb](pattern) ?? null });
    } catch (error) {
      say({ id, error: text(error) });
    }
  })
  .on('close', () => process.exit(0));
