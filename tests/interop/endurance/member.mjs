// A clone that takes part, with all that it says written down.
import { EventEmitter } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Clone } from '../compliance/clones.mjs';
import { within } from '../lib/wait.mjs';

/** What takes longer never ends: other things may go on on the machine. */
const ANSWER_MS = 120_000;

/** A clone with an identity, a line and data of its own, which outlive its processes. Can be waited for, see `converge`. */
export class Member extends EventEmitter {
  updates = 0;
  sockets = [];
  /** Why it closed by itself; `undefined` while it did not. */
  closed = undefined;
  /** The status that it told last. */
  status = {};
  /** Whether it is to be running. */
  up = false;
  #clone;
  #log;

  /** `folder` is where it keeps its data and its log. */
  constructor(name, kind, line, folder) {
    super();
    this.setMaxListeners(50);
    Object.assign(this, { name, kind, line });
    const data = join(folder, 'data', name);
    mkdirSync(data, { recursive: true });
    this.#log = createWriteStream(join(folder, `${name}.log`));
    this.#clone = new Clone(name, kind, line, data)
      .on('update', update => { this.updates++; this.note({ update }); })
      .on('status', status => { this.status = status; this.note({ status }); })
      .on('closed', why => this.#ended(why ?? 'closed'))
      .on('gone', why => this.#ended(why.message));
  }

  /** Writes down what happened. */
  note(what) {
    if (!this.#log.writableEnded)
      this.#log.write(`${JSON.stringify({ at: new Date().toISOString(), ...what })}\n`);
    this.emit('change');
  }

  #ended(why) {
    if (this.up)
      this.closed ??= why;
    this.note({ ended: why, itself: this.up });
  }

  /** Starts it; it is up once it takes reads and writes. */
  async start(config) {
    this.note({ start: config['@id'] });
    this.status = await this.#clone.start(config);
    this.closed = undefined;
    this.up = true;
    this.note({ started: this.status });
  }

  async write(pattern) {
    this.note({ write: pattern });
    await within(ANSWER_MS, `${this.name}: write`, this.#clone.write(pattern));
    this.note({ wrote: pattern });
  }

  read(pattern) {
    return within(ANSWER_MS, `${this.name}: read`, this.#clone.read(pattern));
  }

  async get(id) {
    const [subject] = await this.read({ '@describe': id });
    return subject ?? null;
  }

  async stop() {
    this.up = false;
    this.note({ stop: true });
    await this.#clone.stop();
  }

  async kill() {
    this.up = false;
    this.note({ kill: true });
    await this.#clone.kill();
  }

  /** Forgets its data, unless that is to be kept; what it said stays. */
  destroy({ keep = false } = {}) {
    keep ? this.line.end() : this.#clone.destroy();
    this.#log.end();
  }

  /** The end of what its process said on standard error. */
  get said() {
    return this.#clone.said;
  }

  /** MiB of memory that its process has; nothing, if it has ended. */
  get memory() {
    return memory(this.#clone.pid);
  }
}

/** MiB of memory that a process has. */
export function memory(pid) {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Math.round(kib / 1024);
  } catch {
    return undefined;
  }
}
