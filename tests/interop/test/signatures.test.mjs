// In a subdomain with signatures operations pass that are signed by those who may speak, and no others.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import msgpack from '@ably/msgpack-js';
import { CloneProcess, converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { cloneId } from '../lib/ids.mjs';
import { cells, ENGINES, TRANSPORTS } from '../lib/matrix.mjs';
import { operation } from '../lib/operations.mjs';
import { NETWORK_TIMEOUT } from '../lib/party.mjs';
import { connectRaw } from '../lib/raw.mjs';
import { eventually } from '../lib/wait.mjs';

/** A user with a key pair of their own. */
function user(name) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    id: `https://${name}.example/profile#me`,
    keyid: `key_of_${name}`,
    public: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    private: privateKey.export({ type: 'pkcs8', format: 'pem' })
  };
}

/** An operation message, signed by a user (or not), in the name of `principal`. */
function signed(tick, by, { principal = by?.id ?? null, prefix = '', update } = {}) {
  const message = msgpack.decode(operation(tick, { parts: { principal }, ...update && { update } }));
  const attr = by && { pid: by.id, sig: Buffer.concat([Buffer.from(prefix), sign('RSA-SHA256', message.enc, by.private)]) };
  return Buffer.from(msgpack.encode({ ...message, attr }));
}

describe('signatures', { skip: underTest === 'reference' && 'the reference has no clones' }, () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('signing', { naming: [], remotesAuth: ['key'], pair: true });
  });
  after(() => gateway?.dispose());

  for (const { engine, transport, label } of cells) {
    describe(label, () => {
      const name = `signed-${engine === 'edge' ? 'edge' : 'release'}-${transport}`;
      const [ann, ben, eve] = ['ann', 'ben', 'eve'].map(user);
      const clones = [];
      const auth = () => ({ user: account.name, key: account.key });
      /** Asks for the subdomain on behalf of a user. */
      const put = (who, subdomain = name) => gateway.api('PUT', `/domain/${account.name}/${subdomain}`, {
        auth: account.auth,
        body: {
          useSignatures: true,
          ...who && { user: { '@id': who.id, key: { type: 'rsa', keyid: who.keyid, public: who.public } } }
        }
      });
      /** Starts a clone that signs as a user, or not at all. */
      const start = async (who, config, { keyid } = {}) => {
        const clone = new CloneProcess({ ca: gateway.ca_file, name: who?.keyid ?? 'nobody' });
        clones.push(clone);
        await clone.start(ENGINES[engine], {
          networkTimeout: NETWORK_TIMEOUT,
          ...config,
          '@id': cloneId('signer'),
          io: { ...config.io, opts: { auth: auth(), ...TRANSPORTS[transport] } }
        }, who && { signer: { id: who.id, key: who.private, keyid } });
        return clone;
      };
      const raw = () => connectRaw(gateway, { domain: `${name}.${account.name}.${gateway.domain}`, auth: auth(), transport });
      after(() => Promise.allSettled(clones.map(clone => clone.stop())));

      it('passes what those say who are registered, and all of them verify it', async () => {
        const one = await start(ann, await put(ann));
        const other = await start(ben, await put(ben));
        await one.status({ outdated: false });
        await other.status({ outdated: false });
        await one.write({ '@id': 'said', by: 'ann' });
        await other.write({ '@id': 'heard', by: 'ben' });
        await converge([one, other], { said: { '@id': 'said', by: 'ann' }, heard: { '@id': 'heard', by: 'ben' } });
      });

      it('has the gateway itself understood by clones that verify', async () => {
        await gateway.api('POST', `/domain/${account.name}/${name}/state`, {
          auth: account.auth, body: { '@id': 'from-gateway', n: 1 }
        });
        await converge(clones.slice(0, 2), { 'from-gateway': { '@id': 'from-gateway', n: 1 } });
      });

      it('tells the log who said what', async () => {
        await eventually('the records', () => {
          const log = gateway.log(1 << 20);
          return log.includes(`${account.name}/${name} USER ${ann.id} {`) && log.includes(`${account.name}/${name} USER ${ben.id} {`);
        });
      });

      it('lets nobody join who is not registered', async () => {
        const stranger = new CloneProcess({ ca: gateway.ca_file, name: eve.keyid });
        clones.push(stranger);
        const config = await put(ann);
        const starting = stranger.start(ENGINES[engine], {
          networkTimeout: NETWORK_TIMEOUT,
          ...config,
          '@id': cloneId('stranger'),
          io: { ...config.io, opts: { auth: auth(), ...TRANSPORTS[transport] } }
        }, { signer: { id: eve.id, key: eve.private } });
        const joined = await starting.then(() => stranger.get('said')).catch(() => null);
        assert.equal(joined, null);
        await stranger.stop();
        clones.pop();
      });

      it('refuses what is unsigned, by a stranger, forged, or in another name, and it reaches nobody', async () => {
        const witness = await raw();
        try {
          const forged = signed(1, ann);
          forged[forged.length - 1] ^= 1;
          const attacks = {
            'unsigned': signed(1),
            'by a stranger': signed(1, eve),
            'forged': forged,
            'with the signature of another key': signed(1, { ...ann, private: eve.private }),
            'in another manner': signed(1, ann, { prefix: `${ann.keyid}:` }),
            'in the name of another': signed(1, ann, { principal: ben.id }),
            'registering a stranger': signed(1, ann, { update: [{}, {
              '@id': eve.id,
              'http://m-ld.org/#public-key': {
                '@id': 'AAAA', '@type': 'http://www.w3.org/2001/XMLSchema#base64Binary', '@value': Buffer.from(eve.public, 'base64')
              }
            }] })
          };
          for (const [what, message] of Object.entries(attacks)) {
            const attacker = await raw();
            attacker.socket.emit('operation', message);
            const ended = await attacker.disconnected();
            if (transport === 'websocket') // long polling does not tell
              assert.equal(ended, 'io server disconnect', what);
          }
          const [one] = clones;
          await one.write({ '@id': 'after', n: 1 });
          const heard = await eventually('the witness hears', () => witness.heard.length > 0 && witness.heard);
          assert.deepEqual(heard.map(([event]) => event), ['operation']);
        } finally {
          witness.close();
        }
        await converge(clones.slice(0, 2), { after: { '@id': 'after', n: 1 } });
        assert.match(gateway.log(1 << 20), /operation-refused/);
      });

      it('passes signatures with the id of one of several keys, in a subdomain where all sign so', async () => {
        const devices = [user('phone'), user('tablet')].map(device => ({ ...device, id: ann.id }));
        const joined = [];
        for (const device of devices)
          joined.push(await start(device, await put(device, `${name}-ids`), { keyid: device.keyid }));
        for (const [i, clone] of joined.entries())
          await clone.write({ '@id': `from-${i}`, n: i });
        await converge(joined, { 'from-0': { '@id': 'from-0', n: 0 }, 'from-1': { '@id': 'from-1', n: 1 } });
      });

      it('goes on after the gateway died: who may speak does, and nobody else', async () => {
        const [one, other] = clones;
        const before = [one, other].map(clone => clone.sockets.length);
        await gateway.stop('SIGKILL');
        await gateway.start();
        for (const [i, clone] of [one, other].entries())
          await clone.until('it is back', () => clone.sockets.slice(before[i]).includes('connect'));
        await one.write({ '@id': 'revived', by: 'ann' });
        await converge([one, other], { revived: { '@id': 'revived', by: 'ann' } });
        const attacker = await raw();
        attacker.socket.emit('operation', signed(1, ann, { prefix: `${ann.keyid}:` }));
        await attacker.disconnected();
        await other.write({ '@id': 'unharmed', by: 'ben' });
        await converge([one, other], { unharmed: { '@id': 'unharmed', by: 'ben' } });
      });

      it('refuses at once what is signed with a key that was revoked', async () => {
        const pair = await gateway.api('POST', `/user/${account.name}/key?type=rsa`, { auth: account.auth });
        const keyid = pair.auth.key.split(':')[0].split('.').at(-1);
        const privateKey = createPrivateKey({
          key: Buffer.from(pair.key.private, 'base64'), format: 'der', type: 'pkcs8', passphrase: pair.auth.key.split(':')[1]
        });
        // The account vouches for a user whose key is one of its own.
        const own = {
          id: 'https://own.example/profile#me', keyid,
          public: pair.key.public, private: privateKey.export({ type: 'pkcs8', format: 'pem' })
        };
        const clone = await start(own, await put(own));
        await clone.status({ outdated: false });
        await clone.write({ '@id': 'before', n: 1 });
        await converge(clones.slice(0, 2), { before: { '@id': 'before', n: 1 } });
        await gateway.api('PATCH', `/user/${account.name}`, { auth: account.auth, body: { '@delete': { key: keyid } } });
        await clone.write({ '@id': 'too-late', n: 1 });
        await clone.until('it is disconnected', () => clone.sockets.some(what => what.startsWith('disconnect')));
        await clones[0].write({ '@id': 'later', n: 1 });
        await converge(clones.slice(0, 2), { later: { '@id': 'later', n: 1 }, 'too-late': null });
        const query = JSON.stringify({ '@select': '?k', '@where': { '@id': own.id, 'http://m-ld.org/#public-key': '?k' } });
        const left = await gateway.api('GET', `/domain/${account.name}/${name}/state?q=${encodeURIComponent(query)}`, { auth: account.auth });
        assert.equal(`${left}`.trim(), '');
      });
    });
  }
});
