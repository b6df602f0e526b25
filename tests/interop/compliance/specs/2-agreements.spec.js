// Agreements, statutes and permissions (m-ld protocol, sections 12 and 13.4): what an agreement has not seen is void for
// everybody, and who writes without permission is not heard.
import { agree, converge } from '../../lib/clone-process.mjs';
import { Random } from '../../lib/random.mjs';
import { eventually } from '../../lib/wait.mjs';
import {
  extensions, hasAuthority, hasPermission, inTheNameOf, permission, PERMISSIONS, shape, statute, statutory, writePermitted
} from '../declare.mjs';
import { known, LONG_MS, operations, Party, withEachPair } from '../party.mjs';

const nameOf = name => inTheNameOf(name).principal['@id'];
const [ALICE, BOB] = ['alice', 'bob'].map(nameOf);

/** Rules by which only who is permitted writes the state of invoices, as Alice and Bob are. */
const PERMITTED = {
  '@graph': [
    shape('state-shape', 'state'),
    permission('may-state', 'state-shape'),
    hasPermission(ALICE, 'may-state'),
    hasPermission(BOB, 'may-state'),
    extensions(statutory(), writePermitted())
  ]
};
/** Rules by which permissions are given and taken by agreement, and Alice has the authority to. */
const GOVERNED = {
  '@graph': [
    shape('permission-shape', PERMISSIONS),
    statute('permissions-statute', 'permission-shape'),
    hasAuthority(ALICE, 'permission-shape')
  ]
};
const REVOKED = { '@delete': { '@id': BOB, [PERMISSIONS]: { '@id': 'may-state' } } };

withEachPair('Agreements', (first, second) => {
  let party;
  beforeEach(() => party = new Party());
  afterEach(() => party.end());

  /** One who makes agreements, one who writes, and one of each kind who looks on. */
  async function three() {
    const maker = await party.join('alice', first, inTheNameOf('alice'));
    const writer = await party.join('bob', second, inTheNameOf('bob'));
    const witness = await party.join('carol', first, inTheNameOf('carol'));
    return [maker, writer, witness];
  }

  for (const [what, roles] of Object.entries({
    'who began the domain': ([one, two, three]) => [one, two, three],
    'who joined it': ([one, two, three]) => [two, one, three]
  })) {
    it(`made by ${what} make void all that they have not seen, and what came of it`, async () => {
      const [maker, writer, witness] = roles(await three());
      await writer.write({ '@id': 'doc', state: 'draft', note: 'kept' });
      await converge(party.members, { doc: { '@id': 'doc', state: 'draft', note: 'kept' } });
      await maker.leave();
      await maker.write({ '@update': { '@id': 'doc', state: 'agreed' }, '@agree': true });
      // What was known of before is taken away, what was not is added, and somebody else builds on both.
      await writer.write({ '@delete': { '@id': 'doc', note: 'kept' }, '@insert': { '@id': 'doc', extra: 'void' } });
      await converge([witness], { doc: { '@id': 'doc', state: 'draft', extra: 'void' } });
      await witness.write({ '@update': { '@id': 'doc', extra: 'void too' } });
      await converge([writer], { doc: { '@id': 'doc', state: 'draft', extra: 'void too' } });
      await maker.comeBack();
      const expected = { doc: { '@id': 'doc', state: 'agreed', note: 'kept' } };
      await converge(party.members, expected);
      // Ticks that have become void are made again.
      for (const member of party.members) {
        await member.write(expected[member.name] = { '@id': member.name, is: 'heard' });
        await converge(party.members, expected);
      }
      party.areOpen();
    });
  }

  it('make nothing void that they have seen', async () => {
    const [maker, writer] = await three();
    await writer.write({ '@id': 'doc', note: 'seen' });
    await converge([maker], { doc: { '@id': 'doc', note: 'seen' } });
    await maker.write({ '@insert': { '@id': 'doc', state: 'agreed' }, '@agree': true });
    await converge(party.members, { doc: { '@id': 'doc', note: 'seen', state: 'agreed' } });
    const update = writer.told.at(-1);
    expect(update['@agree']).toBeTrue();
    expect(update['@principal']).toEqual({ '@id': ALICE });
    party.areOpen();
  });

  it('are of what was written while one was away, and void what that one did', async () => {
    const [maker, writer] = await three();
    await maker.write({ '@id': 'doc', state: 'draft' });
    await converge(party.members, { doc: { '@id': 'doc', state: 'draft' } });
    await writer.leave();
    await writer.write({ '@id': 'doc', lost: 1 });
    await writer.write({ '@id': 'doc', lost: 2 });
    await maker.write({ '@update': { '@id': 'doc', state: 'agreed' }, '@agree': true });
    await maker.write({ '@id': 'doc', later: true });
    await writer.comeBack();
    const expected = { doc: { '@id': 'doc', state: 'agreed', later: true } };
    await converge(party.members, expected);
    await writer.write(expected.heard = { '@id': 'heard', is: 1 });
    await converge(party.members, expected);
    party.areOpen();
  });

  for (const [whom, isMeant] of Object.entries({
    ...first === 'native' && second === 'js' && { 'the native clones': kind => kind === 'native' },
    'everybody': () => true
  })) it(`leave ${whom} with the same, however they cross with other writes`, async () => {
    const [maker, ...writers] = await three();
    if (first === 'native') // so that there are three of those who have to agree
      writers.push(await party.join('dave', 'native', inTheNameOf('dave')));
    const random = new Random(12);
    const rounds = 12;
    const ids = ['doc', 's0', 's1', 's2'];
    await Promise.all([
      (async () => {
        for (let round = 1; round <= rounds; round++) {
          await maker.write({ '@update': { '@id': 'doc', round }, ...round % 2 === 0 && { '@agree': true } });
          const { updates } = maker;
          if (random.below(2)) // so that it is of something
            await eventually('a write', () => maker.updates > updates, { ms: 100, pause: 5 }).catch(() => { /* or not */ });
        }
      })(),
      ...writers.map(async (writer, i) => {
        const own = random.fork();
        for (let n = 0; n < 2 * rounds; n++) {
          const subject = { '@id': ids[1 + own.below(3)], [`p${own.below(2)}`]: own.below(4) };
          await writer.write(own.below(3) ? { ...subject, [`by${i}`]: n } : { '@delete': subject });
        }
      })
    ]);
    /** They have the last agreement, and then what each of them writes, which is of nobody's past; and all the same. */
    const areAtOne = async clones => {
      await converge(clones, { doc: { '@id': 'doc', round: rounds } });
      const end = {};
      for (const clone of clones) {
        await clone.write(end[clone.name] = { '@id': clone.name, is: 'done' });
        await converge(clones, end);
      }
      await agree(clones, ids);
    };
    const meant = party.members.filter(({ kind }) => isMeant(kind));
    if (meant.some(({ kind }) => kind === 'js'))
      known('JavaScript clones do not hear one another any more, or differ, after many agreements that cross with other writes');
    await areAtOne(meant);
    for (const { name, closed } of meant)
      expect(closed).withContext(name).toBeUndefined();
  }, LONG_MS);

  it('are what changes a statutory shape, by who has authority alone', async () => {
    const [ofAlice, ofBob] = await three();
    await ofAlice.write(PERMITTED);
    await ofAlice.write(GOVERNED);
    await converge(party.members, { 'permissions-statute': await ofAlice.get('permissions-statute') });
    await expectAsync(ofBob.write(hasPermission('https://eve.example/', 'may-state'))).toBeRejected();
    await ofAlice.write(hasPermission('https://carol.example/', 'may-state'));
    await converge(party.members, {
      'https://carol.example/': { '@id': 'https://carol.example/', [PERMISSIONS]: { '@id': 'may-state' } },
      'https://eve.example/': null
    });
    for (const member of party.members)
      expect(member.told.at(-1)['@agree']).withContext(member.name).toBeTrue();
    party.areOpen();
  });

  it('that take a permission away make void what was written by it at the same time', async () => {
    const [ofAlice, ofBob, ofCarol] = await three();
    await ofAlice.write({ '@id': 'invoice', state: 'by Alice' });
    await ofAlice.write(PERMITTED);
    await ofAlice.write(GOVERNED);
    await converge(party.members, { 'permissions-statute': await ofAlice.get('permissions-statute') });
    await ofAlice.leave();
    await ofAlice.write(REVOKED);
    await ofBob.write({ '@update': { '@id': 'invoice', state: 'by Bob' } });
    await converge([ofBob, ofCarol], { invoice: { '@id': 'invoice', state: 'by Bob' } });
    await ofCarol.write({ '@id': 'invoice', quantity: 3 });
    await converge([ofBob], { invoice: { '@id': 'invoice', state: 'by Bob', quantity: 3 } });
    await ofAlice.comeBack();
    const expected = { invoice: { '@id': 'invoice', state: 'by Alice' }, [BOB]: null };
    await converge(party.members, expected);
    await expectAsync(ofBob.write({ '@update': { '@id': 'invoice', state: 'by Bob' } })).toBeRejected();
    await ofBob.write(expected.else = { '@id': 'else', by: 'Bob' });
    await converge(party.members, expected);
    party.areOpen();
  });
});

withEachPair('Permissions', (first, second) => {
  let party;
  beforeEach(() => party = new Party());
  afterEach(() => party.end());

  it('are what is needed to write what they are about, and nothing else', async () => {
    const ofAlice = await party.join('alice', first, inTheNameOf('alice'));
    await ofAlice.write(PERMITTED);
    const others = {
      bob: await party.join('bob', second, inTheNameOf('bob')),
      carol: await party.join('carol', second, inTheNameOf('carol')),
      nobody: await party.join('nobody', first)
    };
    await ofAlice.write({ '@id': 'invoice', state: 'open' });
    await converge(party.members, { invoice: { '@id': 'invoice', state: 'open' } });
    for (const who of ['carol', 'nobody']) {
      await expectAsync(others[who].write({ '@id': 'mine', state: who })).withContext(who).toBeRejected();
      await expectAsync(others[who].write({ '@delete': { '@id': 'invoice', state: 'open' } })).withContext(who).toBeRejected();
      await others[who].write({ '@id': 'invoice', [who]: true });
    }
    await others.bob.write({ '@update': { '@id': 'invoice', state: 'paid' } });
    await converge(party.members, { invoice: { '@id': 'invoice', state: 'paid', carol: true, nobody: true }, mine: null });
    // From when it is given.
    await ofAlice.write(hasPermission(nameOf('carol'), 'may-state'));
    await converge([others.carol], { [nameOf('carol')]: { '@id': nameOf('carol'), [PERMISSIONS]: { '@id': 'may-state' } } });
    await others.carol.write({ '@id': 'mine', state: 'permitted' });
    await converge(party.members, { mine: { '@id': 'mine', state: 'permitted' } });
    party.areOpen();
  });

  it('block, for all alike, who writes without one that was taken away', async () => {
    const ofAlice = await party.join('alice', first, inTheNameOf('alice'));
    await ofAlice.write({ '@id': 'invoice', state: 'by Alice' });
    await ofAlice.write(PERMITTED);
    const ofBob = await party.join('bob', second, inTheNameOf('bob'));
    const ofCarol = await party.join('carol', second, inTheNameOf('carol'));
    const listener = await party.listen();
    await ofBob.leave();
    await ofBob.write({ '@update': { '@id': 'invoice', state: 'by Bob' } });
    await ofAlice.write(REVOKED);
    await converge([ofCarol], { [BOB]: null });
    await ofBob.comeBack();
    await eventually('what Bob wrote', () => operations(listener).length === 2);
    // Nothing that he writes is heard any more, be it permitted.
    await ofBob.write({ '@id': 'else', by: 'Bob' });
    await eventually('what else Bob wrote', () => operations(listener).length === 3);
    const expected = { invoice: { '@id': 'invoice', state: 'by Alice' }, else: null };
    // What is passed on after that, comes after that.
    for (const member of [ofAlice, ofCarol]) {
      await member.write(expected[member.name] = { '@id': member.name, is: 'heard' });
      await converge([ofAlice, ofCarol], expected);
    }
    await converge([ofBob], { invoice: { '@id': 'invoice', state: 'by Bob' } });
    party.areOpen();
  });
});
