// The gateway's own domain: whoever has the root key clones it, sees accounts as they are, and changes nothing there.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { canonical, CloneProcess, converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { everything } from '../lib/hosted.mjs';
import { cloneId } from '../lib/ids.mjs';
import { jwt, openPair } from '../lib/jwt.mjs';
import { cells, ENGINES, TRANSPORTS } from '../lib/matrix.mjs';
import { NETWORK_TIMEOUT } from '../lib/party.mjs';
import { connectRaw, refusal } from '../lib/raw.mjs';
import { eventually } from '../lib/wait.mjs';

const XSD = 'http://www.w3.org/2001/XMLSchema#';

describe('the gateway\'s own domain', { skip: underTest === 'reference' && 'the reference has no clones' }, () => {
  const stage = { clones: [] };
  before(async () => {
    stage.gateway = await Gateway.start();
    stage.ada = await stage.gateway.account('ada', { naming: ['uuid'], remotesAuth: ['key', 'jwt'], pair: true });
  });
  after(async () => {
    await Promise.allSettled(stage.clones.map(clone => clone.stop()));
    await stage.gateway?.dispose();
  });

  /** Starts a clone with what `auth` is, which need not be let in. */
  async function start({ engine, transport }, auth) {
    const { gateway } = stage;
    const clone = new CloneProcess({ ca: gateway.ca_file, name: `${engine} over ${transport}` });
    stage.clones.push(clone);
    const starting = clone.start(ENGINES[engine], {
      '@id': cloneId('own'), '@domain': gateway.domain, genesis: false, networkTimeout: NETWORK_TIMEOUT,
      '@context': (await gateway.api('GET', '/context')),
      io: { uri: `${gateway.origin}/`, opts: { ...auth && { auth }, ...TRANSPORTS[transport] } }
    });
    return { clone, starting };
  }

  /** Starts one that is. */
  async function joined(cell) {
    const { root_account: user, root_key: key } = stage.gateway;
    const { clone, starting } = await start(cell, { user, key });
    await starting;
    await clone.status({ outdated: false });
    return clone;
  }

  const asRoot = (method, path, body) => stage.gateway.api(method, path, { auth: stage.gateway.rootAuth, body });
  const details = name => asRoot('GET', `/user/${name}`);
  /** The value of a property that there is one of, without its datatype. */
  const plain = value => value['@value'] ?? value;
  /** What an account's subject has to say of itself, as the API has it. */
  async function account(name, subject) {
    const { naming, remotesAuth, key, subdomain } = await details(name);
    return canonical({
      '@id': name, '@type': 'Account', created: subject?.created,
      ...naming.length && { naming }, ...remotesAuth.length && { remotesAuth },
      key: key.map(({ keyid }) => ({ '@id': `.${keyid}` })),
      ...subdomain.length && { subdomain: subdomain.map(sub => ({ '@id': `${name}/${sub}` })) }
    });
  }
  /** Waits until a clone has an account as the API has it. */
  const hasAccount = (clone, name) => eventually(`${clone.name} has ${name} as it is`, async () => {
    assert.equal(clone.closed, undefined);
    const subject = await clone.get(name);
    return subject != null && JSON.stringify(canonical(subject)) === JSON.stringify(await account(name, subject));
  });

  for (const cell of cells) {
    describe(cell.label, () => {
      const name = `made-${cell.engine === 'edge' ? 'edge' : 'release'}-${cell.transport}`;
      let clone;
      before(async () => clone = await joined(cell));

      it('is there for the root key, with all that there is', async () => {
        await hasAccount(clone, 'ada');
        await hasAccount(clone, stage.gateway.root_account);
        const key = await clone.get(`.${stage.ada.keyid}`);
        const [{ created }] = (await details('ada')).key;
        assert.deepEqual({ ...key, public: plain(key.public), created: plain(key.created) }, {
          '@id': `.${stage.ada.keyid}`, '@type': 'UserKey', public: stage.ada.pair.public, revoked: false, created
        });
      });

      it('tells of what the API makes, changes and deletes, as it does', async () => {
        const made = await stage.gateway.account(name, { naming: ['any'], remotesAuth: ['anon'] });
        await hasAccount(clone, name);
        await asRoot('PUT', `/domain/${name}/notes`, { useSignatures: true });
        await asRoot('PUT', `/domain/${name}/todo`);
        await hasAccount(clone, name);
        const [{ created }] = await asRoot('GET', `/domain/${name}`);
        await converge([clone], {
          [`${name}/notes`]: {
            '@id': `${name}/notes`, '@type': 'Subdomain', useSignatures: true,
            created: { '@type': `${XSD}dateTime`, '@value': created }
          }
        });
        const { auth: { key } } = await asRoot('POST', `/user/${name}/key/${made.keyid}/rotate`, { overlap: 'PT1H' });
        const successor = key.split(':')[0].split('.').at(-1);
        await asRoot('PATCH', `/user/${name}`, { '@insert': { naming: 'uuid' }, '@delete': { remotesAuth: 'anon', key: successor } });
        await asRoot('DELETE', `/domain/${name}/notes`);
        await hasAccount(clone, name);
        await eventually('its keys end as they do', async () => {
          const [old, next] = await Promise.all([made.keyid, successor].map(id => clone.get(`.${id}`)));
          return old?.expires != null && old.revoked === false && next?.revoked === true;
        });
        await converge([clone], { [`${name}/notes`]: null });
        await asRoot('DELETE', `/user/${name}`);
        await converge([clone], { [name]: null, [`${name}/todo`]: null, [`.${made.keyid}`]: null, [`.${successor}`]: null });
      });

      it('has no secret in it, and no address', async () => {
        await asRoot('PATCH', '/user/ada', { '@insert': { email: 'ada@example.org' } });
        await asRoot('PATCH', '/user/ada', { '@insert': { naming: 'any' } });
        await hasAccount(clone, 'ada');
        await asRoot('PATCH', '/user/ada', { '@delete': { naming: 'any' } });
        await hasAccount(clone, 'ada');
        const all = JSON.stringify(await everything(clone));
        assert.ok(all.includes(stage.ada.pair.public));
        for (const kept of [stage.ada.key.split(':')[1], stage.ada.pair.private, stage.gateway.root_key.split(':')[1], 'argon2', 'example.org'])
          assert.ok(!all.includes(kept), kept);
      });

      it('refuses what a clone writes, says so, and nobody else has it', async () => {
        const writer = await joined(cell);
        await writer.write({ '@id': 'mallory', '@type': 'Account', key: { '@id': `.${stage.ada.keyid}` } });
        await writer.until('it is refused', () => writer.sockets.includes('refused: Forbidden'));
        await assert.rejects(() => writer.status(), /Forbidden/);
        await assert.rejects(() => writer.write({ '@id': 'mallory', once: 'more' }));
        await asRoot('PATCH', '/user/ada', { '@insert': { naming: 'any' } });
        await hasAccount(clone, 'ada');
        assert.equal(await clone.get('mallory'), null);
        await asRoot('PATCH', '/user/ada', { '@delete': { naming: 'any' } });
        const later = await joined(cell);
        assert.equal(await later.get('mallory'), null);
        assert.equal((await stage.gateway.request('GET', '/api/v1/user/mallory', { auth: stage.gateway.rootAuth })).status, 404);
      });

      it('shows nobody but the gateway to those who copy it', async () => {
        const { root_account: user, root_key: key, domain } = stage.gateway;
        const raw = await connectRaw(stage.gateway, { domain, auth: { user, key }, transport: cell.transport });
        try {
          raw.socket.emit('present', true);
          await eventually('presence', () => raw.present != null);
          assert.equal(raw.present.length, 1);
          assert.notEqual(raw.present[0], raw.id);
        } finally {
          raw.close();
        }
      });

      it('is closed to everybody else', async () => {
        const { ada, gateway } = stage;
        const key = { user: 'ada', key: ada.key };
        const token = { jwt: jwt(gateway, ada, openPair(ada)) };
        for (const [auth, reason] of [[undefined, 'Unauthorized'], [key, 'Forbidden'], [token, 'Forbidden']])
          assert.equal(await refusal(gateway, { domain: gateway.domain, transport: cell.transport, auth }), reason);
        const { clone: other, starting } = await start(cell, key);
        await assert.rejects(() => starting.then(() => other.status({ outdated: false })));
        assert.deepEqual(other.sockets.filter(what => !what.startsWith('disconnect')), ['refused: Forbidden']);
      });
    });
  }

  it('has caught up with what happened when the gateway was killed, and so has who copies it', async () => {
    const clone = await joined(cells[0]);
    const making = Array.from({ length: 12 }, (_, i) => asRoot('PUT', `/domain/ada/at-the-end-${i}`).catch(() => undefined));
    await Promise.race(making);
    await stage.gateway.stop('SIGKILL');
    await Promise.all(making);
    await stage.gateway.start();
    assert.ok((await details('ada')).subdomain.length > 0);
    await hasAccount(clone, 'ada');
    await hasAccount(await joined(cells.at(-1)), 'ada');
  });
});
