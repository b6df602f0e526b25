// Ten clones of both engines in one named subdomain, while their lines, they themselves and the gateway fail by seeded
// chance. Every now and then all goes well for a while: then everybody must have the same, and all that was confirmed.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { JavaScript, Native } from '../compliance/clones.mjs';
import { Gateway, meldgate } from '../lib/gateway.mjs';
import { everything, sameEverywhere, Served } from '../lib/hosted.mjs';
import { ENGINES } from '../lib/matrix.mjs';
import { Random } from '../lib/random.mjs';
import { settle } from '../lib/settle.mjs';
import { memory } from './member.mjs';
import { Place } from './place.mjs';

const PLACES = 10;
const KINDS = ['native', '0.10.0', 'native', 'edge'];
/** The first of the places, one of each engine, keep their processes: their memory is that of a long run. */
const STEADY = 2;
/** How long things go wrong before all has to be well for once. */
const ROUND_S = 60;
/** Between one end of the gateway and the next, at most. */
const GATEWAY_PEACE_MS = 20_000;
const GATEWAY_DOWN_MS = 2000;
/** Times that everybody writes once more until all are up to date: one may ask all the others in turn. */
const SETTLING = 40;
const SAME_MS = 60_000;

/** Who is silent is found out soon, and nobody minds that all of them come from one machine, again and again. */
const SETTINGS = {
  MELDGATE_SOCKETS__PING_INTERVAL: '2s', MELDGATE_SOCKETS__PING_TIMEOUT: '3s',
  MELDGATE_LIMITS__CONNECTS_PER_SOURCE: '5000 per 1m', MELDGATE_LIMITS__CONNECTS_PER_ACCOUNT: '5000 per 1m'
};

/**
 * Has it go on for so many `seconds`; what clones say is kept in `folder`. `tell` is called with a line for each round.
 * Throws at the first that is not as it has to be.
 */
export async function endure({ seconds, seed, folder, tell }) {
  mkdirSync(folder, { recursive: true });
  const world = new World(seed, folder, tell);
  try {
    await world.start();
    const end = performance.now() + seconds * 1000;
    for (let left = seconds; left > 0; left = (end - performance.now()) / 1000)
      await world.round(Math.min(ROUND_S, left));
    await world.isGivenToWhoComes();
    world.sum();
  } catch (error) {
    await world.keep(error);
    throw error;
  } finally {
    await world.end();
  }
}

/**
 * All that a clone has but for the indexes of slots, which each keeps for itself: JavaScript clones leave some out, or
 * behind, whatever the server, after an operation that inserts into a list before and after what it deletes, as their fusions
 * do. What is in the lists does not depend on them.
 */
async function shared(clone) {
  const state = await everything(clone);
  return Object.fromEntries(Object.entries(state)
    .map(([id, { '@index': _, ...subject }]) => [id, subject])
    .filter(([, subject]) => Object.keys(subject).length > 1));
}

class World {
  places = [];
  #rounds = 0;
  #counts = {};
  #since;
  /** MiB by what has them: at the first round, at the last, at most. */
  #memory = new Map();
  /** Subjects that were written to be waited for. */
  #passing = [];

  constructor(seed, folder, tell) {
    Object.assign(this, { seed, folder, tell, random: new Random(seed) });
  }

  async start() {
    this.#since = performance.now();
    this.gateway = await Gateway.start({ env: SETTINGS });
    this.port = new URL(this.gateway.origin).port;
    const account = await this.gateway.account('endurance', { remotesAuth: ['key'] });
    this.config = await this.gateway.api('PUT', '/domain/endurance/domain', { auth: account.auth });
    this.config.io.opts.auth = { user: account.name, key: account.key };
    this.served = new Served(this.gateway, account, 'domain');
    const { ca_file: ca } = this.gateway;
    // A JavaScript engine that closes while it waits for an answer leaves a promise behind, of which Node would die.
    const env = { CLONE_NAMES: 'own', NODE_OPTIONS: '--unhandled-rejections=warn' };
    const scripts = Object.entries(ENGINES).map(([name, engine]) => [name, new JavaScript(ca, { engine, ahead: 1, env })]);
    this.kinds = { native: new Native(meldgate(), ca), ...Object.fromEntries(scripts) };
    await this.served.write({ '@id': 'list', '@list': ['x', 'y', 'z'] });
    this.places = Array.from({ length: PLACES }, (_, i) =>
      new Place(this, `${i}-${KINDS[i % KINDS.length]}`, KINDS[i % KINDS.length], { steady: i < STEADY }));
    await Promise.all(this.places.map(place => place.fill()));
  }

  count(what) {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  get #members() {
    return this.places.map(place => place.member);
  }

  /** Things go wrong for so many seconds, and then all is well again. */
  async round(seconds) {
    const round = ++this.#rounds;
    const over = new AbortController();
    const gateway = this.#gatewaySuffers(over.signal);
    const lives = [gateway, ...this.places.map(place => place.begin(round))];
    try {
      const enough = delay(seconds * 1000, undefined, { signal: over.signal });
      // None of the lives ends by itself, but for a failure.
      await Promise.race([enough, ...lives]);
    } finally {
      over.abort();
      await Promise.allSettled([gateway]);
    }
    await Promise.all([gateway, ...this.places.map(place => place.quiet())]);
    await this.#isTheSame(round);
    await this.#tidy();
  }

  async #gatewaySuffers(signal) {
    const random = this.random.fork();
    for (;;) {
      await delay(random.below(GATEWAY_PEACE_MS), undefined, { signal }).catch(() => { /* it is over */ });
      if (signal.aborted)
        return;
      this.count('gateway');
      await this.gateway.stop(random.of(['SIGTERM', 'SIGKILL']));
      await delay(random.below(GATEWAY_DOWN_MS));
      await this.gateway.start();
    }
  }

  async #isTheSame(round) {
    const begun = performance.now();
    const all = [this.served, ...this.#members];
    const expected = {};
    await settle(all, expected, { name: `round${round}-settled`, rounds: SETTLING });
    const state = await sameEverywhere(all, undefined, SAME_MS, shared);
    await sameEverywhere([this.served, ...this.#members.filter(({ kind }) => kind === this.kinds.native)]);
    for (const { member, owed } of this.places) {
      for (const [subject, numbers] of owed) {
        const there = new Set([state[subject]?.did].flat());
        const missing = numbers.filter(number => !there.has(number));
        assert.deepEqual(missing, [], `${member.name} confirmed what is not there, of ${subject}`);
      }
    }
    this.#passing = Object.keys(state).filter(subject => /^round\d/.test(subject));
    this.#weigh();
    const took = ((performance.now() - begun) / 1000).toFixed(1);
    this.tell(`round ${round}: the same everywhere after ${took} s, ${Object.keys(state).length} subjects, ` +
      `${[state.list?.['@list'] ?? []].flat().length} in the list`);
  }

  /** Removes what was written to be waited for. */
  async #tidy() {
    const [{ member }] = this.places;
    for (const subject of this.#passing)
      await member.write({ '@delete': { '@id': subject, '?p': '?o' } });
    this.places.forEach(({ owed }) => owed.clear());
  }

  #weigh() {
    const weigh = (what, now) => {
      const { first = now, most = 0 } = this.#memory.get(what) ?? {};
      this.#memory.set(what, { first, last: now, most: Math.max(most, now) });
    };
    for (const { member, name, steady } of this.places.filter(({ steady }) => steady))
      weigh(`${name} (never restarted)`, member.memory);
    for (const engine of new Set(KINDS)) {
      const others = this.places.filter(place => place.engine === engine && !place.steady);
      weigh(`the largest ${engine} of the others`, Math.max(...others.map(({ member }) => member.memory ?? 0)));
    }
    weigh('gateway (restarted at times)', memory(this.gateway.pid));
  }

  /** Who comes last, of each engine, has the same too. */
  async isGivenToWhoComes() {
    const late = ['native', ...Object.keys(ENGINES)].map(engine => new Place(this, `late-${engine}`, engine));
    this.places.push(...late);
    await Promise.all(late.map(place => place.fill()));
    await sameEverywhere([this.served, ...this.#members], undefined, SAME_MS, shared);
  }

  /** Says what it was. */
  sum() {
    const minutes = ((performance.now() - this.#since) / 60_000).toFixed(1);
    this.tell(`seed ${this.seed}: ${this.#rounds} rounds in ${minutes} minutes`);
    this.tell(Object.entries(this.#counts).sort().map(([what, count]) => `${count} × ${what}`).join(', '));
    for (const [what, { first, last, most }] of this.#memory)
      this.tell(`memory of ${what}: ${first} MiB after the first round, ${last} after the last, ${most} at most`);
  }

  /** Keeps what everybody has, to be looked into. */
  async keep(error) {
    this.tell(`seed ${this.seed}, round ${this.#rounds}: ${error.stack}`);
    this.sum();
    this.gateway && writeFileSync(join(this.folder, 'gateway.log'), this.gateway.log(1 << 24));
    await Promise.allSettled([this.served, ...this.#members].filter(Boolean).map(async clone => {
      if (clone.said)
        writeFileSync(join(this.folder, `${clone.name}.stderr`), clone.said);
      const state = await everything(clone);
      writeFileSync(join(this.folder, `${clone.name}.state.json`), JSON.stringify(state, null, 1));
    }));
    this.kept = true;
  }

  async end() {
    await Promise.allSettled(this.places.map(place => place.leave({ keep: this.kept })));
    Object.values(this.kinds ?? {}).forEach(kind => kind.end?.());
    await this.gateway?.dispose();
  }
}
