// The parent's side of `clone.mjs`.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { within } from './wait.mjs';

const WORKER = fileURLToPath(new URL('../clone.mjs', import.meta.url));
const COMMAND_MS = 30_000;

/** A clone in another process. Emits `change` whenever it may have new data, and `update` with what it was told. */
export class CloneProcess extends EventEmitter {
  /** How many updates it told of. */
  updates = 0;
  /** What befell its connection, as `connect`, `disconnect: ≪reason≫` or `refused: ≪reason≫`. */
  sockets = [];
  /** Why the clone closed by itself; `undefined` while it is open. */
  closed;
  #waiting = new Map();
  #next = 1;
  #child;
  #stderr = '';

  constructor({ ca, name = 'clone' }) {
    super();
    this.name = name;
    this.#child = spawn(process.execPath, [WORKER], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: ca, NODE_OPTIONS: '' }
    });
    this.#child.stdin.on('error', () => { /* told by `exit` */ });
    this.#child.stderr.on('data', chunk => this.#stderr = (this.#stderr + chunk).slice(-4000));
    this.#child.on('exit', (code, signal) => this.#ended(`process ended (${code ?? signal})\n${this.#stderr}`));
    createInterface({ input: this.#child.stdout }).on('line', line => this.#heard(line));
  }

  #heard(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return; // a library printed something
    }
    const { id, ok, error, event } = message;
    if (event === 'update') {
      this.updates++;
      this.emit('update', message.update);
      this.emit('change');
    } else if (event === 'socket') {
      this.sockets.push(message.reason == null ? message.what : `${message.what}: ${message.reason}`);
      this.emit('change');
    } else if (event === 'closed') {
      this.closed ??= message.error ?? 'closed';
      this.emit('change');
    } else if (this.#waiting.has(id)) {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      error == null ? resolve(ok) : reject(new Error(`${this.name}: ${error}`));
    }
  }

  #ended(why) {
    this.closed ??= why;
    for (const { reject } of this.#waiting.values())
      reject(new Error(`${this.name}: ${why}`));
    this.#waiting.clear();
    this.emit('change');
  }

  #ask(verb, args = {}, ms = COMMAND_MS) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify({ id, do: verb, ...args })}\n`);
    return within(ms, `${this.name}: ${verb}`, answer);
  }

  start(engine, config, { text = [], signer } = {}) { return this.#ask('start', { engine, config, text, signer }); }
  status(becomes) { return this.#ask('status', { becomes }); }
  write(pattern) { return this.#ask('write', { pattern }); }
  read(pattern) { return this.#ask('read', { pattern }); }
  get(subject) { return this.#ask('get', { subject }); }
  operations() { return this.#ask('operations'); }
  requests() { return this.#ask('requests'); }
  transactions() { return this.#ask('transactions'); }
  transport() { return this.#ask('transport'); }
  cut({ stay = false } = {}) { return this.#ask('cut', { stay }); }
  reconnect() { return this.#ask('reconnect'); }

  /** Waits until `condition` holds; it is asked again whenever something changes. */
  async until(what, condition) {
    while (!condition())
      await within(COMMAND_MS, what, once(this, 'change'));
  }

  /** Stops the process in its tracks: its connection stays open and takes nothing. */
  freeze() { this.#child.kill('SIGSTOP'); }
  thaw() { this.#child.kill('SIGCONT'); }

  /** Ends the process, politely if it will. */
  async stop() {
    if (this.#child.exitCode != null || this.#child.signalCode != null)
      return;
    const gone = once(this.#child, 'exit');
    try {
      this.thaw();
      if (this.closed == null)
        await this.#ask('close', {}, 3000);
      this.#child.stdin.end();
      await within(2000, `${this.name}: end`, gone);
    } catch {
      this.#child.kill('SIGKILL');
      await gone;
    }
  }
}

/** Values of a property have no order, and a single one may come alone or in an array. */
export function canonical(value) {
  if (Array.isArray(value)) {
    const members = value.map(canonical).sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    return members.length === 1 ? members[0] : members;
  }
  if (value == null || typeof value != 'object')
    return value;
  return Object.fromEntries(Object.keys(value).sort().map(key =>
    // A list's members do have an order
    [key, key === '@list' ? [value[key]].flat().map(canonical) : canonical(value[key])]));
}

/** Waits until each of `clones` reads `expected` ({subject id: subject or null}), and none has closed. */
export async function converge(clones, expected, ms = 20_000) {
  const wanted = canonical(expected);
  const end = performance.now() + ms;
  for (const clone of clones) {
    for (;;) {
      const seen = clone.updates;
      if (clone.closed != null)
        throw new Error(`${clone.name} closed by itself: ${clone.closed}`);
      const found = {};
      for (const id of Object.keys(expected))
        found[id] = await clone.get(id);
      if (isDeepStrictEqual(canonical(found), wanted))
        break;
      const left = end - performance.now();
      if (left <= 0) {
        throw new Error(`${clone.name} did not converge in ${ms} ms\n  has    ${JSON.stringify(canonical(found))}` +
          `\n  wanted ${JSON.stringify(wanted)}\n  sockets ${clone.sockets.join(', ')}`);
      }
      if (clone.updates === seen)
        await within(left, 'a change', once(clone, 'change')).catch(() => { /* the last look is above */ });
    }
  }
}

/** Waits until all of `clones` read the same for `ids`, and it is `enough`; gives it. */
export async function agree(clones, ids, enough = () => true, ms = 20_000) {
  const end = performance.now() + ms;
  for (;;) {
    const seen = clones.map(clone => clone.updates);
    const states = await Promise.all(clones.map(async clone => {
      const found = {};
      for (const id of ids)
        found[id] = await clone.get(id);
      return canonical(found);
    }));
    if (states.every(state => isDeepStrictEqual(state, states[0])) && enough(states[0]))
      return states[0];
    const left = end - performance.now();
    if (left <= 0)
      throw new Error(`no agreement in ${ms} ms:\n${states.map(state => JSON.stringify(state)).join('\n')}`);
    if (clones.every((clone, i) => clone.updates === seen[i])) {
      await within(left, 'a change', Promise.race(clones.map(clone => once(clone, 'change'))))
        .catch(() => { /* the last look is above */ });
    }
  }
}
