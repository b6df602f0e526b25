// A clone that takes nothing for a while harms nobody, and has everything in the end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { converge } from '../lib/clone-process.mjs';
import { Gateway } from '../lib/gateway.mjs';
import { transports } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';

/** Together more than the system's and the gateway's buffers hold for one peer. */
const WRITES = 200;
const SUBJECTS = 8;
const CHARACTERS = 8000;

describe('a stalled clone', () => {
  let gateway;
  let account;
  before(async () => {
    gateway = await Gateway.start();
    account = await gateway.account('stall', { remotesAuth: ['anon'] });
  });
  after(() => gateway?.dispose());

  for (const transport of transports) {
    it(`catches up, and holds up nobody, over ${transport}`, async () => {
      const party = new Party(gateway, await gateway.configuration(account), { engine: 'edge', transport });
      try {
        const one = await party.join('one');
        const two = await party.join('two');
        const slow = await party.join('slow');
        slow.freeze();
        const expected = {};
        for (let n = 0; n < WRITES; n++) {
          const subjects = Array.from({ length: SUBJECTS }, (_, i) =>
            ({ '@id': `big${i}`, text: randomBytes(CHARACTERS * 3 / 4).toString('base64') }));
          await one.write({ '@update': subjects });
          if (n === WRITES - 1)
            subjects.forEach(subject => expected[subject['@id']] = subject);
        }
        await converge([one, two], expected, 60_000);
        assert.deepEqual(two.sockets, ['connect']);
        slow.thaw();
        await converge([slow], expected, 60_000);
        await slow.write({ '@id': 'back', again: true });
        await converge(party.clones, { back: { '@id': 'back', again: true } });
      } finally {
        await party.stop();
      }
    });
  }
});
