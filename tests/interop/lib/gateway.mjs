// Starts, stops and restarts the gateway under test, and speaks its HTTP API.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from './wait.mjs';

const START_MS = 60_000;
const STOP_MS = 20_000;
export const underTest = process.env.GATEWAY_UNDER_TEST ?? 'meldgate';

/** The command that starts the gateway under test: program and first arguments. */
function command() {
  if (underTest === 'reference')
    return [process.execPath, fileURLToPath(new URL('../reference/gateway.mjs', import.meta.url))];
  return [meldgate(), 'dev'];
}

/** The program of this project, which is a gateway and clones. */
export function meldgate() {
  const bin = process.env.GATEWAY_BIN ?? builtBinary();
  if (!existsSync(bin))
    throw new Error(`no gateway at ${bin}: build it (cargo build) or set GATEWAY_BIN`);
  return bin;
}

function builtBinary() {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const args = ['metadata', '--format-version', '1', '--no-deps', '--offline'];
  const { target_directory } = JSON.parse(execFileSync('cargo', args, {
    cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore']
  }));
  return join(target_directory, 'debug', 'meldgate');
}

/** Those that run: none may outlive this process, however it ends. */
const running = new Set();
process.once('SIGTERM', () => process.exit(1));
process.once('exit', () => running.forEach(child => child.kill('SIGKILL')));

/** A gateway under test with a data folder of its own. */
export class Gateway {
  #child;
  #exited;
  #folder = mkdtempSync(join(tmpdir(), 'meldgate-interop-'));
  #port = 0;
  #env;

  /** `env` adds to the environment, which overrides the configuration. */
  constructor(env = {}) {
    this.#env = env;
  }

  static async start({ env } = {}) {
    const gateway = new Gateway(env);
    await gateway.start();
    return gateway;
  }

  /** Starts it, on the same port and data as before if it ran before. */
  async start() {
    const [program, ...first] = command();
    const log = openSync(join(this.#folder, 'log'), 'a');
    this.#child = spawn(program, [
      ...first, '--json', '--listen', `127.0.0.1:${this.#port}`, '--data', join(this.#folder, 'data')
    ], { stdio: ['ignore', 'pipe', log], env: { ...process.env, ...this.#env } });
    closeSync(log);
    const child = this.#child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#exited = once(this.#child, 'exit').catch(error => [error.message]);
    const lines = createInterface({ input: this.#child.stdout });
    const [line] = await within(START_MS, 'the ready line', Promise.race([
      once(lines, 'line'),
      this.#exited.then(([code]) => {
        throw new Error(`the gateway ended (${code}) before it was ready:\n${this.log()}`);
      })
    ]));
    lines.resume();
    Object.assign(this, readReady(line));
    this.#port = Number(new URL(this.origin).port);
  }

  /** Stops it: SIGTERM for an orderly end, SIGKILL for a crash. */
  async stop(signal = 'SIGTERM') {
    if (this.#child == null)
      return;
    this.#child.kill(signal);
    try {
      return await within(STOP_MS, `an end after ${signal}`, this.#exited);
    } catch (error) {
      this.#child.kill('SIGKILL');
      await this.#exited;
      throw error;
    } finally {
      this.#child = undefined;
    }
  }

  /** Stops it and forgets its data. */
  async dispose() {
    try {
      await this.stop();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** The end of what it logged. */
  log(bytes = 4000) {
    return readFileSync(join(this.#folder, 'log'), 'utf8').slice(-bytes);
  }

  get rootAuth() {
    return basic(this.root_account, this.root_key);
  }

  /** One HTTP request; gives {status, headers, body}, the body parsed if it is JSON. */
  request(method, path, { auth, body, headers = {} } = {}) {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const answer = new Promise((resolve, reject) => {
      const request = httpsRequest(new URL(path, this.origin), {
        method, ca: this.ca, agent: false, headers: {
          ...auth && { authorization: auth },
          ...payload != null && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
          ...headers
        }
      }, response => {
        const chunks = [];
        response.on('data', chunk => chunks.push(chunk)).on('error', reject).on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const parse = bodyParser(response.headers['content-type'] ?? '');
          resolve({ status: response.statusCode, headers: response.headers, body: parse(text) });
        });
      });
      request.on('error', reject).end(payload);
    });
    return within(30_000, `${method} ${path}`, answer);
  }

  /** As `request`, of the API, and it must succeed; gives the body. */
  async api(method, path, options) {
    const { status, body } = await this.request(method, `/api/v1${path}`, options);
    if (status < 200 || status > 299)
      throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /** Makes an account with the root key; gives {name, key, auth, pair?}. */
  async account(name, { naming = ['uuid'], remotesAuth = [], pair = false } = {}) {
    const minted = await this.api('POST', `/user/${name}/key${pair ? '?type=rsa' : ''}`, { auth: this.rootAuth });
    const key = minted.auth.key;
    if (naming.length || remotesAuth.length) {
      await this.api('PATCH', `/user/${name}`, {
        auth: this.rootAuth,
        body: { '@insert': { ...naming.length && { naming }, ...remotesAuth.length && { remotesAuth } } }
      });
    }
    return { name, key, keyid: key.split(':')[0].split('.').at(-1), auth: basic(name, key), pair: minted.key };
  }

  /** The m-ld configuration that the gateway itself gives for a new UUID subdomain. */
  configuration(account, options = {}) {
    return this.api('POST', `/domain/${account.name}`, options);
  }
}

/** JSON is parsed, lines of JSON to an array of them, and anything else is text. */
function bodyParser(type) {
  if (/ndjson/.test(type))
    return text => text.split('\n').filter(line => line).map(line => JSON.parse(line));
  return /json/.test(type) ? text => text && JSON.parse(text) : text => text;
}

function readReady(line) {
  const ready = JSON.parse(line);
  for (const member of ['origin', 'domain', 'root_account', 'root_key', 'ca_file', 'pid']) {
    if (ready[member] == null)
      throw new Error(`the ready line has no ${member}: ${Object.keys(ready)}`);
  }
  return { ...ready, ca: readFileSync(ready.ca_file) };
}

export const basic = (user, key) => `Basic ${Buffer.from(`${user}:${key}`).toString('base64')}`;
