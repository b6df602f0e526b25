// Native clones and JavaScript ones in one domain, each serving and served by the other.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { agree, converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { sameEverywhere } from '../lib/hosted.mjs';
import { cloneId } from '../lib/ids.mjs';
import { ENGINES } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';
import { Random } from '../lib/random.mjs';
import { connectRaw } from '../lib/raw.mjs';
import { eventually } from '../lib/wait.mjs';

const XS = 'http://www.w3.org/2001/XMLSchema#';
const LSEQ = 'http://m-ld.org/RdfLseq';

/** A subject with values of each type that both engines present. */
const ALL_TYPES = {
  '@id': 'all', '@type': 'Thing', text: 'ä “quoted” \u{1F600}', truth: true, integer: -7, large: 9007199254740991,
  double: 2.5, many: ['a', 'b', 3], reference: { '@id': 'fred' },
  date: { '@type': `${XS}date`, '@value': '2026-11-22' }, story: 'once upon a time'
};

const SEED = Number(process.env.INTEROP_SEED ?? 1);
/** How often a clone is killed while it writes. */
const CRASHES = Number(process.env.INTEROP_CRASH_ROUNDS ?? (process.env.INTEROP === 'short' ? 3 : 15));

const list = (...items) => ({ '@id': 'list', '@type': LSEQ, '@list': items });

for (const engine of process.env.INTEROP === 'short' ? ['0.10.0'] : Object.keys(ENGINES)) {
  describe(`native clones with ${engine}`, () => {
    let gateway;
    let account;
    let party;
    const folders = [];
    before(async () => {
      gateway = await Gateway.start();
      account = await gateway.account('native', { remotesAuth: ['anon'] });
    });
    after(async () => {
      await gateway?.dispose();
      folders.forEach(folder => rmSync(folder, { recursive: true, force: true }));
    });
    afterEach(() => party?.stop());

    /** Clones of a new domain, each `native` or `js`, joined one after another. */
    async function join_(...engines) {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      const clones = [];
      for (const [i, kind] of engines.entries())
        clones.push(await party.join(`${kind}${i}`, kind === 'native' ? { engine: 'native' } : {}));
      return clones;
    }

    function folder() {
      folders.push(mkdtempSync(join(tmpdir(), 'meldgate-native-')));
      return folders.at(-1);
    }

    function areOpen() {
      assert.deepEqual(party.clones.map(({ closed }) => closed), party.clones.map(() => undefined));
    }

    it('is present while it is there, and not after', async () => {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      const watcher = await connectRaw(gateway, { domain: party.config['@domain'] });
      try {
        for (const end of ['stop', 'kill']) {
          // Each has the domain to itself.
          const clone = await party.join(end, { engine: 'native', genesis: true });
          const { '@id': id } = clone.config;
          await eventually('its presence', () => watcher.present?.includes(id));
          await clone[end]();
          await eventually('its absence', () => !watcher.present.includes(id));
        }
      } finally {
        watcher.close();
      }
    });

    it('joins by the snapshot of a JavaScript clone, with values of all types', async () => {
      const [js] = await join_('js');
      await js.write(ALL_TYPES);
      await js.write({ '@id': 'list', '@list': ['one', 'two'] });
      const native = await party.join('native', { engine: 'native' });
      await converge([js, native], { all: ALL_TYPES, list: list('one', 'two') });
      // What it deletes goes everywhere: it has the same transactions.
      await native.write({ '@delete': { '@id': 'all', many: 'a', truth: true } });
      await js.write({ '@delete': { '@id': 'all', integer: -7 } });
      const { truth, integer, ...left } = ALL_TYPES;
      await converge([js, native], { all: { ...left, many: ['b', 3] } });
      areOpen();
    });

    it('passes on what it was given, with the same transactions', async () => {
      const [js, other] = await join_('js', 'js');
      await js.write(ALL_TYPES);
      await js.write({ '@id': 'list', '@list': ['one', 'two', { '@id': 'all' }] });
      await converge([other], { all: ALL_TYPES });
      // Triples that come from several transactions, or that were there before.
      await Promise.all([js, other].map(clone => clone.write({ '@id': 'fred', name: 'Fred', by: clone.name })));
      await js.write({ '@delete': { '@id': 'all', many: 'a' } });
      await js.write({ '@id': 'all', many: 'a' });
      const name = { '@id': 'fred', name: 'Fred', by: ['js0', 'js1'] };
      await converge([js, other], { fred: name, all: ALL_TYPES });
      const had = await js.transactions();
      const native = await party.join('native', { engine: 'native' });
      for (const clone of [js, other])
        await clone.cut({ stay: true });
      // Nobody else can be asked.
      const late = await party.join('late');
      await converge([native, late], { fred: name, all: ALL_TYPES });
      assert.deepEqual(await late.transactions(), had);
      assert.ok(Object.values(had).some(tids => tids.length === 2), 'a triple of two transactions');
      areOpen();
    });

    it('serves its snapshot to a JavaScript clone, with values of all types', async () => {
      const [native] = await join_('native');
      await native.write(ALL_TYPES);
      await native.write({ '@id': 'list', '@list': ['one', 'two', 'three'] });
      const js = await party.join('js');
      await converge([native, js], { all: ALL_TYPES, list: list('one', 'two', 'three') });
      await js.write({ '@id': 'list', '@list': { 1: 'and' } });
      await native.write({ '@delete': { '@id': 'list', '@list': { 0: '?' } } });
      const { list: agreed } = await agree([native, js], ['list'], ({ list }) => list['@list'].length === 3);
      assert.deepEqual(agreed['@list'].slice(-2), ['two', 'three']);
      areOpen();
    });

    it('receives and sends, and each is told what the other did', async () => {
      const [native, js] = await join_('native', 'js');
      for (const [writer, other, id] of [[native, js, 'n'], [js, native, 'j']]) {
        const seen = other.updates;
        await writer.write({ '@id': id, name: 'before', age: 1 });
        await converge([other], { [id]: { '@id': id, name: 'before', age: 1 } });
        assert.ok(other.updates > seen);
        await writer.write({ '@update': { '@id': id, name: 'after' } });
        await writer.write({ '@delete': { '@id': id, age: '?' } });
        await converge([native, js], { [id]: { '@id': id, name: 'after' } });
      }
      assert.deepEqual(native.update['@delete'], [{ '@id': 'j', age: 1 }]);
      assert.deepEqual(native.update['@insert'], []);
      assert.equal((await js.status()).outdated, false);
      areOpen();
    });

    it('agrees after many concurrent edits of a few triples', async () => {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      // Who waits long does not ask for what is only late, on a machine that has other things to do.
      const config = { networkTimeout: 20_000 };
      const clones = [];
      for (const [i, kind] of ['js', 'native', 'js', 'native'].entries())
        clones.push(await party.join(`${kind}${i}`, { config, ...kind === 'native' && { engine: kind } }));
      const [js1, native1, js2, native2] = clones;
      const caughtUp = async () => [
        ...await Promise.all([js1, js2].map(clone => clone.requests())), ...[native1, native2].map(clone => clone.outdated)
      ];
      const joining = await caughtUp();
      const random = new Random(SEED);
      await Promise.all(clones.map(async clone => {
        const own = random.fork();
        for (let i = 0; i < 250; i++) {
          const subject = { '@id': `s${own.below(4)}`, [`p${own.below(3)}`]: own.below(4) };
          await clone.write(own.below(3) ? subject : { '@delete': subject });
          if (!own.below(10))
            await new Promise(resolve => setTimeout(resolve, own.below(30)));
        }
      }));
      // What each writes last is seen by all once all else is.
      await Promise.all(clones.map(clone => clone.write({ '@id': 'end', by: clone.name })));
      await agree(clones, ['s0', 's1', 's2', 's3', 'end'], ({ end }) => [end?.by].flat().length === clones.length, 120_000);
      assert.deepEqual(await caughtUp(), joining, 'nobody had to ask for what it missed');
      areOpen();
    });

    it('serves a rev-up to a JavaScript clone that was away', async () => {
      const [native, js] = await join_('native', 'js');
      await js.cut({ stay: true });
      const expected = {};
      for (let i = 0; i < 20; i++)
        await native.write(expected[`n${i}`] = { '@id': `n${i}`, is: i });
      await js.write(expected.j = { '@id': 'j', is: 'from afar' });
      await js.reconnect();
      await converge([native, js], expected);
      areOpen();
    });

    it('asks for a rev-up when it was away, and sends what it did meanwhile', async () => {
      const [js, native] = await join_('js', 'native');
      await native.cut({ stay: true });
      const expected = {};
      for (let i = 0; i < 20; i++)
        await js.write(expected[`j${i}`] = { '@id': `j${i}`, is: i });
      await native.write(expected.n = { '@id': 'n', is: 'from afar' });
      await native.reconnect();
      await converge([js, native], expected);
      areOpen();
    });

    it('takes rev-ups with fused operations, also such as it has in part, and with another id', async () => {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      const js = await party.join('js', { config: { journal: { adminDebounce: 30 } } });
      const native = await party.join('native', { engine: 'native', data: folder() });
      await js.write({ '@id': 'fred', name: 'Fred' });
      await converge([native], { fred: { '@id': 'fred', name: 'Fred' } });
      await native.cut({ stay: true });
      for (let i = 0; i < 10; i++)
        await js.write({ '@update': { '@id': 'fred', name: `Fred ${i}` } });
      // The JavaScript engine fuses once it was quiet for the time above, of which it tells nobody.
      const fuses = () => new Promise(resolve => setTimeout(resolve, 300));
      await fuses();
      await native.reconnect();
      await converge([js, native], { fred: { '@id': 'fred', name: 'Fred 9' } });
      await native.stop();
      await js.write({ '@delete': { '@id': 'fred', name: 'Fred 9' } });
      await js.write({ '@id': 'wilma', name: 'Wilma' });
      await fuses();
      await native.start(null, { ...native.config, '@id': cloneId('again') });
      await native.status({ outdated: false });
      await native.write({ '@id': 'dino', name: 'Dino' });
      await converge([js, native], {
        fred: null, wilma: { '@id': 'wilma', name: 'Wilma' }, dino: { '@id': 'dino', name: 'Dino' }
      });
      areOpen();
    });

    it('loses no deletion when a JavaScript clone fuses what it did', async () => {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      const js = await party.join('js', { config: { journal: { adminDebounce: 30 } } });
      const native = await party.join('native', { engine: 'native' });
      const away = await party.join('away');
      const fred = (...likes) => ({ fred: { '@id': 'fred', likes } });
      await js.write(fred('a', 'b', 'c', 'd').fred);
      await converge([native, away], fred('a', 'b', 'c', 'd'));
      await away.cut({ stay: true });
      for (const likes of ['b', 'c', 'd'])
        await native.write({ '@delete': { '@id': 'fred', likes } });
      await converge([js], fred('a'));
      // As above.
      await new Promise(resolve => setTimeout(resolve, 300));
      party.clones = party.clones.filter(clone => clone !== native);
      await native.stop();
      await away.reconnect();
      await converge([js, away], fred('a'));
      areOpen();
    });

    it('goes on, forks upon forks, when those it came from have gone', async () => {
      const [native, js] = await join_('native', 'js');
      const expected = {};
      const all = [native, js];
      for (const [round, kind] of ['native', engine, 'native'].entries()) {
        await Promise.all(all.map((clone, i) => {
          const id = `w${round}-${i}`;
          return clone.write(expected[id] = { '@id': id, by: clone.name });
        }));
        await converge(all, expected);
        const [leaving] = all.splice(0, 1);
        party.clones = party.clones.filter(clone => clone !== leaving);
        await leaving.stop();
        all.push(await party.join(`next${round}`, { engine: kind }));
        await converge(all, expected);
      }
      areOpen();
    });

    it('lets an outdated JavaScript clone recover that nobody can rev up', async () => {
      party = new Party(gateway, await gateway.configuration(account), { engine });
      const first = await party.join('first');
      const outdated = await party.join('outdated');
      await first.write({ '@id': 'a', is: 1 });
      await converge([outdated], { a: { '@id': 'a', is: 1 } });
      await outdated.cut({ stay: true });
      await first.write({ '@id': 'b', is: 2 });
      // It has what the first one did, but no journal of it.
      const native = await party.join('native', { engine: 'native' });
      await converge([native], { b: { '@id': 'b', is: 2 } });
      party.clones = party.clones.filter(clone => clone !== first);
      await first.stop();
      await outdated.reconnect();
      await native.write({ '@id': 'c', is: 3 });
      await converge([native, outdated], {
        a: { '@id': 'a', is: 1 }, b: { '@id': 'b', is: 2 }, c: { '@id': 'c', is: 3 }
      });
      areOpen();
    });

    it('edits lists and text together with JavaScript clones', async () => {
      const clones = await join_('native', 'js', 'native');
      await clones[0].write({ '@id': 'list', '@list': ['a', 'b', 'c'] });
      await clones[1].write({ '@id': 'doc', story: 'The fox jumps over the dog.' });
      await converge(clones, { list: list('a', 'b', 'c'), doc: { '@id': 'doc', story: 'The fox jumps over the dog.' } });
      const random = new Random(SEED);
      await Promise.all(clones.map(async (clone, n) => {
        const own = random.fork();
        const one = bound => own.below(bound);
        for (let i = 0; i < 15; i++) {
          const { '@list': items } = await clone.get('list');
          const at = one([items].flat().length + 1);
          await clone.write(one(4) ? { '@id': 'list', '@list': { [at]: `${n}-${i}` } }
            : { '@delete': { '@id': 'list', '@list': { [at]: '?' } } });
          const { story } = await clone.get('doc');
          const splice = [one(story.length), one(2), `${n}`.repeat(one(3))];
          await clone.write({ '@update': { '@id': 'doc', story: { '@splice': splice } } });
        }
      }));
      // Who comes now is given lists and texts that have gaps, and is to be understood.
      clones.push(await party.join('late-js'), await party.join('late-native', { engine: 'native' }));
      for (const clone of clones.slice(-2)) {
        await clone.write({ '@update': { '@id': 'doc', story: { '@splice': [3, 1, clone.name] } } });
        await clone.write({ '@id': 'list', '@list': { 1: clone.name } });
      }
      await Promise.all(clones.map(clone => clone.write({ '@id': 'end', by: clone.name })));
      const end = ({ end }) => [end?.by].flat().length === clones.length;
      const { list: { '@list': items }, doc } = await agree(clones, ['list', 'doc', 'end'], end);
      assert.ok(items.length > 0 && doc.story.length > 0);
      // What agrees as sets of values agrees in order too.
      const ordered = await Promise.all(clones.map(async clone => (await clone.get('list'))['@list']));
      for (const other of ordered)
        assert.deepEqual(other, ordered[0]);
      areOpen();
    });

    it('loses nothing that it confirmed when it is killed while it writes', async () => {
      const [js] = await join_('js');
      const native = await party.join('native', { engine: 'native', data: folder() });
      const confirmed = {};
      const ticks = [];
      const random = new Random(SEED);
      for (let round = 0; round < CRASHES; round++) {
        const enough = 1 + random.below(20);
        let killed;
        await assert.rejects(async () => {
          for (let i = 0;; i++) {
            const id = `r${round}-${i}`;
            const { ticks: tick } = await native.write({ '@id': id, is: i });
            confirmed[id] = { '@id': id, is: i };
            ticks.push(tick);
            // It goes on writing until it is dead.
            if (i === enough)
              killed = new Promise(resolve => setTimeout(resolve, random.below(10))).then(() => native.kill());
          }
        });
        await killed;
        await js.write({ '@id': `js${round}`, is: round });
        confirmed[`js${round}`] = { '@id': `js${round}`, is: round };
        await native.start();
      }
      await native.status({ outdated: false });
      await native.write(confirmed.last = { '@id': 'last', is: 'last' });
      await converge([js, native], { last: confirmed.last }, 60_000);
      // What was written, but not confirmed in time, can be there too.
      const there = await sameEverywhere([native, js], undefined, 60_000);
      assert.deepEqual(Object.fromEntries(Object.keys(confirmed).map(id => [id, there[id]])), confirmed);
      assert.deepEqual(ticks, [...new Set(ticks)].sort((a, b) => a - b), 'a tick was used again');
      assert.ok(ticks.length > CRASHES);
      areOpen();
    });

    it('ends in order when its input does', async () => {
      const [native] = await join_('native');
      assert.equal(await native.stop(), 0);
    });
  });
}
