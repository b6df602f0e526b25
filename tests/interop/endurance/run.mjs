// Has ten clones endure everything for a while: `node endurance/run.mjs [seconds] [seed]`, an hour if nothing is said.
//
// ENDURANCE_FOLDER names where to keep what the clones say, and their data; otherwise it is a temporary folder, which is
// removed if all went well.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endure } from './endure.mjs';

const [seconds = 3600, seed = 1] = process.argv.slice(2).map(Number);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error('usage: run.mjs [seconds] [seed]');
  process.exit(64);
}
const given = process.env.ENDURANCE_FOLDER;
const folder = given ?? mkdtempSync(join(tmpdir(), 'meldgate-endurance-'));
try {
  await endure({ seconds, seed, folder, tell: console.log });
  if (given == null)
    rmSync(folder, { recursive: true, force: true });
} catch {
  console.log(`what the clones said is in ${folder}`);
  process.exitCode = 1;
}
