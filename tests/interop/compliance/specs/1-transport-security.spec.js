// Transport security (m-ld protocol, section 11): a domain in which everybody signs and, once there is a secret, encrypts.
import { randomBytes, sign } from 'node:crypto';
import msgpack from '@ably/msgpack-js';
import { converge } from '../../lib/clone-process.mjs';
import { eventually } from '../../lib/wait.mjs';
import { registered, secret, signing, user } from '../declare.mjs';
import { known, operations, Party, withEachPair } from '../party.mjs';

const [alice, bob, carol, eve] = ['alice', 'bob', 'carol', 'eve'].map(user);
const as = who => signing(who, who);

const pack = value => Buffer.from(msgpack.encode(value));
const unpack = bytes => msgpack.decode(bytes);
/** What an operation message says of itself. */
function parts(message) {
  const { enc, attr } = unpack(message);
  const [, , time, , encoding] = unpack(enc);
  return { time, encoding, attr };
}
const SECURE = 3;

/** The ticks of the process that a time is of, and its next time; null for a branch that it is not in. */
function tick(time) {
  if (!Array.isArray(time))
    return null;
  if (time.length < 2)
    return { ticks: time[0] ?? 0, next: [(time[0] ?? 0) + 1] };
  const local = time.length === 3 ? time[0] : 0;
  for (const [at, child] of [...time.entries()].slice(-2)) {
    const found = tick(child);
    if (found != null)
      return { ticks: local + found.ticks, next: time.with(at, found.next) };
  }
  return null;
}

/** What the process of an operation could do next, attributed by `attribute`, which is given the bytes to sign. */
function following(message, attribute, what) {
  const { ticks, next } = tick(parts(message).time);
  const update = pack([{}, { '@id': 'forged', what }]);
  const enc = pack([5, ticks + 1, next, update, [1], null, null]);
  return pack({ prev: ticks, enc, attr: attribute(enc) });
}

withEachPair('Transport security', (first, second) => {
  let party;
  beforeEach(() => party = new Party());
  afterEach(() => party.end());

  /** Alice begins the domain, in which she, Bob and Carol are registered, and Bob joins. */
  async function aliceAndBob() {
    const ofAlice = await party.join('alice', first, as(alice));
    await ofAlice.write(registered(alice, bob, carol));
    return [ofAlice, await party.join('bob', second, as(bob))];
  }

  it('lets those in who are registered, and each verifies what the others write', async () => {
    const [ofAlice, ofBob] = await aliceAndBob();
    const listener = await party.listen();
    const expected = {};
    const write = (member, id) => member.write(expected[id] = { '@id': id, by: member.name });
    await write(ofAlice, 'a');
    await write(ofBob, 'b');
    const ofCarol = await party.join('carol', first, as(carol));
    await write(ofCarol, 'c');
    await converge(party.members, expected);
    // What is told to one who was away is as it was signed.
    await ofBob.leave();
    await write(ofAlice, 'a2');
    await write(ofBob, 'b2');
    await ofBob.comeBack();
    await write(ofCarol, 'c2');
    await converge(party.members, expected);
    const signers = operations(listener).map(message => parts(message).attr.pid);
    expect(new Set(signers)).toEqual(new Set([alice, bob, carol].map(who => who['@id'])));
    party.areOpen();
  });

  it('lets nobody in who does not sign, is not registered, or signs for another', async () => {
    const [ofAlice, ofBob] = await aliceAndBob();
    const strangers = { 'unsigned': {}, 'not registered': as(eve), 'as another': signing(alice, eve) };
    for (const [name, config] of Object.entries(strangers)) {
      for (const kind of new Set([first, second])) {
        const stranger = party.member(name, kind, config);
        await expectAsync(stranger.start()).withContext(stranger.name).toBeRejected();
      }
    }
    await ofAlice.write({ '@id': 'a', is: 'as before' });
    await converge([ofAlice, ofBob], { a: { '@id': 'a', is: 'as before' } });
  });

  it('encrypts as soon as there is a secret, so that the relay does not know what is said', async () => {
    const [ofAlice, ofBob] = await aliceAndBob();
    const listener = await party.listen();
    const says = (message, what) => message.includes(what);
    await ofAlice.write({ '@id': 'open', is: 'hello relay' });
    await ofAlice.write(secret(await party.domain(), randomBytes(32)));
    await ofBob.until('he has the secret', () => ofBob.told.some(update => says(JSON.stringify(update), '#secret')));
    await eventually('the secret', () => operations(listener).some(message => says(message, '#secret')));
    const open = operations(listener);
    expect(open.some(message => says(message, 'hello relay'))).toBeTrue();
    expect(open.filter(message => parts(message).encoding.includes(SECURE))).toEqual([]);
    const expected = {
      short: { '@id': 'short', is: 'whispered' },
      back: { '@id': 'back', is: 'whispered' },
      long: { '@id': 'long', is: 'whispered '.repeat(500) }
    };
    await ofAlice.write(expected.short);
    await converge([ofBob], { short: expected.short });
    await ofBob.write(expected.back);
    await converge([ofAlice], { back: expected.back });
    await ofAlice.write(expected.long);
    await converge([ofAlice, ofBob], expected);
    // What the other had not heard when it answered a rev-up is sent once more, which a JavaScript clone does in clear (m-ld
    // protocol, Q2): only what is said first counts.
    const hidden = () => [...new Map(operations(listener).slice(open.length).reverse()
      .map(message => [JSON.stringify(parts(message).time), message])).values()];
    await eventually('all of it', () => hidden().length >= 3);
    expect(hidden().map(message => `${parts(message).encoding}`).sort())
      .toEqual([`${[1, 2, SECURE]}`, `${[1, SECURE]}`, `${[1, SECURE]}`]);
    expect(hidden().some(message => message.includes('whispered'))).toBeFalse();
    party.areOpen();
  });

  it('tells those who were away what was encrypted meanwhile', async () => {
    const [ofAlice, ofBob] = await aliceAndBob();
    await ofAlice.write(secret(await party.domain(), randomBytes(16)));
    const expected = { a: { '@id': 'a', is: 'before' } };
    await ofAlice.write(expected.a);
    await converge([ofBob], expected);
    for (const [away, there] of [[ofBob, ofAlice], [ofAlice, ofBob]]) {
      await away.leave();
      for (const member of [away, there]) {
        const id = `${member.name} ${away === member}`;
        await member.write(expected[id] = { '@id': id, is: 'encrypted' });
      }
      await away.comeBack();
      await there.write(expected[away.name] = { '@id': away.name, is: 'back' });
      await converge([away, there], expected);
    }
    party.areOpen();
  });

  it('lets a registered user into an encrypted domain', async () => {
    if (first === 'js')
      known('a JavaScript clone that has encrypted an operation serves no snapshot');
    const ofAlice = await party.join('alice', first, as(alice));
    await ofAlice.write(registered(alice, bob, carol));
    await ofAlice.write(secret(await party.domain(), randomBytes(16)));
    const expected = { a: { '@id': 'a', is: 'encrypted' } };
    await ofAlice.write(expected.a);
    const ofBob = await party.join('bob', second, as(bob));
    await ofBob.write(expected.b = { '@id': 'b', is: 'encrypted' });
    await converge([ofAlice, ofBob], expected);
    party.areOpen();
  });

  it('never takes what is not signed by who it is said to be, and goes on', async () => {
    const [ofAlice, ofBob] = await aliceAndBob();
    const [listener, witness] = [await party.listen(), await party.listen()];
    await ofAlice.write({ '@id': 'real', is: 1 });
    await converge([ofBob], { real: { '@id': 'real', is: 1 } });
    const real = await eventually('the operation', () => operations(listener).find(message => message.includes('real')));
    const signature = (who, bytes) => ({ pid: who['@id'], sig: sign('RSA-SHA256', bytes, who.privateKey) });
    const forgeries = {
      'unsigned': () => null,
      'by a stranger': enc => signature(eve, enc),
      'with the key of another': enc => ({ ...signature(eve, enc), pid: alice['@id'] }),
      'with the signature of something else': () => parts(real).attr
    };
    for (const [what, attribute] of Object.entries(forgeries))
      listener.socket.emit('operation', following(real, attribute, what));
    // Whatever is passed on after them, everybody gets after them.
    const forged = () => operations(witness).filter(message => message.includes('forged'));
    await eventually('the forgeries', () => forged().length === Object.keys(forgeries).length);
    for (const member of party.members) {
      await member.write({ '@id': 'after', by: member.name }).catch(() => { /* it has closed */ });
      await eventually(`what ${member.name} wrote`, () => member.closed != null || party.members.every(other => other.closed != null
        || other.told.some(update => JSON.stringify(update).includes(`"${member.name}"`))));
    }
    for (const member of party.members.filter(({ kind, closed }) => kind === 'native' || closed == null))
      expect(await member.get('forged')).withContext(member.name).toBeNull();
    if ([first, second].includes('js'))
      known('a JavaScript clone closes when it is sent an operation that it cannot verify');
    const after = { '@id': 'after', by: party.members.map(member => member.name) };
    await converge(party.members, { real: { '@id': 'real', is: 1 }, after, forged: null });
    party.areOpen();
  });
});
