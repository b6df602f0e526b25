// Runs the public compliance suite for m-ld engines, as it is published, with clones that meet at our gateway; or specs of ours.
//
//   node compliance/run.mjs ≪native|mixed|js≫ [spec…] [--filter=…]     specs as the suite numbers them: 1/2, 2/*; ours: ./1, ./*
//
// Ends with 0 if every spec passes or is pending. COMPLIANCE_LOG=1 tells of each request that fails; with COMPLIANCE_TURN=1
// a JavaScript clone is the genesis of the first domain, and a native one of the next. COMPLIANCE_TRACE names a folder for
// traces: all that is asked of clones and what they answer, what passes between native ones and the others, the
// JavaScript engine's log, and the gateway's.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Gateway, meldgate } from '../lib/gateway.mjs';
import { harness } from './harness.mjs';
import { Orchestrator } from './orchestrator.mjs';

const MODES = ['native', 'mixed', 'js'];
const [mode, ...args] = process.argv.slice(2);
if (!MODES.includes(mode)) {
  console.error(`usage: run.mjs ${MODES.join('|')} [spec…] [--filter=…]`);
  process.exit(64);
}

const require = createRequire(import.meta.url);
const { runner } = require('@m-ld/m-ld-test/compliance');

const gateway = await Gateway.start();
const account = await gateway.account('compliance', { remotesAuth: ['anon'] });
const orchestrator = await Orchestrator.start(gateway, account, mode, meldgate());
Object.assign(harness, { gateway, mode, orchestrator });

async function end(code) {
  await orchestrator.close();
  if (process.env.COMPLIANCE_TRACE != null)
    writeFileSync(join(process.env.COMPLIANCE_TRACE, 'gateway.log'), gateway.log(1 << 24));
  await gateway.dispose();
  exit(code);
}

// The suite's runner keeps this for the end, and would leave clones and folders behind.
const { exit } = process;
process.exit = code => { end(code).catch(() => exit(1)); };
const reporter = fileURLToPath(new URL('reporter.cjs', import.meta.url));
const run = runner(['--random=false', `--reporter=${reporter}`, ...args], { localTestPath: 'compliance/specs' });
process.exit = exit;
await run(orchestrator.url);
