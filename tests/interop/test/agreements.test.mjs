// What clones have to agree on, and what all of them hold each other to: agreements void what was done at the same time,
// and shapes that the data declares are kept, by whichever engine.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { everything, sameEverywhere } from '../lib/hosted.mjs';
import { ENGINES } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';

const JS = 'http://js.m-ld.org/#';
const SH = 'http://www.w3.org/ns/shacl#';

/** A declaration that `property` has from `min` to `max` values, as the JavaScript engine writes it. */
const shape = (property, { min, max }) => ({ '@id': 'http://m-ld.org/extensions', '@list': { 0: {
  '@id': 'http://ext.m-ld.org/shacl/ShapeConstrained',
  [`${JS}require`]: '@m-ld/m-ld/ext/shacl', [`${JS}module`]: '@m-ld/m-ld/ext/shacl.js', [`${JS}class`]: 'ShapeConstrained',
  'http://m-ld.org/#controlled-shape': [{
    '@id': `${property}Shape`, [`${SH}path`]: { '@vocab': property },
    ...min != null && { [`${SH}minCount`]: min }, ...max != null && { [`${SH}maxCount`]: max }
  }]
} } });

for (const engine of process.env.INTEROP === 'short' ? ['0.10.0'] : Object.keys(ENGINES)) {
  describe(`clones that agree, with ${engine}`, { skip: underTest === 'reference' && 'its domains have no native clones' }, () => {
    let gateway;
    let account;
    let party;
    let clones;
    before(async () => {
      gateway = await Gateway.start();
      account = await gateway.account('agreements', { remotesAuth: ['anon'] });
    });
    after(() => gateway?.dispose());
    afterEach(() => party?.stop());

    /** Two clones of each engine, that know fred. */
    async function together() {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      clones = {
        js: await party.join('js'), native: await party.join('native', { engine: 'native' }),
        js2: await party.join('js2'), native2: await party.join('native2', { engine: 'native' })
      };
      await clones.js.write({ '@id': 'fred', name: 'Fred', likes: ['bowling', 'golf'] });
      await clones.js.write({ '@id': 'list', '@list': ['a', 'b'] });
      await clones.js.write({ '@id': 'doc', story: 'The fox jumps.' });
      await converge(party.clones, { doc: { '@id': 'doc', story: 'The fox jumps.' } });
      return clones;
    }

    /** Each of `away` does something that nobody hears of while it is cut off. */
    async function apart(away) {
      await Promise.all(Object.keys(away).map(name => clones[name].cut({ stay: true })));
      await Promise.all(Object.entries(away).map(async ([name, writes]) => {
        for (const write of writes)
          await clones[name].write(write);
      }));
    }

    async function back(...names) {
      await Promise.all(names.map(name => clones[name].reconnect()));
    }

    /** All go on after what was: nobody is behind, shut out or closed, and all have the same. */
    async function goesOn() {
      const expected = {};
      for (const clone of party.clones)
        await clone.write(expected[clone.name] = { '@id': clone.name, went: 'on' });
      await converge(party.clones, expected, 40_000);
      const state = await sameEverywhere(party.clones);
      assert.deepEqual(party.clones.map(({ closed }) => closed), party.clones.map(() => undefined));
      return state;
    }

    for (const [who, other] of [['js', 'native'], ['native', 'js']]) {
      it(`void what ${other} clones did while a ${who} one made an agreement`, async () => {
        await together();
        const before = await everything(clones[who]);
        await apart({
          [other]: [
            { '@id': 'fred', name: 'Flintstone' }, { '@delete': { '@id': 'fred', likes: 'golf' } },
            { '@id': 'list', '@list': { 1: 'x' } }, { '@update': { '@id': 'doc', story: { '@splice': [4, 3, 'cat'] } } },
            { '@id': 'wilma', name: 'Wilma' }
          ],
          [`${other}2`]: [{ '@update': { '@id': 'fred', name: 'Freddy' } }]
        });
        const agreed = clones[`${who}2`].updates;
        await clones[who].write({ '@insert': { '@id': 'pact', state: 'agreed' }, '@agree': true });
        await clones[`${who}2`].until('the agreement', () => clones[`${who}2`].updates > agreed);
        await back(other, `${other}2`);
        await converge(party.clones, { pact: { '@id': 'pact', state: 'agreed' } }, 40_000);
        const state = await goesOn();
        const { pact, js, native, js2, native2, ...rest } = state;
        assert.deepEqual(rest, before, 'there is something of what was voided, or not all that was there before');
      });

      it(`keep what the ${who} one that makes an agreement has seen`, async () => {
        await together();
        await clones[other].write({ '@update': { '@id': 'fred', name: 'Freddy' } });
        await converge([clones[who]], { fred: { '@id': 'fred', name: 'Freddy', likes: ['bowling', 'golf'] } });
        await clones[who].write({ '@delete': { '@id': 'fred', likes: '?any' }, '@agree': { proof: 'signed' } });
        await converge([clones[other]], { fred: { '@id': 'fred', name: 'Freddy' } });
        await clones[other].write({ '@id': 'wilma', name: 'Wilma' });
        await converge(party.clones, {
          fred: { '@id': 'fred', name: 'Freddy' }, wilma: { '@id': 'wilma', name: 'Wilma' }
        });
        await goesOn();
      });
    }

    // JavaScript clones that write a property which has a shape delete all other properties of the subject: here they write
    // subjects that have no others.
    it('refuse what a declared shape does not allow', async () => {
      const { js, native } = await together();
      await js.write(shape('name', { min: 1, max: 1 }));
      await converge([native], { nameShape: { '@id': 'nameShape', [`${SH}path`]: { '@id': '#name' }, [`${SH}minCount`]: 1, [`${SH}maxCount`]: 1 } });
      for (const clone of [js, native]) {
        await assert.rejects(clone.write({ '@id': 'wilma', name: ['Wilma', 'Flintstone'] }));
        await assert.rejects(clone.write({ '@id': 'fred', name: 'Flintstone' }));
        await assert.rejects(clone.write({ '@delete': { '@id': 'fred', name: 'Fred' } }));
        assert.deepEqual(await clone.get('wilma'), null);
      }
      await native.write({ '@update': { '@id': 'fred', name: 'Freddy' } });
      await converge(party.clones, { fred: { '@id': 'fred', name: 'Freddy', likes: ['bowling', 'golf'] } });
      await goesOn();
    });

    it('have one value where a shape allows one, of several that were written at the same time', async () => {
      const { js, native } = await together();
      await native.write(shape('name', { max: 1 }));
      await converge([js], { nameShape: { '@id': 'nameShape', [`${SH}path`]: { '@id': '#name' }, [`${SH}maxCount`]: 1 } });
      await js.write({ '@id': 'wilma', name: 'Wilma' });
      await converge(party.clones, { wilma: { '@id': 'wilma', name: 'Wilma' } });
      const named = name => [{ '@update': { '@id': 'wilma', name } }, { '@id': 'barney', name: `${name} too` }];
      await apart({ js: named('A'), native: named('D'), js2: named('C'), native2: named('B') });
      await back('js', 'native', 'js2', 'native2');
      await converge(party.clones, {
        wilma: { '@id': 'wilma', name: 'D' }, barney: { '@id': 'barney', name: 'D too' }
      }, 40_000);
      await goesOn();
    });

    it('have a value where a shape wants one, although each of them removed another', async () => {
      const { js, native, native2 } = await together();
      await js.write(shape('likes', { min: 1 }));
      const declared = { likesShape: { '@id': 'likesShape', [`${SH}path`]: { '@id': '#likes' }, [`${SH}minCount`]: 1 } };
      await converge([native, native2], declared);
      await apart({
        native: [{ '@delete': { '@id': 'fred', likes: 'bowling' } }], native2: [{ '@delete': { '@id': 'fred', likes: 'golf' } }]
      });
      await back('native', 'native2');
      // Who sees that there is none left brings back what it saw removed, which need not be the same for all.
      const { fred } = await goesOn();
      assert.ok(fred.likes != null, `fred has nothing left that he likes: ${JSON.stringify(fred)}`);
    });
  });
}
