// What would harm a clone reaches nobody; who sends it is disconnected; the clones notice nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { ENGINES, transports } from '../lib/matrix.mjs';
import { fatal, notBytes, operation, poison } from '../lib/operations.mjs';
import { Party } from '../lib/party.mjs';
import { connectRaw } from '../lib/raw.mjs';
import { eventually } from '../lib/wait.mjs';

describe('poison', () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('poison', { remotesAuth: ['anon'] });
  });
  after(() => gateway?.dispose());

  for (const transport of transports) {
    describe(`over ${transport}`, () => {
      let party;
      let domain;
      let witness;
      before(async () => {
        const config = await gateway.configuration(account);
        domain = config['@domain'];
        party = new Party(gateway, config, { transport });
        for (const engine of Object.keys(ENGINES))
          await party.join(engine, { engine });
        witness = await connectRaw(gateway, { domain, transport, id: 'witness' });
      });
      after(async () => {
        witness?.close();
        await party?.stop();
      });

      /** Lets `act` do its worst on a connection of its own; says how it ended. */
      const attack = async act => {
        const raw = await connectRaw(gateway, { domain, transport });
        try {
          return await act(raw);
        } finally {
          raw.close();
        }
      };
      const dropped = act => attack(async raw => {
        act(raw);
        await raw.disconnected();
      });
      /** Everybody is as before: what follows arrives, nothing came before it, and nobody has closed. */
      const unharmed = async () => {
        const before = await Promise.all(party.clones.map(clone => clone.operations()));
        assert.deepEqual(witness.heard, []);
        const [writer, ...readers] = party.clones;
        await writer.write({ '@id': 'alive', n: witness.heard.length });
        await converge(readers, { alive: { '@id': 'alive', n: 0 } });
        await writer.write({ '@delete': { '@id': 'alive', '?p': '?o' } });
        await converge(party.clones, { alive: null });
        const heard = await eventually('the witness hears both writes', () => witness.heard.length >= 2 && witness.heard);
        assert.deepEqual(heard.map(([event]) => event), ['operation', 'operation']);
        witness.heard.length = 0;
        const after = await Promise.all(party.clones.map(clone => clone.operations()));
        assert.deepEqual(after.map((count, i) => count - before[i]), [0, ...readers.map(() => 2)]);
        assert.deepEqual(party.clones.flatMap(clone => clone.sockets), party.clones.map(() => 'connect'));
      };

      for (const [name, bytes] of Object.entries(poison)) {
        it(`stops ${name}`, () => dropped(raw => raw.socket.emit('operation', bytes)));
      }
      for (const [name, args] of Object.entries(notBytes)) {
        it(`stops an operation that is ${name}`, () => dropped(raw => raw.socket.emit('operation', ...args)));
      }
      it('has harmed nobody with operations', unharmed);

      for (const [name, bytes] of Object.entries(fatal)) {
        it(`stops ${name}, which no JavaScript clone can take`, {
          skip: process.env.GATEWAY_UNDER_TEST === 'reference' && 'the reference judges envelopes only'
        }, () => dropped(raw => raw.socket.emit('operation', bytes)));
      }

      const toOne = (fromId, more = {}) => ({ fromId, toId: 'witness', messageId: 'm1', ...more });
      const bytes = Buffer.from([0xc0]);
      for (const event of ['send', 'reply', 'notify']) {
        const params = { send: {}, reply: { sentMessageId: 'm0' }, notify: { channelId: 'c1' } }[event];
        it(`does not let ${event} come in another's name`, async () => {
          const answer = await attack(raw => raw.ask(event, toOne('witness', params), bytes));
          assert.ok(answer, 'an error or a disconnection');
        });
        it(`keeps to itself a ${event} whose arguments are wrong`, async () => {
          for (const args of [
            [null, bytes], ['text', bytes], [[], bytes], [{}, bytes], [toOne(7, params), bytes],
            [toOne('raw', { ...params, toId: { a: 1 } }), bytes], [toOne('raw', params), 'text'], [toOne('raw', params), null],
            [toOne('raw', params)], [bytes], []
          ]) {
            const answer = await attack(raw => raw.ask(event, ...args.map(arg =>
              arg?.fromId === 'raw' ? { ...arg, fromId: raw.id } : arg)));
            assert.ok(answer, `an error or a disconnection for ${JSON.stringify(args)}`);
          }
        });
        it(`disconnects who sends ${event} without an acknowledgement`, () =>
          dropped(raw => raw.socket.emit(event, toOne(raw.id, params), bytes)));
        it(`delivers a right ${event} unchanged`, async () => {
          witness.heard.length = 0;
          const sent = toOne('sender', params);
          const raw = await connectRaw(gateway, { domain, transport, id: 'sender' });
          assert.equal(await raw.ask(event, sent, bytes), null);
          raw.close();
          await eventually('it arrives', () => witness.heard.length > 0);
          assert.deepEqual(witness.heard.splice(0), [[event, sent, bytes]]);
        });
      }

      it('disconnects who sends an unknown event', () => dropped(raw => raw.socket.emit('presence', ['ghost'])));
      it('disconnects who sends an event named as a member of objects', () => dropped(raw => raw.socket.emit('constructor', 1)));
      for (const value of ['true', 1, null, {}, undefined]) {
        it(`disconnects who is present as ${JSON.stringify(value)}`, () => dropped(raw =>
          value === undefined ? raw.socket.emit('present') : raw.socket.emit('present', value)));
      }
      it('disconnects who sends more than a payload may have', () =>
        dropped(raw => raw.socket.emit('operation', Buffer.alloc(24 << 20))));

      if (transport === 'websocket') {
        const frames = {
          'a packet of no type': '4x',
          'an event that is no JSON': '42{[',
          'an event without a name': '42[]',
          'an event with a number for a name': '42[1,2]',
          'attachments that never come': '451-["operation",{"_placeholder":true,"num":0}]',
          'attachments without a number': '45-["operation"]',
          'a million attachments': '451000000-["operation",{"_placeholder":true,"num":0}]',
          'a placeholder for another attachment': '451-["operation",{"_placeholder":true,"num":9}]',
          'arrays nested without end': `42["operation",${'['.repeat(50_000)}`,
          'a packet of another namespace': '42/admin,["operation",1]',
          'an acknowledgement nobody asked for': '4312345[null]',
          'an error packet': '44{"message":"x"}',
          'no engine packet': 'zzz'
        };
        for (const [name, text] of Object.entries(frames)) {
          it(`takes no harm from ${name}`, () => attack(async raw => {
            raw.frame(text);
            raw.frame('42["presence",["ghost"]]'); // whatever became of the first, this ends it
            await raw.disconnected();
          }));
        }
      }

      it('has harmed nobody at all', unharmed);

      it('passes an operation that is in order', async () => {
        // In a domain of its own: the clones would ask for what came before it
        const { '@domain': other } = await gateway.configuration(account);
        const [sender, receiver] = await Promise.all([1, 2].map(() => connectRaw(gateway, { domain: other, transport })));
        const sent = operation(1);
        sender.socket.emit('operation', sent);
        await eventually('it arrives', () => receiver.heard.length > 0);
        assert.deepEqual(receiver.heard, [['operation', sent]]);
        assert.deepEqual(sender.heard, []);
        sender.close();
        receiver.close();
      });
    });
  }
});
