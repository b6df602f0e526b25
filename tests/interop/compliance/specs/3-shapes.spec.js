// Shapes and other constraints (m-ld protocol, sections 13.2, 13.3 and 14): what a rule does not allow is refused where it is
// written; what several wrote at once, each within the rule, all resolve alike.
import { agree, converge } from '../../lib/clone-process.mjs';
import { Random } from '../../lib/random.mjs';
import { extensions, shape, shapes } from '../declare.mjs';
import { known, LONG_MS, Party, withEachPair } from '../party.mjs';

/** Why a clone of that kind does not write to a subject that has a property with a shape, and others. */
const DELETES_OTHERS = 'a JavaScript clone that writes a property with a shape deletes all other properties of the subject';

const LSEQ = 'http://m-ld.org/RdfLseq';
const list = (...items) => ({ '@id': 'list', '@type': LSEQ, '@list': items });

withEachPair('Shapes', (first, second) => {
  let party;
  beforeEach(() => party = new Party());
  afterEach(() => party.end());

  /** Two clones and a shape that was declared by the first, before the second joined or after. */
  async function shaped(counts, { joinedBefore = false } = {}) {
    const rule = extensions(shapes(shape('name-shape', 'name', counts)));
    const one = await party.join('one', first);
    const late = joinedBefore ? await party.join('two', second) : null;
    await one.write(rule);
    const two = late ?? await party.join('two', second);
    await converge([two], { 'name-shape': await one.get('name-shape') });
    return [one, two];
  }

  /** Each writes while the other is not there, and then they meet. */
  async function apart([one, two], ofOne, ofTwo) {
    await two.leave();
    for (const write of [ofOne].flat())
      await one.write(write);
    for (const write of [ofTwo].flat())
      await two.write(write);
    await two.comeBack();
  }

  /** Each has all that the others have said until now, also in answer to one another. */
  async function haveHeard(clones) {
    const end = {};
    for (const round of ['once', 'twice']) {
      for (const clone of clones) {
        const id = `${clone.name} ${round}`;
        await clone.write(end[id] = { '@id': id, is: 'done' });
        await converge(clones, end);
      }
    }
  }

  for (const joinedBefore of [true, false]) {
    it(`allow so many values and no more, declared ${joinedBefore ? 'while one was there' : 'before one came'}`, async () => {
      const [one, two] = await shaped({ maxCount: 2 }, { joinedBefore });
      await one.write({ '@id': 'fred', name: ['Fred', 'Flintstone'], age: 40 });
      const fred = { '@id': 'fred', name: ['Fred', 'Flintstone'], age: 40 };
      await converge([one, two], { fred });
      for (const member of [one, two]) {
        await expectAsync(member.write({ '@id': 'fred', name: 'Frederick' })).withContext(member.name).toBeRejected();
        await expectAsync(member.write({ '@id': member.name, name: ['a', 'b', 'c'] })).withContext(member.name).toBeRejected();
      }
      const writer = [two, one].find(({ kind }) => kind === 'native') ?? (known(DELETES_OTHERS), two);
      await writer.write({ '@delete': { '@id': 'fred', name: 'Flintstone' }, '@insert': { '@id': 'fred', name: 'Frederick' } });
      await converge([one, two], { fred: { ...fred, name: ['Fred', 'Frederick'] }, [one.name]: null, [two.name]: null });
      party.areOpen();
    });
  }

  it('want so many values and no fewer, of a subject that is there', async () => {
    const [one, two] = await shaped({ minCount: 1 });
    await one.write({ '@id': 'fred', name: 'Fred', age: 40 });
    await converge([one, two], { fred: { '@id': 'fred', name: 'Fred', age: 40 } });
    for (const member of [one, two])
      await expectAsync(member.write({ '@delete': { '@id': 'fred', name: 'Fred' } })).withContext(member.name).toBeRejected();
    await one.write({ '@id': 'wilma', name: 'Wilma' });
    await converge([one, two], { wilma: { '@id': 'wilma', name: 'Wilma' } });
    await two.write({ '@delete': { '@id': 'fred', name: 'Fred', age: 40 } });
    await one.write({ '@delete': { '@id': 'wilma', name: 'Wilma' } });
    await converge([one, two], { fred: null, wilma: null });
    party.areOpen();
  });

  for (const [what, values, greatest] of [
    ['texts', ['Flintstone', 'Fred'], 'Fred'],
    ['texts by code unit', ['\u{1F600}', '\uFF5E'], '\uFF5E'],
    ['numbers', [9, 10], 10],
    ['numbers with and without a fraction', [10, 9.5], 10],
    ['references and texts', [{ '@id': 'a' }, 'z'], { '@id': 'a' }]
  ]) {
    it(`keep the same one of ${what} that were written at once`, async () => {
      const clones = await shaped({ maxCount: 1 });
      const [one, two] = values;
      await apart(clones,
        [{ '@id': 'fred', name: one }, { '@id': 'wilma', name: two }],
        [{ '@id': 'fred', name: two }, { '@id': 'wilma', name: one }]);
      await converge(clones, { fred: { '@id': 'fred', name: greatest }, wilma: { '@id': 'wilma', name: greatest } });
      // And they go on from there.
      for (const [i, clone] of clones.entries()) {
        await clone.write({ '@update': { '@id': 'fred', name: `again ${i}` } });
        await converge(clones, { fred: { '@id': 'fred', name: `again ${i}` } });
      }
      party.areOpen();
    });
  }

  it('show what was hidden once what hid it has been deleted', async () => {
    const [one, two] = await shaped({ maxCount: 1 });
    const three = await party.join('three', first);
    await two.leave();
    await one.write({ '@id': 'fred', name: 'Fred' });
    await two.write({ '@id': 'fred', name: 'Flintstone' });
    await converge([three], { fred: { '@id': 'fred', name: 'Fred' } });
    // It has never heard of the other value.
    await three.leave();
    await three.write({ '@delete': { '@id': 'fred', name: 'Fred' } });
    await two.comeBack();
    await converge([one, two], { fred: { '@id': 'fred', name: 'Fred' } });
    await three.comeBack();
    await converge(party.members, { fred: { '@id': 'fred', name: 'Flintstone' } });
    party.areOpen();
  });

  it('bring back values of which each of two left enough, and together they did not', async () => {
    const clones = await shaped({ minCount: 1 });
    const third = await party.join('three', [first, second].includes('native') ? 'native' : first);
    // The third has the part of a writer if it has to; who does not write resolves the same.
    const writers = [...clones, third].filter(({ kind }) => kind === 'native').slice(-2);
    if (writers.length < 2)
      known(DELETES_OTHERS);
    const [one, two] = writers.length < 2 ? clones : writers;
    await clones[0].write({ '@id': 'fred', name: ['Fred', 'Flintstone'], age: 40 });
    await converge(party.members, { fred: { '@id': 'fred', name: ['Fred', 'Flintstone'], age: 40 } });
    await apart([one, two],
      { '@delete': { '@id': 'fred', name: 'Fred' } },
      { '@delete': { '@id': 'fred', name: 'Flintstone' } });
    await haveHeard(party.members);
    const { fred } = await agree(party.members, ['fred'], ({ fred }) => fred?.name != null);
    expect(fred.age).toBe(40);
    // What is left can be changed as ever.
    await two.write({ '@update': { '@id': 'fred', name: 'Frederick' } });
    await converge(party.members, { fred: { '@id': 'fred', name: 'Frederick', age: 40 } });
    party.areOpen();
  });

  it('hold in a crowd that writes without regard for one another', async () => {
    const clones = await shaped({ minCount: 1, maxCount: 1 });
    clones.push(await party.join('three', second));
    const random = new Random(13);
    let refused = 0;
    await Promise.all(clones.map(async clone => {
      for (let n = 0; n < 30; n++) {
        const subject = { '@id': `s${random.below(3)}`, name: random.below(100) };
        const write = random.below(2) ? { '@update': subject } : subject;
        await clone.write(write).catch(() => refused++);
      }
    }));
    await haveHeard(clones);
    const ids = ['s0', 's1', 's2'];
    const agreed = await agree(clones, ids);
    for (const id of ids)
      expect(agreed[id]?.name).withContext(id).toEqual(jasmine.any(Number));
    expect(refused).toBeGreaterThan(0);
    party.areOpen();
  }, LONG_MS);
});

withEachPair('Rules without a declaration', (first, second) => {
  let party;
  beforeEach(() => party = new Party());
  afterEach(() => party.end());

  it('keep one value of a single-valued property, and delete the others for everybody', async () => {
    const config = { constraints: [{ '@type': 'single-valued', property: 'name' }] };
    const one = await party.join('one', first, config);
    const two = await party.join('two', second, config);
    await one.write({ '@id': 'fred', name: 'Fred' });
    await converge([two], { fred: { '@id': 'fred', name: 'Fred' } });
    for (const member of [one, two])
      await expectAsync(member.write({ '@id': 'fred', name: 'Frederick' })).withContext(member.name).toBeRejected();
    await two.leave();
    await one.write({ '@id': 'wilma', name: 'Wilma' });
    await two.write({ '@id': 'wilma', name: 'Flintstone' });
    await two.comeBack();
    await converge([one, two], { wilma: { '@id': 'wilma', name: 'Wilma' } });
    // One without the rule has nothing of the other value.
    const three = await party.join('three', second);
    await converge([one, two, three], { wilma: { '@id': 'wilma', name: 'Wilma' }, fred: { '@id': 'fred', name: 'Fred' } });
    party.areOpen();
  });

  it('keep lists in one order, and each item in one place', async () => {
    const one = await party.join('one', first);
    const two = await party.join('two', second);
    await one.write({ '@id': 'list', '@list': ['a', 'b', 'c', 'd'] });
    await converge([one, two], { list: list('a', 'b', 'c', 'd') });
    await two.leave();
    await one.write({ '@id': 'list', '@list': { 1: 'one' } });
    await one.write({ '@delete': { '@id': 'list', '@list': { 4: '?' } } });
    await two.write({ '@id': 'list', '@list': { 1: ['two', 'too'] } });
    await two.write({ '@delete': { '@id': 'list', '@list': { 0: '?' } } });
    await two.comeBack();
    const { list: agreed } = await agree([one, two], ['list'], ({ list }) => list['@list'].length === 5);
    const items = agreed['@list'];
    expect([...items].sort()).toEqual(['b', 'c', 'one', 'too', 'two']);
    expect(items.filter(item => item.length === 1)).toEqual(['b', 'c']);
    expect(items.indexOf('too')).toBeGreaterThan(items.indexOf('two'));
    party.areOpen();
  });
});
