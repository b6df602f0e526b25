// The clones of a spec of ours. The suite's own leave it to the orchestrator of which kind a clone is; ours say it, so that
// each kind is the first of a domain, the one who is cut off, the one who comes later.
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { connectRaw } from '../lib/raw.mjs';
import { within } from '../lib/wait.mjs';
import { harness } from './harness.mjs';

const { Clone } = createRequire(import.meta.url)('@m-ld/m-ld-test');
const PATIENCE_MS = 15_000;
/** What clones wait for one another: long enough on a machine that is busy with others. */
const NETWORK_TIMEOUT_MS = 2000;
/** The most that a spec with many steps may take, on a machine that is busy with others. */
export const LONG_MS = 120_000;

/** Kinds of clones that a spec is run with: of who begins the domain, and of who joins. */
const PAIRS = {
  native: [['native', 'native']],
  js: [['js', 'js']],
  mixed: [['native', 'js'], ['js', 'native']]
};

/** Describes the same for each pair of kinds. */
export function withEachPair(what, body) {
  for (const [first, second] of PAIRS[harness.mode])
    describe(`${what}, ${first} then ${second}`, () => body(first, second));
}

/** Leaves a spec that JavaScript clones are known to fail, and says why. With COMPLIANCE_KNOWN=1 it is gone on with. */
export function known(reason) {
  if (!process.env.COMPLIANCE_KNOWN)
    pending(reason);
}

/** A clone, with the interface that `converge` and `agree` of `clone-process.mjs` want. Emits `change`. */
class Member extends EventEmitter {
  /** The updates that it told of. */
  told = [];
  sockets = [];
  status = {};
  /** Why it closed by itself; `undefined` while it is open. */
  closed;
  #clone;
  #leaving = false;

  constructor(name, kind, config) {
    super();
    this.setMaxListeners(50);
    Object.assign(this, { name: `${name} (${kind})`, kind });
    const change = happened => value => {
      happened(value);
      this.emit('change');
    };
    this.#clone = new Clone({ networkTimeout: NETWORK_TIMEOUT_MS, ...config, kind })
      .on('updated', change(update => this.told.push(update)))
      .on('status', change(status => this.status = status))
      .on('closed', change(() => this.closed ??= this.#leaving ? undefined : 'it closed'));
  }

  get updates() {
    return this.told.length;
  }

  /** Starts it, or starts it again on its data; there it has what the others have. */
  async start() {
    this.#leaving = false;
    this.closed = undefined;
    this.status = {};
    await this.#clone.start();
    await this.isCurrent();
    return this;
  }

  write(pattern) { return this.#clone.transact(pattern); }
  read(pattern) { return this.#clone.transact(pattern); }
  async get(id) { return (await this.read({ '@describe': id }))[0] ?? null; }

  /** Cuts it off. */
  async leave() {
    await this.#clone.partition(true);
    await this.until('it is offline', () => this.status.online === false);
  }

  /** Lets it come back, and waits until it has what the others have. */
  async comeBack() {
    await this.#clone.partition(false);
    await this.isCurrent();
  }

  isCurrent() {
    return this.until('it has what others have', () => this.status.online === true && this.status.outdated === false);
  }

  /** Waits until `condition` holds; it is asked again whenever something changes. */
  async until(what, condition) {
    const end = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (this.closed != null)
        throw new Error(`${this.name}: ${this.closed}, before ${what}`);
      await within(end - performance.now(), `${this.name}: ${what}`, once(this, 'change'));
    }
  }

  /** Ends it as a crash does. */
  kill() {
    this.#leaving = true;
    return this.#clone.kill();
  }

  /** Ends it in order; it can be started again. */
  stop() {
    this.#leaving = true;
    return this.#clone.stop();
  }

  destroy() {
    this.#leaving = true;
    return this.#clone.destroy();
  }
}

/** The clones of one domain. */
export class Party {
  members = [];
  #raws = [];

  /** A clone that is not started. */
  member(name, kind, config) {
    const member = new Member(name, kind, config);
    this.members.push(member);
    return member;
  }

  /** Starts a clone; the first one begins the domain. */
  join(name, kind, config) {
    return this.member(name, kind, config).start();
  }

  /** The domain's name. */
  async domain() {
    const { domain } = await harness.orchestrator.domain(Clone.domain);
    return domain;
  }

  /** Somebody who is connected to the domain's room and is no clone. */
  async listen() {
    const raw = await connectRaw(harness.gateway, { domain: await this.domain() });
    this.#raws.push(raw);
    return raw;
  }

  /** None of them has closed by itself. */
  areOpen() {
    for (const { name, closed } of this.members)
      expect(closed).withContext(name).toBeUndefined();
  }

  /** Ends all of them, whatever happened. */
  async end() {
    this.#raws.forEach(raw => raw.close());
    await Promise.allSettled(this.members.map(member => member.destroy()));
  }
}

/** The bytes of each operation that a listener has heard. */
export const operations = raw => raw.heard.filter(([event]) => event === 'operation').map(([, bytes]) => bytes);
