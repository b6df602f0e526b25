// A place among the ten: who has it writes, and suffers.
import { setTimeout as delay } from 'node:timers/promises';
import { cloneId } from '../lib/ids.mjs';
import { Line } from './line.mjs';
import { Member } from './member.mjs';
import { change } from './changes.mjs';

/** Between one write and the next, on average. */
const WRITE_MS = 1000;
/** Between one trouble and the next, at most. */
const PEACE_MS = 8000;
/** How long a weather lasts, at most. */
const WEATHER_MS = 6000;
/** How long a clone is down, at most. */
const DOWN_MS = 2500;
/** How often somebody tries to start before that is a finding. */
const STARTS = 5;

const CHANCES = { cut: 4, slow: 2, still: 2, lost: 2 };
/** Only for places that are not steady. */
const HARSH = { crash: 3, restart: 2, replacement: 1 };
const lots = chances => Object.entries(chances).flatMap(([what, times]) => Array(times).fill(what));
const MILD_LOTS = lots(CHANCES);
const ALL_LOTS = lots({ ...CHANCES, ...HARSH });

export class Place {
  /** What `member` was told is done, by subject: it must be everywhere once all is quiet. */
  owed = new Map();
  #world;
  #random;
  #over;
  #running;
  #comers = 0;

  /** A `steady` one's process is never ended. */
  constructor(world, name, engine, { steady = false } = {}) {
    this.#world = world;
    this.#random = world.random.fork();
    Object.assign(this, { name, engine, steady });
  }

  /** Has somebody new come. Gives up only after several attempts. */
  async fill() {
    for (let attempt = 1; ; attempt++) {
      const line = await Line.to(this.#world.port, this.#random.fork());
      const name = `${this.name}-${++this.#comers}`;
      this.member = new Member(name, this.#world.kinds[this.engine], line, this.#world.folder);
      this.owed.clear();
      this.#id = cloneId(name);
      this.#count('join');
      try {
        return await this.member.start(this.#config());
      } catch (error) {
        // What it has of a snapshot by now is nothing to begin with.
        await this.#failed(attempt, error);
        this.member.destroy();
      }
    }
  }

  /** Writes and suffers until `quiet`. */
  begin(round) {
    this.#over = new AbortController();
    this.#running = Promise.all([this.#write(`round${round}`), this.#suffer()]);
    // Who waits for it may do so later.
    this.#running.catch(() => { /* thrown by `quiet` */ });
    return this.#running;
  }

  /** Ends what it suffers. Its clone runs then, and its line is fair. */
  async quiet() {
    this.#over.abort();
    await this.#running;
  }

  /** Ends it for good; its data can be kept, to be looked into. */
  async leave({ keep = false } = {}) {
    this.#over?.abort();
    await Promise.allSettled([this.#running]);
    await this.member?.kill();
    this.member?.destroy({ keep });
  }

  #id;

  #config() {
    const { config } = this.#world;
    const opts = { ...config.io.opts, reconnectionDelay: 100, reconnectionDelayMax: 500, transports: ['websocket'] };
    const uri = `https://localhost:${this.member.line.port}`;
    return { ...config, '@id': this.#id, logLevel: 'warn', genesis: false, io: { uri, opts } };
  }

  async #write(round) {
    for (let n = 0; !this.#over.signal.aborted; n++) {
      await this.#pause(2 * WRITE_MS);
      const { member } = this;
      if (!member.up)
        continue;
      const subject = `${round}-${member.name}`;
      const pattern = this.#random.below(3) ? change(this.#random) : { '@id': subject, did: n };
      try {
        await member.write(pattern);
      } catch (error) {
        if (member.up)
          throw error;
        continue; // it was stopped, or killed
      }
      this.#count('write');
      if (pattern.did != null && member === this.member)
        this.owed.set(subject, [...this.owed.get(subject) ?? [], n]);
    }
  }

  async #suffer() {
    for (;;) {
      await this.#pause(PEACE_MS);
      if (this.#over.signal.aborted)
        return;
      const trouble = this.#random.of(this.steady ? MILD_LOTS : ALL_LOTS);
      this.#count(trouble);
      trouble in CHANCES ? await this.#weather(trouble) : await this.#troubles[trouble]();
      if (this.member.closed != null)
        throw new Error(`${this.member.name} closed by itself: ${this.member.closed}`);
    }
  }

  async #weather(weather) {
    this.#sets(weather);
    await this.#pause(WEATHER_MS);
    this.#sets('fair');
  }

  #troubles = {
    /** It is killed, at times with something to say that nobody has heard. */
    crash: async () => {
      if (this.#random.below(2)) {
        this.#sets('cut');
        await this.#pause(DOWN_MS);
      }
      // A JavaScript clone that dies while it takes a snapshot would take what it has of it for the whole.
      if (this.engine === 'native' || this.member.status.outdated === false)
        await this.member.kill();
      else
        await this.#stop();
      await this.#pause(DOWN_MS);
      this.#sets('fair');
      await this.#again();
    },
    /** It is stopped in order, and comes back. */
    restart: async () => {
      await this.#stop();
      await this.#pause(DOWN_MS);
      await this.#again();
    },
    /** It leaves for good, and somebody else comes. */
    replacement: async () => {
      const { member } = this;
      await (this.#random.below(2) ? member.kill() : this.#stop());
      member.destroy();
      await this.#pause(DOWN_MS);
      await this.fill();
    }
  };

  async #stop() {
    try {
      await this.member.stop();
    } catch (error) {
      if (this.engine === 'native')
        throw error;
      // It is dead all the same.
      this.member.note({ failed: error.message });
      this.#count('failed stop');
    }
  }

  /** Starts the same again, on its data. */
  async #again() {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.member.start(this.#config());
      } catch (error) {
        await this.#failed(attempt, error);
      }
    }
  }

  async #failed(attempt, error) {
    this.member.note({ attempt, failed: error.message });
    this.#count('failed start');
    if (attempt === STARTS)
      throw error;
    await delay(500);
  }

  #sets(weather) {
    this.member.note({ weather });
    this.member.line.weather = weather;
  }

  #count(what) {
    this.#world.count(what);
  }

  /** Waits by chance; not at all once it is over. */
  #pause(longest) {
    return delay(this.#random.below(longest), undefined, { signal: this.#over?.signal }).catch(() => { /* it is over */ });
  }
}
