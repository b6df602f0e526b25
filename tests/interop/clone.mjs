// One m-ld clone in a process of its own. Takes commands as JSON lines on standard input, answers and
// tells events as JSON lines on standard output, and ends when its input ends.
//
// A command is {"id", "do", …}; its answer {"id", "ok"} or {"id", "error"}. Events: {"event": "update", "update"},
// {"event": "closed", "error"?}, {"event": "socket", "what", "reason"?}.
import { createPrivateKey, sign } from 'node:crypto';
import { createInterface } from 'node:readline';
import msgpack from '@ably/msgpack-js';
import { MemoryLevel } from 'memory-level';

let meld;
let remotes;
let operations = 0;
/** Requests for a clock, a snapshot or a rev-up: that it made, and that it was made. */
const requests = { made: 0, had: 0 };
const store = new MemoryLevel();

const BINARY = 'http://www.w3.org/2001/XMLSchema#base64Binary';
/** Bytes as a value that JSON can say. */
function sayable(key, value) {
  const raw = this[key];
  return raw instanceof Uint8Array ? { '@type': BINARY, '@value': Buffer.from(raw).toString('base64') } : value;
}
const say = message => process.stdout.write(`${JSON.stringify(message, sayable)}\n`);
const loaded = module => module.default ?? module;

/**
 * What a clone brings that signs as `signer`, {id, key: ≪private key, PKCS#8 PEM≫, keyid?}: the plug-in of the engine for
 * access control; or, with a `keyid`, one that signs as the public gateway wants it, and verifies nothing.
 */
async function security(engine, config, { id, key, keyid }) {
  const privateKey = createPrivateKey(key);
  const principal = { '@id': id, sign: data => sign('RSA-SHA256', data, privateKey) };
  if (keyid != null) {
    return { principal, transportSecurity: {
      wire: data => data,
      sign: data => ({ pid: id, sig: Buffer.concat([Buffer.from(`${keyid}:`), principal.sign(data)]) })
    } };
  }
  const { MeldAclTransportSecurity } = loaded(await import(`${engine}/ext/security`));
  return { principal, transportSecurity: new MeldAclTransportSecurity(config, principal) };
}

/**
 * Starts the clone: `engine` is the package to take, `text` the properties that are shared text, `signer` who signs what
 * it says, if anybody.
 */
async function start({ engine, config, text, signer }) {
  const { clone } = loaded(await import(engine));
  const { IoRemotes } = loaded(await import(`${engine}/ext/socket.io`));
  const { TSeqText } = loaded(await import(`${engine}/ext/tseq`));
  class WatchedRemotes extends IoRemotes {
    constructor(...args) {
      super(...args);
      remotes = this;
      this.socket
        .on('operation', () => operations++)
        .on('send', () => requests.had++)
        .on('connect', () => say({ event: 'socket', what: 'connect' }))
        .on('disconnect', reason => say({ event: 'socket', what: 'disconnect', reason }))
        .on('connect_error', error => say({ event: 'socket', what: 'refused', reason: error.message }));
    }

    sender(params) {
      requests.made++;
      return super.sender(params);
    }
  }
  const plugins = signer ? await security(engine, config, signer) : text?.length ? new TSeqText(...text) : {};
  meld = await clone(store, WatchedRemotes, { logLevel: 'silent', ...config }, plugins);
  meld.follow(update => say({ event: 'update', update }));
  meld.status.subscribe({
    error: error => say({ event: 'closed', error: `${error?.message ?? error}` }),
    complete: () => say({ event: 'closed' })
  });
  return meld.status.value;
}

const commands = {
  start,
  status: async ({ becomes }) => becomes == null ? meld.status.value : meld.status.becomes(becomes),
  write: async ({ pattern }) => { await meld.write(pattern); },
  read: async ({ pattern }) => [...await meld.read(pattern)],
  get: async ({ subject }) => await meld.get(subject) ?? null,
  operations: async () => operations,
  requests: async () => requests,
  /** The transactions of each triple, by the engine's key for it. */
  transactions: async () => {
    const entries = {};
    const range = { gt: '_qs:ttd:', lt: '_qs:ttd:~', keyEncoding: 'utf8', valueEncoding: 'buffer' };
    for await (const [key, tids] of store.iterator(range))
      entries[key] = msgpack.decode(tids).sort();
    return entries;
  },
  transport: async () => remotes.socket.io.engine?.transport?.name,
  /** Cuts the connection under the clone. Unless `stay`, the client library comes back by itself. */
  cut: async ({ stay }) => {
    const { socket } = remotes;
    socket.io.reconnection(!stay);
    const gone = new Promise(resolve => socket.once('disconnect', resolve));
    const transport = socket.io.engine.transport;
    if (transport.ws?.terminate != null)
      transport.ws.terminate(); // no closing handshake: as if the cable had been pulled
    else
      socket.io.engine.close();
    return gone;
  },
  reconnect: async () => {
    const { socket } = remotes;
    socket.io.reconnection(true);
    const back = new Promise(resolve => socket.once('connect', resolve));
    socket.connect();
    await back;
  },
  close: async () => { await meld?.close(); }
};

createInterface({ input: process.stdin })
  .on('line', line => {
    const { id, do: verb, ...args } = JSON.parse(line);
    commands[verb](args).then(
      ok => say({ id, ok: ok ?? null }),
      error => say({ id, error: `${error?.message ?? error}` })
    );
  })
  .on('close', () => process.exit(0));
