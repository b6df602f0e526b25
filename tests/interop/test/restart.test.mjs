// The gateway stops or dies and comes back on the same data: clones, accounts and keys go on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { cells } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';

describe('restart of the gateway', () => {
  let gateway;
  let account;
  const parties = [];
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('restart', { remotesAuth: ['key'] });
    for (const cell of cells) {
      const party = new Party(gateway, await gateway.configuration(account), cell);
      party.label = cell.label;
      parties.push(party);
      await party.join('one', withKey());
      await party.join('two', withKey());
    }
  });
  after(async () => {
    await Promise.all(parties.map(party => party.stop()));
    await gateway?.dispose();
  });
  const withKey = () => ({ auth: { user: account.name, key: account.key } });

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    describe(`after ${signal}`, () => {
      it('starts again', async () => {
        await gateway.stop(signal);
        for (const { clones: [one, two] } of parties) {
          await one.write({ '@id': `one-${signal}`, written: 'while it was down' });
          await two.write({ '@id': `two-${signal}`, written: 'while it was down' });
        }
        await gateway.start();
      });

      it('still knows the account', async () => {
        const { io } = await gateway.configuration(account, { auth: account.auth });
        assert.equal(io.uri, `${gateway.origin}/`);
      });

      for (const { label } of cells) {
        it(`has the clones back: ${label}`, async () => {
          const party = parties.find(party => party.label === label);
          await converge(party.clones, {
            [`one-${signal}`]: { '@id': `one-${signal}`, written: 'while it was down' },
            [`two-${signal}`]: { '@id': `two-${signal}`, written: 'while it was down' }
          }, 40_000);
          await party.clones[0].write({ '@id': `live-${signal}`, now: true });
          await converge(party.clones, { [`live-${signal}`]: { '@id': `live-${signal}`, now: true } });
        });

        it(`lets a new clone join: ${label}`, async () => {
          const party = parties.find(party => party.label === label);
          const late = await party.join(`late-${signal}`, withKey());
          await converge([late], { [`live-${signal}`]: { '@id': `live-${signal}`, now: true } });
        });
      }
    });
  }
});
