// The configuration that the gateway gives is one that a clone can use as it comes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { CloneProcess, converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { cloneId, uuidName } from '../lib/ids.mjs';
import { ENGINES } from '../lib/matrix.mjs';
import { eventually } from '../lib/wait.mjs';

describe('configuration', () => {
  let gateway;
  const who = {};
  before(async () => {
    gateway = await Gateway.start();
    who.anon = await gateway.account('conf-anon', { remotesAuth: ['anon'] });
    who.key = await gateway.account('conf-key', { remotesAuth: ['key'] });
    who.jwt = await gateway.account('conf-jwt', { remotesAuth: ['jwt', 'key'] });
    who.mute = await gateway.account('conf-mute', { naming: [] });
  });
  after(() => gateway?.dispose());

  const nameIn = config => config['@domain'].split('.')[0];

  it('has a fresh UUID name for who names none, and says that it is new', async () => {
    const [one, two] = [await gateway.configuration(who.anon), await gateway.configuration(who.anon)];
    assert.match(nameIn(one), /^c[a-z0-9]{24}$/);
    assert.notEqual(nameIn(one), nameIn(two));
    assert.equal(one['@domain'], `${nameIn(one)}.${who.anon.name}.${gateway.domain}`);
    assert.equal(one.genesis, true);
  });

  it('does not say that a named one is new', async () => {
    const name = uuidName();
    const config = await gateway.configuration(who.anon, { body: { name } });
    assert.equal(nameIn(config), name);
    assert.ok(!config.genesis);
  });

  it('is not there for an account that allows no UUID names', async () => {
    const { status, body } = await gateway.request('POST', `/api/v1/domain/${who.mute.name}`);
    assert.equal(status, 405);
    assert.equal(body.code, 'MethodNotAllowed');
  });

  it('never has the key', async () => {
    for (const account of [who.key, who.jwt]) {
      const { io } = await gateway.configuration(account, { auth: account.auth });
      assert.ok(!JSON.stringify(io).includes(account.key.split(':')[1]));
    }
    const { io } = await gateway.configuration(who.key, { auth: who.key.auth });
    assert.equal(io.opts.auth.user, who.key.name);
    assert.notEqual(io.opts.auth.key, undefined);
  });

  for (const [label, engine] of Object.entries(ENGINES)) {
    /** Two clones, each with a configuration that the gateway gave it, changed by nothing but `prepare`. */
    const share = async (account, options, prepare = config => config) => {
      const [one, two] = ['one', 'two'].map(name => new CloneProcess({ ca: gateway.ca_file, name }));
      try {
        const first = await gateway.configuration(account, options);
        await one.start(engine, { ...prepare(first), '@id': cloneId() });
        const second = await gateway.configuration(account, { ...options, body: { name: nameIn(first) } });
        await two.start(engine, { ...prepare(second), '@id': cloneId() });
        await one.write({ '@id': 'a', b: 'c' });
        await converge([one, two], { a: { '@id': 'a', b: 'c' } });
        await eventually('both have upgraded to websocket', async () =>
          await one.transport() === 'websocket' && await two.transport() === 'websocket');
        await two.write({ '@id': 'd', e: 'f' });
        await converge([one, two], { d: { '@id': 'd', e: 'f' } });
        assert.deepEqual([one.sockets, two.sockets], [['connect'], ['connect']]);
      } finally {
        await Promise.all([one.stop(), two.stop()]);
      }
    };

    it(`serves anonymous clones as it comes: ${label}`, () => share(who.anon, {}));

    it(`serves clones with the token that is in it: ${label}`, () => share(who.jwt, { auth: who.jwt.auth }));

    it(`serves clones once the key is filled in: ${label}`, () => share(who.key, { auth: who.key.auth }, config => {
      config.io.opts.auth.key = who.key.key;
      return config;
    }));
  }

  it('lets both engines share one domain', async () => {
    const clones = Object.keys(ENGINES).map(name => new CloneProcess({ ca: gateway.ca_file, name }));
    try {
      const config = await gateway.configuration(who.anon);
      for (const clone of clones) {
        await clone.start(ENGINES[clone.name], { ...config, genesis: clone === clones[0], '@id': cloneId() }, { text: ['story'] });
        await clone.write({ '@id': clone.name, story: `by ${clone.name}` });
      }
      await converge(clones, Object.fromEntries(clones.map(({ name }) => [name, { '@id': name, story: `by ${name}` }])));
    } finally {
      await Promise.all(clones.map(clone => clone.stop()));
    }
  });
});
