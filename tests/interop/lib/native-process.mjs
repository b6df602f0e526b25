// A native clone in a process of its own, with the interface of `CloneProcess`.
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { meldgate } from './gateway.mjs';
import { within } from './wait.mjs';
import { Wire } from './wire.mjs';

const COMMAND_MS = 30_000;

/** Those that run: none may outlive this process, however it ends. */
const running = new Set();
process.once('exit', () => running.forEach(child => child.kill('SIGKILL')));

/** A native clone. Emits `change` whenever it may have new data or status. */
export class NativeProcess extends EventEmitter {
  /** How many updates it told of, and the last of them. */
  updates = 0;
  update;
  /** How often it said that it has to catch up, since it was started. */
  outdated = 0;
  /** What befell its connection; `meldgate clone` tells nothing of that. */
  sockets = [];
  /** Why the clone closed by itself; `undefined` while it is open. */
  closed;
  #waiting = new Map();
  #next = 1;
  #child;
  #stderr = '';
  #status;
  #stopping = false;

  /** With `data`, a folder, it keeps its data. */
  constructor({ ca, name = 'native', data }) {
    super();
    this.setMaxListeners(50);
    Object.assign(this, { ca, name, data });
  }

  /** Starts it, or starts it again as it was. */
  async start(_, config = this.config, { text = this.text } = {}) {
    Object.assign(this, { config, text });
    this.wire ??= await Wire.to(new URL(config.io.uri).port);
    const uri = `https://localhost:${this.wire.port}`;
    const args = ['clone', '--config', '-', '--ca-file', this.ca, ...this.data ? ['--data', this.data] : []];
    const child = this.#child = spawn(meldgate(), args, { stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    this.#stopping = false;
    this.closed = this.#status = undefined;
    child.stdin.on('error', () => { /* told by `exit` */ });
    child.stderr.on('data', chunk => this.#stderr = (this.#stderr + chunk).slice(-4000));
    createInterface({ input: child.stdout }).on('line', line => this.#heard(JSON.parse(line)));
    // Not `exit`, after which there may be lines to come.
    child.once('close', (code, signal) => {
      running.delete(child);
      if (!this.#stopping)
        this.closed ??= `process ended (${code ?? signal}) ${this.#stderr}`;
      this.#waiting.forEach(({ reject }) => reject(new Error(`${this.name}: ${this.closed ?? 'stopped'}`)));
      this.#waiting.clear();
      this.emit('change');
    });
    const opts = { ...config.io.opts, reconnectionDelay: 100, reconnectionDelayMax: 500 };
    child.stdin.write(`${JSON.stringify({ ...config, text, io: { uri, opts } })}\n`);
    await this.until(`${this.name}: start`, () => this.#status != null);
  }

  #heard({ id, answer, error, started, status, update, closed }) {
    if (id != null) {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      return error == null ? resolve(answer) : reject(new Error(`${this.name}: ${error}`));
    }
    this.#status = started ?? status ?? this.#status;
    if (started == null && status?.outdated)
      this.outdated++;
    if (update != null) {
      this.updates++;
      this.update = update;
      this.emit('update', update);
    }
    if (closed != null)
      this.closed = closed;
    this.emit('change');
  }

  #ask(request) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    return within(COMMAND_MS, `${this.name}: ${Object.keys(request)}`, answer);
  }

  write(pattern) { return this.#ask({ write: pattern }); }
  read(pattern) { return this.#ask({ read: pattern }); }
  async get(subject) { return (await this.#ask({ get: subject }))[0] ?? null; }

  async status(becomes = {}) {
    await this.until(`${this.name}: ${JSON.stringify(becomes)}`,
      () => Object.entries(becomes).every(([key, value]) => this.#status[key] === value));
    return this.#status;
  }

  /** Waits until `condition` holds; it is asked again whenever something changes. */
  async until(what, condition) {
    while (!condition()) {
      if (this.closed != null)
        throw new Error(`${this.name} closed by itself: ${this.closed}`);
      await within(COMMAND_MS, what, once(this, 'change'));
    }
  }

  /** Cuts the connection under the clone. Unless `stay`, it can come back at once. */
  async cut({ stay = false } = {}) {
    this.wire.closed = true;
    await this.status({ online: false });
    this.wire.closed = stay;
  }

  async reconnect() {
    this.wire.closed = false;
    await this.status({ online: true });
  }

  freeze() { this.#child.kill('SIGSTOP'); }
  thaw() { this.#child.kill('SIGCONT'); }

  /** Ends the process as a crash does. */
  async kill() {
    const gone = once(this.#child, 'close');
    this.#stopping = true;
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Ends the process in order; gives its exit code. */
  async stop() {
    if (this.#child == null || this.#child.exitCode != null || this.#child.signalCode != null)
      return this.#child?.exitCode;
    const gone = once(this.#child, 'close');
    this.#stopping = true;
    this.thaw();
    this.#child.stdin.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    const [code] = await gone;
    clearTimeout(late);
    return code;
  }
}
