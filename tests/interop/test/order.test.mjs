// What the relay owes to whom it serves: nothing missing, nothing twice, in its sender's order; presence that is right.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gateway } from '../lib/gateway.mjs';
import { transports } from '../lib/matrix.mjs';
import { operation } from '../lib/operations.mjs';
import { connectRaw } from '../lib/raw.mjs';
import { eventually } from '../lib/wait.mjs';

const OPERATIONS = process.env.INTEROP === 'short' ? 500 : 5000;
/** How many may be on their way: order is asked for here, not the depth of queues. */
const AHEAD = 100;
const PASSERS_BY = process.env.INTEROP === 'short' ? 10 : 60;

describe('relay', () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('relay', { remotesAuth: ['anon'] });
  });
  after(() => gateway?.dispose());

  for (const transport of transports) {
    it(`keeps ${OPERATIONS} operations of one sender in order over ${transport}`, async () => {
      const { '@domain': domain } = await gateway.configuration(account);
      const sender = await connectRaw(gateway, { domain, transport });
      const receivers = await Promise.all([transport, 'websocket'].map(transport => connectRaw(gateway, { domain, transport })));
      const sent = Array.from({ length: OPERATIONS }, (_, i) => operation(i + 1));
      for (let next = 0; next < sent.length;) {
        for (const end = next + AHEAD; next < end && next < sent.length; next++)
          sender.socket.emit('operation', sent[next]);
        await eventually(`${next} operations arrive`, () => receivers.every(({ heard }) => heard.length >= next),
          { ms: 30_000, pause: 5 });
      }
      for (const { heard, ended } of receivers) {
        assert.equal(ended, undefined);
        assert.equal(heard.length, sent.length);
        assert.ok(heard.every(([event, bytes], i) => event === 'operation' && bytes.equals(sent[i])));
      }
      for (const raw of [sender, ...receivers])
        raw.close();
    });

    it(`knows who is present over ${transport}`, async () => {
      const { '@domain': domain } = await gateway.configuration(account);
      const stays = await connectRaw(gateway, { domain, transport, id: 'stays' });
      assert.deepEqual(await eventually('the first presence', () => stays.present), []);
      stays.socket.emit('present', true);
      await eventually('it sees itself', () => stays.present.includes('stays'));

      const raws = await Promise.all(Array.from({ length: PASSERS_BY }, (_, i) =>
        connectRaw(gateway, { domain, transport, id: `passer-${i}` })));
      for (const raw of raws)
        raw.socket.emit('present', true);
      await eventually('it sees everybody', () => stays.present.length === PASSERS_BY + 1);
      assert.equal(stays.present[0], 'stays', 'in the order in which they came');
      await eventually('everybody sees everybody', () => raws.every(raw => raw.present?.length === PASSERS_BY + 1));
      for (const [i, raw] of raws.entries()) {
        if (i % 3 === 0)
          raw.socket.emit('present', false);
        else if (i % 3 === 1)
          raw.close();
        else
          raw.cut();
      }
      await eventually('it is alone again', () => stays.present.length === 1);
      assert.deepEqual(stays.present, ['stays']);
      assert.deepEqual([...stays.heard, ...raws.flatMap(raw => raw.heard)], []);
      for (const raw of [stays, ...raws])
        raw.close();
    });
  }
});
