// Named subdomains, whose data the gateway has in a clone of its own.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { canonical } from './clone-process.mjs';
import { Party } from './party.mjs';
import { eventually } from './wait.mjs';

const EVERYTHING = { '@describe': '?id', '@where': { '@id': '?id', '?p': '?o' } };
/** How often one who waits looks again: a state announces nothing to those who read it. */
const LOOK_MS = 50;

/** A subdomain's data as HTTP gives it. Can be waited for as a clone can, see `converge`. */
export class Served extends EventEmitter {
  name = 'the gateway';
  updates = 0;
  closed = undefined;
  sockets = [];

  constructor(gateway, account, subdomain) {
    super();
    Object.assign(this, { gateway, account, path: `/domain/${account.name}/${subdomain}` });
    setInterval(() => this.emit('change'), LOOK_MS).unref();
  }

  /** One request of the Clone API, which need not succeed; gives {status, headers, body}. */
  request(method, path, { auth = this.account.auth, ...options } = {}) {
    return this.gateway.request(method, `/api/v1${this.path}${path}`, { auth, ...options });
  }

  /** As `request`, and the status has to be `status`; gives the body. */
  async ask(status, method, path, options) {
    const answer = await this.request(method, path, options);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  read(pattern) {
    return this.ask(200, 'GET', `/state?q=${encodeURIComponent(JSON.stringify(pattern))}`);
  }

  async get(id) {
    const [subject] = await this.read({ '@describe': id });
    return subject ?? null;
  }

  write(pattern) { return this.ask(200, 'POST', '/state', { body: pattern }); }

  /** Takes the lock and what waits. */
  poll() { return this.ask(201, 'POST', '/poll'); }

  /** Releases the lock: what was polled under it will not come again. */
  unlock() { return this.ask(200, 'DELETE', '/state?lock'); }
}

/** Clones of one named subdomain, and the gateway's own, which was there before them. */
export class HostedParty extends Party {
  /** Makes the subdomain `name` of `account`, which has to let keys in. */
  static async of(gateway, account, name, { body, ...options } = {}) {
    const config = await gateway.api('PUT', `/domain/${account.name}/${name}`, { auth: account.auth, body });
    config.io.opts.auth = { user: account.name, key: account.key };
    const party = new HostedParty(gateway, config, options);
    party.served = new Served(gateway, account, name);
    return party;
  }

  /** Starts one more clone. None is the genesis. */
  join(name, options) { return super.join(name, { ...options, genesis: false }); }

  /** Ends one clone: it has left for good. */
  async leave(clone) {
    await clone.stop();
    this.clones = this.clones.filter(other => other !== clone);
  }
}

/** All that `clone` has, by subject. */
export async function everything(clone) {
  const subjects = await clone.read(EVERYTHING);
  return Object.fromEntries(subjects.map(subject => [subject['@id'], canonical(subject)])
    .sort(([a], [b]) => a < b ? -1 : 1));
}

/** Waits until all of `clones` have the same, as `look` sees it, whatever it is; gives it. */
export async function sameEverywhere(clones, enough = () => true, ms = 20_000, look = everything) {
  let states;
  try {
    return await eventually('the same everywhere', async () => {
      states = await Promise.all(clones.map(look));
      const [first, ...others] = states.map(state => JSON.stringify(state));
      return others.every(other => other === first) && enough(states[0]) && states[0];
    }, { ms });
  } catch (error) {
    states?.slice(1).forEach((state, i) =>
      assert.deepEqual(state, states[0], `${clones[i + 1].name} has not what ${clones[0].name} has`));
    throw error;
  }
}
