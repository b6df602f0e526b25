// A genesis and two joiners on a UUID subdomain share inserts, deletes, lists and text.
import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import { agree, converge } from '../lib/clone-process.mjs';
import { onEachCell } from '../lib/stage.mjs';

onEachCell('convergence', 'converge', stage => {
  let party;
  let one;
  let two;
  let three;
  before(async () => {
    ({ party } = stage);
    one = await party.join('one');
    await one.write({ '@id': 'fred', name: 'Fred', age: 40 });
    two = await party.join('two');
    three = await party.join('three');
  });

  it('uses the transport that it is told to', async () => {
    assert.equal(await two.transport(), stage.transport);
  });

  it('gives what was there to those who join', async () => {
    await converge(party.clones, { fred: { '@id': 'fred', name: 'Fred', age: 40 } });
  });

  it('shares inserts from everybody', async () => {
    await Promise.all([
      one.write({ '@id': 'wilma', name: 'Wilma', knows: { '@id': 'fred' } }),
      two.write({ '@id': 'barney', name: 'Barney', height: 1.55, short: true }),
      three.write({ '@id': 'fred', likes: ['bowling', 'cars'] })
    ]);
    await converge(party.clones, {
      wilma: { '@id': 'wilma', name: 'Wilma', knows: { '@id': 'fred' } },
      barney: { '@id': 'barney', name: 'Barney', height: 1.55, short: true },
      fred: { '@id': 'fred', name: 'Fred', age: 40, likes: ['bowling', 'cars'] }
    });
  });

  it('shares deletes and replacements', async () => {
    await two.write({ '@delete': { '@id': 'fred', likes: 'cars' } });
    await three.write({ '@update': { '@id': 'barney', name: 'Barn' } });
    await one.write({ '@delete': { '@id': 'wilma', '?p': '?o' } });
    await converge(party.clones, {
      wilma: null,
      barney: { '@id': 'barney', name: 'Barn', height: 1.55, short: true },
      fred: { '@id': 'fred', name: 'Fred', age: 40, likes: 'bowling' }
    });
  });

  it('shares lists, concurrent insertions in the same place too', async () => {
    await one.write({ '@id': 'list', '@list': ['a', 'b', 'c'] });
    const wholeList = list => ({ list: { '@id': 'list', '@type': 'http://m-ld.org/RdfLseq', '@list': list } });
    await converge(party.clones, wholeList(['a', 'b', 'c']));
    await two.write({ '@delete': { '@id': 'list', '@list': { 0: '?' } } });
    await converge(party.clones, wholeList(['b', 'c']));
    await Promise.all(party.clones.map((clone, i) => clone.write({ '@id': 'list', '@list': { 1: `x${i}` } })));
    const { list } = await agree(party.clones, ['list'], ({ list }) => list['@list'].length === 5);
    const members = list['@list'];
    assert.deepEqual([members[0], members.at(-1)], ['b', 'c']);
    assert.deepEqual(members.slice(1, -1).sort(), ['x0', 'x1', 'x2']);
  });

  it('shares text, concurrent edits too', async () => {
    await one.write({ '@id': 'doc', story: 'The fox jumps.' });
    await converge(party.clones, { doc: { '@id': 'doc', story: 'The fox jumps.' } });
    await Promise.all([
      one.write({ '@update': { '@id': 'doc', story: { '@splice': [4, 0, 'quick '] } } }),
      two.write({ '@update': { '@id': 'doc', story: { '@splice': [8, 5, 'sleeps'] } } }),
      three.write({ '@update': { '@id': 'doc', story: { '@splice': [14, 0, ' The end.'] } } })
    ]);
    await converge(party.clones, { doc: { '@id': 'doc', story: 'The quick fox sleeps. The end.' } });
  });

  it('has closed no clone', async () => {
    assert.deepEqual(party.clones.map(clone => clone.closed), [undefined, undefined, undefined]);
    assert.deepEqual(party.clones.flatMap(clone => clone.sockets.filter(what => what !== 'connect')), []);
  });
});
