// Six clones, the gateway's own and HTTP change the same subjects at once while connections break at random.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { HostedParty, sameEverywhere } from '../lib/hosted.mjs';
import { ENGINES, TRANSPORTS } from '../lib/matrix.mjs';
import { Random } from '../lib/random.mjs';
import { settle } from '../lib/settle.mjs';

const short = process.env.INTEROP === 'short';
const CLONES = 6;
/** Steps of each clone. */
const STEPS = short ? 12 : 60;
/** `INTEROP_SEED` plays one storm again, as far as processes of their own can. */
const SEEDS = process.env.INTEROP_SEED != null ? [Number(process.env.INTEROP_SEED)] : short ? [1] : [1, 2, 3];
const SUBJECTS = ['a', 'b', 'c'];
/** Of each clone's steps, one in so many breaks its connection. */
const ONE_BREAKS = 8;
const FINAL_MS = 60_000;

/**
 * What a clone, or HTTP, can do, by chance. Not edit text: JavaScript clones fuse what they wrote while they were away,
 * and close, whatever the server, on another's fusion that comes after an edit and does not change the same text.
 */
const changes = [
  random => ({ '@id': random.of(SUBJECTS), name: `n${random.below(5)}` }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), name: `n${random.below(5)}` } }),
  random => ({ '@update': { '@id': random.of(SUBJECTS), age: random.below(9) } }),
  random => ({ '@delete': { '@id': random.of(SUBJECTS), '?p': '?o' } }),
  random => ({ '@id': random.of(SUBJECTS), knows: { '@id': random.of(SUBJECTS) } }),
  random => ({ '@id': 'list', '@list': { 0: `l${random.below(9)}` } }),
  random => ({ '@id': 'list', '@list': { 1: [`m${random.below(9)}`, random.below(9)] } }),
  random => ({ '@delete': { '@id': 'list', '@list': { 1: '?' } } })
];

/** How often a connection was there less how often it broke: 1 while it is there. */
const up = clone => clone.sockets.filter(what => what === 'connect').length -
  clone.sockets.filter(what => what.startsWith('disconnect')).length;

/** Breaks the connection, for a moment or until this is called again. */
async function shake(clone, random) {
  if (clone.away) {
    clone.away = false;
    return clone.reconnect();
  }
  await clone.until(`${clone.name} is connected`, () => up(clone) === 1);
  clone.away = random.below(2) === 0;
  clone.broken = true;
  await clone.cut({ stay: clone.away });
}

/** One who changes things; a clone loses its connection at times. */
async function changeThings(clone, random) {
  for (let step = 0; step < STEPS; step++) {
    if (clone.cut != null && random.below(ONE_BREAKS) === 0)
      await shake(clone, random);
    await clone.write(random.of(changes)(random));
  }
}

describe('a storm over a named subdomain', { skip: underTest === 'reference' && 'it has no clones' }, () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('storm', { remotesAuth: ['key'] });
  });
  after(() => gateway?.dispose());

  for (const seed of SEEDS) {
    describe(`of seed ${seed}`, () => {
      const random = new Random(seed);
      let party;
      before(async () => {
        party = await HostedParty.of(gateway, account, `seed-${seed}`);
        await Promise.all(Array.from({ length: CLONES }, (_, i) => party.join(`clone${i}`, {
          engine: Object.keys(ENGINES)[i % 2], transport: Object.keys(TRANSPORTS)[(i >> 1) % 2]
        })));
        const list = ['x', 'y', 'z', 1, 2, 3];
        await party.clones[0].write({ '@id': 'list', '@list': list });
        await converge([party.served, ...party.clones], { list: { '@id': 'list', '@type': 'http://m-ld.org/RdfLseq', '@list': list } });
      });
      after(() => party?.stop());

      it('is survived by all', async () => {
        const { clones, served } = party;
        await Promise.all([served, ...clones].map(clone => changeThings(clone, random.fork())));
        assert.ok(clones.some(clone => clone.broken), 'no connection broke');
        for (const clone of clones.filter(clone => clone.away))
          await clone.reconnect();
        await settle([served, ...clones], {});
      });

      it('leaves the same everywhere', async () => {
        const { list } = await sameEverywhere([party.served, ...party.clones], undefined, FINAL_MS);
        assert.ok(list['@list'].length > 0);
      });

      it('leaves the same to who joins later', async () => {
        const late = await party.join('late');
        await sameEverywhere([party.served, late]);
      });
    });
  }
});
