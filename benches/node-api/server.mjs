// Reads and writes of the Clone API over TLS, on the JavaScript engine with its data in classic-level: what anybody would
// write first. It checks the credential and answers with what was found or made; it has no locks, no limits, and syncs
// nothing to the disk before it answers.
//
// Usage: node server.mjs ≪chain.pem≫ ≪key.pem≫ ≪folder≫ ≪authorization≫; prints {"port","pid"} once it can be reached.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { clone } from '@m-ld/m-ld';
import { ClassicLevel } from 'classic-level';

const [chain, key, folder, authorization] = process.argv.slice(2);
const require = createRequire(import.meta.url);
// The base class of all transports is not among what the package exports, so it is taken by its file.
const { PubsubRemotes } = require(join(dirname(require.resolve('@m-ld/m-ld')), 'engine/remotes/PubsubRemotes.js'));

/** A clone that nobody else is with. */
class Alone extends PubsubRemotes {
  constructor(config, extensions) {
    super(config, extensions);
    setImmediate(async () => {
      await this.onConnect();
      this.onPresenceChange([this.id]);
    });
  }
  async publishOperation() {}
  async setPresent() {}
  notifier = ({ channelId }) => ({ id: channelId, publish: async () => {} });
  sender = ({ toId }) => ({ id: toId, publish: async () => {} });
  replier = ({ toId }) => ({ id: toId, publish: async () => {} });
}

/** One subdomain's clone. */
class Subdomain {
  #turn = Promise.resolve();
  #last;

  static async open(name) {
    const subdomain = new Subdomain;
    subdomain.meld = await clone(new ClassicLevel(join(folder, name)), Alone, {
      '@id': `gateway-${name}`, '@domain': `${name}.bench.example.org`, genesis: true, logLevel: 'error'
    });
    subdomain.meld.follow(update => { subdomain.#last = update; });
    return subdomain;
  }

  /** In a procedure: a read outside of one may lose its lock before it begins. */
  async read(query) {
    let found;
    await this.meld.read(async state => { found = await state.read(query); });
    return found.map(subject => `${JSON.stringify(subject)}\n`).join('');
  }

  /** Says what update was made. The engine makes one after the other, too. */
  write(request) {
    const made = this.#turn.then(async () => {
      await this.meld.write(request);
      return JSON.stringify(this.#last);
    });
    this.#turn = made.catch(() => {});
    return made;
  }
}

const open = new Map;

function subdomain(path) {
  const name = path.split('/')[5];
  if (!open.has(name))
    open.set(name, Subdomain.open(name));
  return open.get(name);
}

const digest = text => createHash('sha256').update(text ?? '').digest();
const right = digest(authorization);

async function answer(request) {
  if (!timingSafeEqual(digest(request.headers.authorization), right))
    return [401, 'text/plain', 'Unauthorized'];
  const url = new URL(request.url, 'https://localhost');
  let body = '';
  for await (const chunk of request.setEncoding('utf8'))
    body += chunk;
  const found = await subdomain(url.pathname);
  switch (request.method) {
    case 'PUT': return [200, 'application/json', '{}'];
    case 'GET': return [200, 'application/x-ndjson', await found.read(JSON.parse(url.searchParams.get('q')))];
    case 'POST': return [200, 'application/json', await found.write(JSON.parse(body))];
    default: return [405, 'text/plain', 'MethodNotAllowed'];
  }
}

const server = createServer({ cert: readFileSync(chain), key: readFileSync(key) }, (request, response) =>
  answer(request).catch(error => [400, 'text/plain', `${error}`]).then(([status, type, body]) =>
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)));
server.keepAliveTimeout = 75_000;
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port, pid: process.pid })));
process.on('SIGTERM', () => process.exit(0));
