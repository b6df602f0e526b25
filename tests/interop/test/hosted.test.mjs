// Named subdomains: the gateway's own clone has the data when nobody else has, and is one clone among others.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { everything, HostedParty, sameEverywhere } from '../lib/hosted.mjs';
import { cells, ENGINES } from '../lib/matrix.mjs';
import { refusal } from '../lib/raw.mjs';

const XSD = 'http://www.w3.org/2001/XMLSchema#';
/** What a subject can have, of each kind. */
const VALUES = {
  '@id': 'values', '@type': 'Kind',
  string: 'Fred', empty: '', beyondAscii: 'häß 🦊 \u0000',
  integers: [42, -1, 0, 2 ** 31, Number.MAX_SAFE_INTEGER], doubles: [1.5, -0.25, 1.5e-7, 1234567.875],
  yes: true, no: false,
  reference: { '@id': 'other' }, several: ['a', 1, 2.5, true, { '@id': 'other' }],
  binary: { '@type': `${XSD}base64Binary`, '@value': Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('base64') },
  date: { '@type': `${XSD}date`, '@value': '2020-02-29' }, decimal: { '@type': `${XSD}decimal`, '@value': '1.10' }
};
/** More characters than one value of a plain datatype can have. */
const LONG = 'A fox. '.repeat(2000);

/** Writes values of all kinds, some of them in several steps. */
async function writeAll(clone) {
  await clone.write(VALUES);
  await clone.write({ '@id': 'other', name: 'Wilma', gone: 'soon' });
  await clone.write({ '@delete': { '@id': 'other', gone: 'soon' } });
  await clone.write({ '@id': 'list', '@list': ['a', 'b', 'c'] });
  await clone.write({ '@id': 'list', '@list': { 1: ['x', { '@id': 'other' }] } });
  await clone.write({ '@delete': { '@id': 'list', '@list': { 0: '?' } } });
  await clone.write({ '@id': 'nested', todo: { '@list': [1, { '@list': ['deep'] }] } });
  await clone.write([{ '@id': 'doc', story: 'The fox jumps.' }, { '@id': 'book', story: LONG }]);
  await clone.write({ '@update': { '@id': 'doc', story: { '@splice': [4, 0, 'quick '] } } });
}

const WRITTEN = {
  values: VALUES,
  other: { '@id': 'other', name: 'Wilma' },
  list: { '@id': 'list', '@type': 'http://m-ld.org/RdfLseq', '@list': ['x', { '@id': 'other' }, 'b', 'c'] },
  doc: { '@id': 'doc', story: 'The quick fox jumps.' },
  book: { '@id': 'book', story: LONG }
};

const short = process.env.INTEROP === 'short';
/** How many come and go one after the other: each forks the clock of the gateway's clone once more. */
const DEPTH = short ? 3 : 8;
/** How the gateway ends, and of which cells the clones are: all of them, or of each end one. */
const ENDS = ['SIGTERM', 'SIGKILL'].map((signal, i) => ({ signal, cells: short ? [cells[i]] : cells }));

/** The gateway's clones close as soon as nobody uses them for a second, so that most of these tests open some anew. */
const SHORT_OF_PATIENCE = { MELDGATE_DOMAINS__IDLE_TIMEOUT: '1s' };
/** Whoever uses one subdomain has the clone of another close, though somebody is connected there. */
const SHORT_OF_ROOM = { MELDGATE_DOMAINS__OPEN_CLONES: '1' };

/** Describes `what` on a gateway with an account, whose named subdomains it makes. */
function onGateway(what, scenarios, env = SHORT_OF_PATIENCE) {
  describe(what, { skip: underTest === 'reference' && 'it has no clones' }, () => {
    const stage = { parties: [] };
    before(async () => {
      stage.gateway = await Gateway.start({ env });
      stage.account = await stage.gateway.account('hosted', { remotesAuth: ['key'] });
    });
    after(async () => {
      await Promise.all(stage.parties.map(party => party.stop()));
      await stage.gateway?.dispose();
    });
    stage.subdomain = async (name, options) => {
      const party = await HostedParty.of(stage.gateway, stage.account, name, options);
      stage.parties.push(party);
      return party;
    };
    scenarios(stage);
  });
}

/** Each engine; when short, the one of this place. */
const engines = place => Object.keys(ENGINES).filter((_, i) => !short || i === place).map(engine => ({ engine, label: engine }));
/** The name of a cell's subdomain. */
const named = (what, { engine, transport }) => `${what}-${engine.replaceAll('.', '-')}-${transport}`;

onGateway('hosted data', stage => {
  for (const cell of cells) {
    describe(cell.label, () => {
      let party;
      before(async () => party = await stage.subdomain(named('data', cell), cell));

      it('is there for who joins when everybody has left', async () => {
        const first = await party.join('first');
        await writeAll(first);
        await converge([first, party.served], WRITTEN);
        const had = await everything(first);
        await party.leave(first);
        const late = await party.join('late');
        assert.deepEqual(await everything(late), had);
        assert.deepEqual(await everything(party.served), had);
      });

      it('is what a clone and HTTP wrote', async () => {
        const [late] = party.clones;
        await party.served.write({ '@id': 'http', wrote: 'this' });
        await late.write({ '@id': 'clone', wrote: 'that' });
        await party.served.write({ '@delete': { '@id': 'values', integers: 42 }, '@insert': { '@id': 'values', integers: 43 } });
        await converge([late, party.served], {
          http: { '@id': 'http', wrote: 'this' }, clone: { '@id': 'clone', wrote: 'that' },
          values: { ...VALUES, integers: [...VALUES.integers.slice(1), 43] }
        });
      });

      it('catches up with who was away, and who was away with it', async () => {
        const [late] = party.clones;
        await late.cut({ stay: true });
        await party.served.write({ '@id': 'away', missed: [1, 2] });
        await party.served.write({ '@delete': { '@id': 'away', missed: 1 } });
        await party.served.write({ '@id': 'list', '@list': { 0: 'by HTTP' } });
        await late.write({ '@id': 'alone', wrote: 'offline' });
        await late.write({ '@update': { '@id': 'doc', story: { '@splice': [0, 3, 'A'] } } });
        assert.equal(await party.served.get('alone'), null);
        await late.reconnect();
        await converge([late, party.served], {
          away: { '@id': 'away', missed: 2 }, alone: { '@id': 'alone', wrote: 'offline' },
          list: { ...WRITTEN.list, '@list': ['by HTTP', ...WRITTEN.list['@list']] },
          doc: { '@id': 'doc', story: 'A quick fox jumps.' }
        });
        await sameEverywhere([late, party.served]);
      });

      it('is there for who joins after many have come and gone', async () => {
        const expected = {};
        for (let depth = 0; depth < DEPTH; depth++) {
          const id = `depth${depth}`;
          const clone = await party.join(id);
          await clone.write(expected[id] = { '@id': id, of: id });
          await party.served.write(expected[`http${depth}`] = { '@id': `http${depth}`, of: 'http' });
          await converge([party.served, clone], expected);
          if (depth % 3 !== 0) // some stay, to be asked too
            await party.leave(clone);
        }
        const deep = await party.join('deep');
        await deep.write(expected.deep = { '@id': 'deep', wrote: true });
        await converge([party.served, ...party.clones], expected);
        await sameEverywhere([party.served, ...party.clones]);
      });

      it('has closed no clone', () => {
        assert.deepEqual(party.clones.map(clone => clone.closed), party.clones.map(() => undefined));
      });
    });
  }
});

onGateway('hosted data over a restart', stage => {
  for (const { signal, cells } of ENDS) {
    describe(`after ${signal}`, () => {
      before(async () => {
        await Promise.all(cells.map(async cell => {
          const party = await stage.subdomain(named(signal.toLowerCase(), cell), cell);
          Object.assign(party, { cell, signal });
          const [first, staying] = await Promise.all(['first', 'staying'].map(name => party.join(name)));
          party.staying = staying;
          await writeAll(first);
          await converge([party.served], WRITTEN);
          party.had = await everything(first);
          await party.leave(first);
        }));
        await stage.gateway.stop(signal);
        await Promise.all(stage.parties.filter(party => party.signal === signal).map(async party => {
          await party.staying.write({ '@id': 'meanwhile', wrote: 'while it was down' });
        }));
        await stage.gateway.start();
      });

      for (const { label } of cells) {
        it(`is all there, for who stayed, who joins, and HTTP: ${label}`, async () => {
          const party = stage.parties.find(party => party.signal === signal && party.cell.label === label);
          const { served, staying } = party;
          const had = await everything(served);
          delete had.meanwhile; // it may have come already
          assert.deepEqual(had, party.had);
          const late = await party.join('late');
          await served.write({ '@id': 'after', wrote: 'the restart' });
          await converge([served, staying, late], {
            meanwhile: { '@id': 'meanwhile', wrote: 'while it was down' },
            after: { '@id': 'after', wrote: 'the restart' }
          }, 40_000);
          await sameEverywhere([served, staying, late]);
        });

        it(`is there for who finds nobody else: ${label}`, async () => {
          const party = stage.parties.find(party => party.signal === signal && party.cell.label === label);
          await Promise.all(party.clones.map(clone => party.leave(clone)));
          const alone = await party.join('alone');
          assert.deepEqual(await everything(alone), await everything(party.served));
          await converge([alone], { ...WRITTEN, after: { '@id': 'after', wrote: 'the restart' } });
        });
      }
    });
  }
});

onGateway('hosted data where one clone is open at a time', stage => {
  for (const cell of cells) {
    it(`is all there, for who stays, who comes late, and HTTP: ${cell.label}`, async () => {
      const parties = await Promise.all(['one', 'other'].map(name => stage.subdomain(named(name, cell), cell)));
      for (const party of parties)
        party.pair = [await party.join('first'), await party.join('second')];
      const expected = {};
      for (let round = 0; round < 5; round++) {
        for (const { pair: [first, second], served } of parties) {
          // Each of these may find the clone closed, and wakes it
          for (const [writer, reader, id] of [[first, second, `by${round}`], [second, first, `of${round}`]]) {
            await writer.write(expected[id] = { '@id': id, of: 'a clone' });
            await converge([reader], { [id]: expected[id] });
          }
          if (round % 2 === 0)
            await served.write(expected[`http${round}`] = { '@id': `http${round}`, of: 'http' });
        }
      }
      for (const { pair, served } of parties)
        await converge([...pair, served], expected);

      const [{ pair: [first, second] }, other] = parties;
      await other.served.write({ '@id': 'open', of: 'this' });
      await first.write(expected.last = { '@id': 'last', of: 'who leaves at once' });
      await converge([second], { last: expected.last });
      await Promise.all([first, second].map(clone => parties[0].leave(clone)));
      const late = await parties[0].join('late');
      await converge([late, parties[0].served], expected);
      await sameEverywhere([late, parties[0].served]);
      await sameEverywhere([...other.clones, other.served]);
      const closed = [late, ...other.clones].map(clone => clone.closed);
      assert.deepEqual(closed, closed.map(() => undefined));
    });
  }
}, SHORT_OF_ROOM);

onGateway('updates of hosted data', stage => {
  for (const { engine, label } of engines(0)) {
    it(`are polled until they are acknowledged, also over a crash: ${label}`, async () => {
      const party = await stage.subdomain(`polled-${engine.replaceAll('.', '-')}`, { engine });
      const { served } = party;
      const clone = await party.join('clone');
      for (const n of [1, 2, 3]) {
        await clone.write({ '@id': `write${n}`, n });
        await converge([served], { [`write${n}`]: { '@id': `write${n}`, n } });
      }
      await clone.write({ '@delete': { '@id': 'write1', n: 1 } });
      await converge([served], { write1: null });
      const told = await served.poll();
      assert.deepEqual(told.map(update => update['@insert']), [
        ...[1, 2, 3].map(n => [{ '@id': `write${n}`, n }]), []
      ]);
      assert.deepEqual(told.at(-1)['@delete'], [{ '@id': 'write1', n: 1 }]);
      assert.deepEqual(emits(told), [1, 1, 1, 1]);
      const ticks = told.map(update => update['@ticks']);
      assert.deepEqual(ticks, ticks.toSorted((a, b) => a - b));

      await stage.gateway.stop('SIGKILL');
      await stage.gateway.start();
      const again = await served.poll();
      assert.deepEqual(again.map(without), told.map(without));
      assert.deepEqual(emits(again), [2, 2, 2, 2]);
      await served.unlock();
      assert.deepEqual(await served.poll(), []);
      await served.unlock();
    });
  }

  for (const { engine, label } of engines(1)) {
    it(`reach a clone that HTTP writes beside, and are not polled twice: ${label}`, async () => {
      const party = await stage.subdomain(`both-${engine.replaceAll('.', '-')}`, { engine });
      const { served } = party;
      const clone = await party.join('clone');
      const { '@insert': inserted, '@emitCount': count } = await served.write({ '@id': 'http', wrote: 'this' });
      assert.deepEqual([inserted, count], [[{ '@id': 'http', wrote: 'this' }], 1]);
      await converge([clone], { http: { '@id': 'http', wrote: 'this' } });
      await clone.write({ '@delete': { '@id': 'http', wrote: 'this' }, '@insert': { '@id': 'http', wrote: 'that' } });
      await converge([served], { http: { '@id': 'http', wrote: 'that' } });
      const polled = await served.poll();
      assert.deepEqual(polled.map(({ '@delete': gone, '@insert': come }) => [gone, come]),
        [[[{ '@id': 'http', wrote: 'this' }], [{ '@id': 'http', wrote: 'that' }]]]);
      await served.unlock();
    });
  }
});

const emits = updates => updates.map(update => update['@emitCount']);
const without = ({ '@emitCount': _, ...update }) => update;

onGateway('named subdomains', stage => {
  const domainOf = name => `${name}.${stage.account.name}.${stage.gateway.domain}`;
  let other;
  before(async () => other = await stage.gateway.account('stranger', { remotesAuth: ['key'] }));

  it('are not there before somebody makes them', async () => {
    const { account, gateway } = stage;
    const auth = { user: account.name, key: account.key };
    assert.equal(await refusal(gateway, { domain: domainOf('unknown'), auth }), 'NotFound');
    const { body } = await gateway.request('GET', `/api/v1/domain/${account.name}/unknown/state?lock`, { auth: account.auth });
    assert.equal(body.code, 'NotFound');
  });

  for (const { engine, label } of engines(1)) {
    it(`let no clone in with somebody else's key: ${label}`, async () => {
      const party = await stage.subdomain(`foreign-${engine.replaceAll('.', '-')}`, { engine });
      for (const auth of [{ user: other.name, key: other.key }, { user: stage.account.name, key: other.key }, undefined]) {
        party.config.io.opts.auth = auth;
        await assert.rejects(party.join('intruder'));
        const intruder = party.clones.at(-1);
        assert.match(intruder.sockets.join(), /^refused: (Unauthorized|Forbidden)/);
        await party.leave(intruder);
      }
      const { status } = await party.served.request('GET', '/state?lock', { auth: other.auth });
      assert.equal(status, 403);
    });
  }

  for (const { engine, label } of engines(0)) {
    it(`end for all who are in them when they are deleted: ${label}`, async () => {
      const { account, gateway } = stage;
      const party = await stage.subdomain(`deleted-${engine.replaceAll('.', '-')}`, { engine });
      const clone = await party.join('clone');
      await clone.write({ '@id': 'some', thing: true });
      await converge([party.served], { some: { '@id': 'some', thing: true } });
      await party.served.ask(204, 'DELETE', '');
      await clone.until('the clone is disconnected', () => clone.sockets.some(what => what.startsWith('disconnect')));
      await clone.until('the clone is refused', () => clone.sockets.includes('refused: NotFound') || clone.closed != null);
      await party.served.ask(404, 'GET', '/state?lock');
      await party.served.ask(409, 'PUT', '', { body: {} });
      assert.equal(await refusal(gateway, {
        domain: party.config['@domain'], auth: { user: account.name, key: account.key }
      }), 'NotFound');
    });
  }
});
