// The short form of the endurance run: ten clones of both engines, while everything fails that can.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { endure } from '../endurance/endure.mjs';
import { underTest } from '../lib/gateway.mjs';

/** Of trouble; it takes some more to come up, and to agree. */
const SECONDS = 20;

it('ten clones of both engines have the same when all is quiet', {
  skip: underTest === 'reference' && 'it has no clones'
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'meldgate-endurance-'));
  const seed = Number(process.env.INTEROP_SEED ?? 1);
  try {
    await endure({ seconds: SECONDS, seed, folder, tell: line => t.diagnostic(line) });
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    t.diagnostic(`what the clones said is in ${folder}`);
    throw error;
  }
});
