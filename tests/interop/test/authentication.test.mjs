// Who is let in, and who is not.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { cloneId, uuidName } from '../lib/ids.mjs';
import { forgedJwt, jwt, openPair } from '../lib/jwt.mjs';
import { cells, ENGINES, TRANSPORTS, transports } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';
import { CloneProcess } from '../lib/clone-process.mjs';
import { connectRaw, refusal } from '../lib/raw.mjs';

const REASONS = ['Unauthorized', 'Forbidden', 'Bad gateway', 'NotFound', 'TooManyRequests'];

describe('authentication', () => {
  let gateway;
  const who = {};
  before(async () => {
    gateway = await Gateway.start();
    who.anon = await gateway.account('any-body', { remotesAuth: ['anon'] });
    who.key = await gateway.account('key-only', { remotesAuth: ['key'] });
    who.jwt = await gateway.account('jwt-only', { remotesAuth: ['jwt'], pair: true });
    who.open = await gateway.account('unsaid');
    who.other = await gateway.account('stranger', { remotesAuth: ['anon', 'key', 'jwt'], pair: true });
  });
  after(() => gateway?.dispose());

  const domainOf = (account, name = uuidName()) => `${name}.${account.name}.${gateway.domain}`;
  const keyOf = account => ({ user: account.name, key: account.key });
  const jwtOf = (account, replaced) => ({ jwt: jwt(gateway, account, openPair(account), replaced) });
  const letIn = async options => (await connectRaw(gateway, options)).close();
  const refused = async options => {
    const reason = await refusal(gateway, options);
    assert.ok(REASONS.includes(reason), `the reason is ${reason}`);
    return reason;
  };

  for (const { engine, transport, label } of cells) {
    describe(`clones of ${label}`, () => {
      const ways = {
        'anonymous clones': { account: () => who.anon, auth: () => undefined, wrong: () => keyOf(who.other) },
        'clones with a key': { account: () => who.key, auth: () => keyOf(who.key), wrong: () => undefined },
        'clones with a token': { account: () => who.jwt, auth: () => jwtOf(who.jwt), wrong: () => keyOf(who.jwt) }
      };
      for (const [name, { account, auth, wrong }] of Object.entries(ways)) {
        it(`lets in ${name} and nobody else`, async () => {
          const config = await gateway.configuration(account());
          delete config.io.opts.auth;
          const party = new Party(gateway, config, { engine, transport });
          const intruder = new CloneProcess({ ca: gateway.ca_file, name: 'intruder' });
          try {
            const one = await party.join('one', { auth: auth() });
            await party.join('two', { auth: auth() });
            await one.write({ '@id': 'in', way: name });
            await converge(party.clones, { in: { '@id': 'in', way: name } });
            await assert.rejects(intruder.start(ENGINES[engine], {
              ...config, '@id': cloneId('intruder'), genesis: false,
              io: { uri: config.io.uri, opts: { ...TRANSPORTS[transport], ...wrong() && { auth: wrong() } } }
            }));
            assert.ok(intruder.sockets.some(what => what.startsWith('refused: ')), intruder.sockets.join());
          } finally {
            await Promise.all([party.stop(), intruder.stop()]);
          }
        });
      }
    });
  }

  for (const transport of transports) {
    describe(`handshakes over ${transport}`, () => {
      it('refuses a domain that is not the gateway\'s', async () => {
        for (const domain of ['example.org', `evil${gateway.domain}`, `x.y.evil-${gateway.domain}`, `${domainOf(who.anon)}.`, ''])
          await refusal(gateway, { domain, transport });
      });

      it('refuses a domain of too many or too few parts', async () => {
        for (const domain of [`${who.anon.name}.${gateway.domain}`, `${uuidName()}.${domainOf(who.anon)}`, `.${gateway.domain}`])
          await refusal(gateway, { domain, transport });
      });

      it('opens the gateway\'s own domain to root alone', async () => {
        const domain = gateway.domain;
        await letIn({ domain, transport, auth: { user: gateway.root_account, key: gateway.root_key } });
        await refused({ domain, transport });
        await refused({ domain, transport, auth: keyOf(who.key) });
        await refused({ domain, transport, auth: jwtOf(who.jwt) });
      });

      it('opens anybody\'s domain to root', async () => {
        for (const account of [who.anon, who.key, who.open])
          await letIn({ domain: domainOf(account), transport, auth: { user: gateway.root_account, key: gateway.root_key } });
      });

      it('lets nobody in who gives nothing, unless the account says so', async () => {
        await letIn({ domain: domainOf(who.anon), transport });
        for (const account of [who.key, who.jwt, who.open])
          assert.equal(await refused({ domain: domainOf(account), transport }), 'Unauthorized');
      });

      it('lets nobody in to a named subdomain who gives nothing', async () => {
        await gateway.api('PUT', `/domain/${who.anon.name}/named`, { auth: who.anon.auth });
        await refused({ domain: domainOf(who.anon, 'named'), transport });
      });

      it('takes a key where the account lists keys, or nothing at all', async () => {
        await letIn({ domain: domainOf(who.key), transport, auth: keyOf(who.key) });
        await letIn({ domain: domainOf(who.open), transport, auth: keyOf(who.open) });
        await refused({ domain: domainOf(who.jwt), transport, auth: keyOf(who.jwt) });
        await refused({ domain: domainOf(who.anon), transport, auth: keyOf(who.anon) });
      });

      it('refuses the key of another account', async () => {
        await refused({ domain: domainOf(who.key), transport, auth: keyOf(who.other) });
        await refused({ domain: domainOf(who.key), transport, auth: { user: who.key.name, key: who.other.key } });
      });

      it('says the same of every key that is not right', async () => {
        const [head, secret] = who.key.key.split(':');
        const flipped = `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`;
        const wrong = {
          'a wrong secret': { user: who.key.name, key: `${head}:${flipped}` },
          'a secret cut short': { user: who.key.name, key: `${head}:${secret.slice(0, 20)}` },
          'an unknown key id': { user: who.key.name, key: `${head.slice(0, -5)}zzzzz:${secret}` },
          'an unknown account': { user: 'nobody-here', key: who.key.key },
          'no form of a key': { user: who.key.name, key: 'open sesame' }
        };
        const reasons = [];
        for (const auth of Object.values(wrong))
          reasons.push(await refused({ domain: domainOf(who.key), transport, auth }));
        assert.deepEqual([...new Set(reasons)], ['Unauthorized'], Object.keys(wrong).map((k, i) => `${k}: ${reasons[i]}`).join());
      });

      it('takes a token where the account lists tokens', async () => {
        await letIn({ domain: domainOf(who.jwt), transport, auth: jwtOf(who.jwt) });
        await letIn({ domain: domainOf(who.jwt), transport, auth: jwtOf(who.jwt, { claims: { iss: who.jwt.name } }) });
        await refused({ domain: domainOf(who.anon), transport, auth: jwtOf(who.jwt) });
        await refused({ domain: domainOf(who.jwt), transport, auth: jwtOf(who.other) });
      });

      it('refuses a token that is expired, forged or of no form', async () => {
        const past = Math.floor(Date.now() / 1000) - 3600;
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        const tokens = {
          expired: jwtOf(who.jwt, { claims: { exp: past } }).jwt,
          'not yet good': jwtOf(who.jwt, { claims: { nbf: past + 7200 } }).jwt,
          'signed by another key': jwt(gateway, who.jwt, privateKey),
          'of an unknown key id': jwtOf(who.jwt, { header: { kid: 'zzzzzz' } }).jwt,
          'of another issuer': jwtOf(who.jwt, { claims: { iss: 'http://example.org/jwt-only' } }).jwt,
          'with no signature': forgedJwt(gateway, who.jwt, 'none'),
          'signed with the public key': forgedJwt(gateway, who.jwt, 'mac'),
          'no token': 'a.b.c',
          'no text': { a: 1 }
        };
        if (process.env.GATEWAY_UNDER_TEST === 'reference')
          delete tokens['not yet good'];
        for (const [name, token] of Object.entries(tokens))
          await assert.doesNotReject(refused({ domain: domainOf(who.jwt), transport, auth: { jwt: token } }), name);
      });

      it('refuses a named subdomain that does not exist, and opens one that does', async () => {
        const name = `made-${transport}`;
        const domain = domainOf(who.key, name);
        await refused({ domain, transport, auth: keyOf(who.key) });
        await gateway.api('PUT', `/domain/${who.key.name}/${name}`, { auth: who.key.auth });
        await letIn({ domain, transport, auth: keyOf(who.key) });
        await refused({ domain, transport, auth: keyOf(who.other) });
      });

      it('refuses what is no clone id', async () => {
        const domain = domainOf(who.anon);
        for (const id of ['present', 'a/b', ''])
          await refusal(gateway, { domain, transport, id });
        await refusal(gateway, { transport, query: { '@domain': domain } });
        await refusal(gateway, { transport, query: { '@id': cloneId() } });
        await refusal(gateway, { transport, query: {} });
      });

      it('refuses malformed credentials', async () => {
        for (const auth of [{ user: 5, key: 7 }, { user: who.key.name }, { key: who.key.key }, { user: null, key: null }, { key: ['a'] }])
          await refusal(gateway, { domain: domainOf(who.key), transport, auth });
      });

      it('closes what a revoked key had opened, and lets it in no more', async () => {
        const { auth: { key } } = await gateway.api('POST', `/user/${who.key.name}/key`, { auth: who.key.auth });
        const domain = domainOf(who.key);
        const raw = await connectRaw(gateway, { domain, transport, auth: { user: who.key.name, key } });
        const still = await connectRaw(gateway, { domain, transport, auth: keyOf(who.key) });
        const keyid = key.split(':')[0].split('.').at(-1);
        await gateway.api('PATCH', `/user/${who.key.name}`, { auth: who.key.auth, body: { '@delete': { key: keyid } } });
        await raw.disconnected();
        assert.equal(await refused({ domain, transport, auth: { user: who.key.name, key } }), 'Unauthorized');
        assert.equal(still.ended, undefined);
        still.close();
      });

      it('replaces a clone that reconnects, not one of somebody else', async () => {
        const domain = domainOf(who.key);
        const id = cloneId();
        const first = await connectRaw(gateway, { domain, transport, id, auth: keyOf(who.key) });
        const second = await connectRaw(gateway, { domain, transport, id, auth: keyOf(who.key) });
        await first.disconnected();
        await refused({ domain, transport, id, auth: { user: gateway.root_account, key: gateway.root_key } });
        assert.equal(second.ended, undefined);
        second.close();
      });
    });
  }
});
