// Writing on until clones that were cut off have everything.
import { converge } from './clone-process.mjs';
import { NETWORK_TIMEOUT } from './party.mjs';

/** Time for a clone to wait in vain for both others, to pause, and to ask again. */
const ROUND_MS = 5 * NETWORK_TIMEOUT;
/** A clone that asks each other clone in turn needs one for each of them; the rest is for waits in vain. */
const ROUNDS = 6;

/**
 * Goes on writing until nothing of `expected` is missing anywhere.
 *
 * Clones that come back at once ask each other, with any server. Two that wait for each other's answer give up after
 * the network timeout, and try again some time later. One that is answered by a clone that is behind as well is behind
 * without knowing: only an operation that builds on what it misses tells it so. It drops that one and asks again,
 * maybe the same clone; the next time it asks another. So what heals a domain is that its clones go on writing.
 *
 * What it writes has ids that begin with `name`.
 */
export async function settle(clones, expected, { name = 'round', rounds = ROUNDS } = {}) {
  for (let round = 1; ; round++) {
    for (const [i, clone] of clones.entries()) {
      const id = `${name}${round}-${i}`;
      expected[id] = { '@id': id, of: clone.name };
      await clone.write(expected[id]);
    }
    try {
      return await converge(clones, expected, ROUND_MS);
    } catch (error) {
      if (round === rounds || clones.some(clone => clone.closed != null))
        throw error;
    }
  }
}
