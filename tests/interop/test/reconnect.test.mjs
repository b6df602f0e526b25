// A clone that is cut off and comes back has what it missed, and others have what it did meanwhile.
import { before, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { settle } from '../lib/settle.mjs';
import { onEachCell } from '../lib/stage.mjs';

const WRITES = 20;

onEachCell('reconnection', 'reconnect', stage => {
  let party;
  let one;
  let two;
  before(async () => {
    ({ party } = stage);
    one = await party.join('one');
    two = await party.join('two');
    await party.join('three');
  });

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
    await settle(party.clones, expected);
  });
});
