// A clone that is cut off and comes back has what it missed, and others have what it did meanwhile.
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { cells } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';

const WRITES = 20;

describe('reconnection', () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('reconnect', { remotesAuth: ['anon'] });
  });
  after(() => gateway?.dispose());

  for (const { engine, transport, label } of cells) {
    describe(label, () => {
      let party;
      let one;
      let two;
      before(async () => {
        party = new Party(gateway, await gateway.configuration(account), { engine, transport });
        one = await party.join('one');
        two = await party.join('two');
        await party.join('three');
      });
      after(() => party?.stop());

      it('catches up after it was away', async () => {
        await two.cut({ stay: true });
        await one.write({ '@id': 'away', seen: 'by others' });
        await two.write({ '@id': 'alone', written: 'offline' });
        await converge([two], { away: null, alone: { '@id': 'alone', written: 'offline' } });
        await two.reconnect();
        await converge(party.clones, {
          away: { '@id': 'away', seen: 'by others' },
          alone: { '@id': 'alone', written: 'offline' }
        });
      });

      it('lets the genesis be away too', async () => {
        await one.cut({ stay: true });
        await two.write({ '@id': 'genesis', missed: true });
        await one.reconnect();
        await converge(party.clones, { genesis: { '@id': 'genesis', missed: true } });
      });

      it('loses nothing while everybody writes and connections break', async () => {
        const expected = {};
        const connects = clone => clone.sockets.filter(what => what === 'connect').length;
        const before = party.clones.map(connects);
        const writes = party.clones.map(async (clone, i) => {
          for (let n = 0; n < WRITES; n++) {
            expected[`w${i}-${n}`] = { '@id': `w${i}-${n}`, n };
            await clone.write({ '@id': `w${i}-${n}`, n });
            if (n === 5 * (i + 1))
              await clone.cut(); // the client library comes back by itself
          }
        });
        await Promise.all(writes);
        for (const [i, clone] of party.clones.entries())
          await clone.until(`${clone.name} connects again`, () => connects(clone) > before[i]);
        // Three clones that come back at once can each take an answer from one that is behind as well (with any
        // server). A clone finds such a gap by the next operation that it cannot apply without what it misses.
        for (const [i, clone] of party.clones.entries()) {
          expected[`last-${i}`] = { '@id': `last-${i}`, of: clone.name };
          await clone.write(expected[`last-${i}`]);
        }
        await converge(party.clones, expected, 40_000);
      });
    });
  }
});
