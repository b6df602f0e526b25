// Clones as processes of their own, native and JavaScript ones alike.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../lib/wait.mjs';

const START_MS = 25_000;
const STOP_MS = 10_000;
/** A folder for what passes between clones and what is asked of them, to find a fault. */
const TRACE = process.env.COMPLIANCE_TRACE;
const WORKER = fileURLToPath(new URL('clone.mjs', import.meta.url));

/** Those that run: none may outlive this process, however it ends. */
const running = new Set();
process.once('exit', () => running.forEach(child => child.kill('SIGKILL')));

/** Notes something in the trace of all that is asked of clones, if there is one. */
export function trace(...noted) {
  if (TRACE == null)
    return;
  mkdirSync(TRACE, { recursive: true });
  appendFileSync(join(TRACE, 'asked.jsonl'), `${JSON.stringify([Date.now(), ...noted])}\n`);
}

function run([program, ...args], env) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  running.add(child);
  child.stdin.on('error', () => { /* told by `exit` */ });
  child.once('exit', () => running.delete(child));
  child.said = '';
  child.stderr.on('data', chunk => child.said = (child.said + chunk).slice(-4000));
  return child;
}

/** Beside a clone's folder, which its store alone uses. */
const keyFile = data => `${data}.pem`;

/** Native clones: a process for each. */
export class Native {
  constructor(binary, ca) {
    Object.assign(this, { binary, ca });
  }

  /** A process that is told its configuration. A private key in it becomes a file, as that alone is taken. */
  take(data, { principal: { privateKey, ...principal } = {}, ...config }) {
    const args = ['clone', '--config', '-', '--data', data, '--ca-file', this.ca];
    if (TRACE != null)
      args.push('--trace', join(TRACE, `${config['@id']}.native.jsonl`));
    if (privateKey != null) {
      writeFileSync(keyFile(data), privateKey, { mode: 0o600 });
      args.push('--key-file', keyFile(data));
    }
    const child = run([this.binary, ...args]);
    child.stdin.write(`${JSON.stringify({ ...config, ...principal['@id'] && { principal } })}\n`);
    return child;
  }

  /** Whether a process was taken back; if not it has to end. */
  give() {
    return false;
  }
}

/** JavaScript clones: their processes are started ahead and used again, as their start is not that of a clone. */
export class JavaScript {
  #idle = [];

  /** `engine` is the package to take, `ahead` how many are started before anybody asks, `env` what else they are told. */
  constructor(ca, { engine = process.env.COMPLIANCE_ENGINE ?? '@m-ld/m-ld', ahead = 5, env } = {}) {
    this.env = { NODE_EXTRA_CA_CERTS: ca, NODE_OPTIONS: '', COMPLIANCE_ENGINE: engine, ...env };
    this.#idle = Array.from({ length: ahead }, () => this.#spawn());
  }

  /** Ends the processes that nobody uses. */
  end() {
    this.#idle.forEach(child => child.stdin.end());
  }

  take(data, config) {
    const child = this.#idle.shift() ?? this.#spawn();
    child.stdin.write(`${JSON.stringify({ config, data })}\n`);
    return child;
  }

  give(child) {
    this.#idle.push(child);
    return true;
  }

  #spawn() {
    const child = run([process.execPath, WORKER], this.env);
    child.once('exit', () => this.#idle = this.#idle.filter(other => other !== child));
    return child;
  }
}

/** A clone's identity, data and wire, which outlive its processes. Emits `status` and `update` with their bodies, `closed`. */
export class Clone extends EventEmitter {
  #folder;
  #waiting = new Map();
  #next = 1;
  #child;
  #exited;
  #lines;

  /** With `folder` it keeps its data there, otherwise in one that it makes. */
  constructor(id, kind, wire, folder) {
    super();
    Object.assign(this, { id, kind, wire });
    this.#folder = folder;
  }

  get runs() {
    return this.#child != null;
  }

  /** Of its process, if it has one. */
  get pid() {
    return this.#child?.pid;
  }

  /** The end of what its process said on standard error. */
  get said() {
    return this.#child?.said;
  }

  /** Starts it; gives its first status when it takes reads and writes. */
  async start(config) {
    trace('start', this.id, this.kind.constructor.name, config['@domain'], config.genesis);
    this.#folder ??= mkdtempSync(join(tmpdir(), 'meldgate-clone-'));
    const child = this.#child = this.kind.take(this.#folder, config);
    this.#lines = createInterface({ input: child.stdout });
    const started = new Promise((resolve, reject) => {
      this.#lines.on('line', line => this.#heard(line, resolve, reject));
      // Not `exit`, after which there may be lines to come.
      this.#exited = (code, signal) => {
        const why = new Error(`${this.id}: the process ended (${code ?? signal}) ${child.said}`);
        this.#left(child, why);
        reject(why);
      };
      child.once('close', this.#exited);
    });
    try {
      return await within(START_MS, `${this.id}: start`, started);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  read(pattern) {
    return this.#ask({ read: pattern });
  }

  write(pattern) {
    return this.#ask({ write: pattern });
  }

  /** Ends it in order. One that has closed by itself is ended all the same. */
  async stop() {
    const child = this.#child;
    if (child == null)
      return;
    try {
      if (!this.closed)
        await within(STOP_MS, `${this.id}: close`, this.#ask({ close: null }));
      if (this.kind.give(child))
        return this.#left(child, new Error(`${this.id} was stopped`));
      const gone = once(child, 'close');
      child.stdin.end();
      await within(STOP_MS, `${this.id}: exit`, gone);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Ends its process as a crash does. */
  async kill() {
    const child = this.#child;
    if (child == null)
      return;
    trace('kill', this.id);
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  /** Forgets its data, and that it was ever there. */
  destroy() {
    if (this.#folder != null) {
      rmSync(this.#folder, { recursive: true, force: true });
      rmSync(keyFile(this.#folder), { force: true });
    }
    this.wire.end();
  }

  #heard(line, resolve, reject) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return; // a library printed something
    }
    const { id, answer, error, started, status, update, closed } = message;
    trace('said', this.id, message);
    if (id != null) {
      const asked = this.#waiting.get(id);
      this.#waiting.delete(id);
      error == null ? asked?.resolve(answer) : asked?.reject(new Error(error));
    } else if (started != null) {
      this.closed = false;
      resolve(started);
    } else if (status != null) {
      this.emit('status', status);
    } else if (update != null) {
      this.emit('update', update);
    } else if (closed !== undefined) {
      this.closed = true;
      reject(new Error(closed ?? 'closed'));
      this.emit('closed', closed);
    }
  }

  #ask(request) {
    if (this.#child == null)
      return Promise.reject(new Error(`${this.id} is not started`));
    const id = this.#next++;
    trace('asked', this.id, id, request);
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    return answer;
  }

  #left(child, why) {
    if (this.#child !== child)
      return;
    this.#child = undefined;
    this.#lines.close();
    child.off('close', this.#exited);
    for (const { reject } of this.#waiting.values())
      reject(why);
    this.#waiting.clear();
    this.emit('gone', why);
  }
}
