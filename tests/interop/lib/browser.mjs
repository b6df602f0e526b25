// A page in headless Chromium that trusts the gateway under test, and comes from another origin.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const CERTUTIL = '/usr/bin/certutil';
const folder = fileURLToPath(new URL('../browser/', import.meta.url));
/** It talks to nobody but us. */
const QUIET = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync'
];

/** What is missing for a browser; `undefined` if nothing is. */
export const missing = [CHROMIUM, CERTUTIL].find(program => !existsSync(program));

/** A browser with a profile of its own, and the app of `browser/` at an origin of its own. */
export class Browser {
  #profile = mkdtempSync(join(tmpdir(), 'meldgate-browser-'));
  #context;
  #server;

  static async start(gateway) {
    const browser = new Browser();
    try {
      await browser.#serve();
      await browser.#launch(gateway);
    } catch (error) {
      await browser.stop();
      throw error;
    }
    return browser;
  }

  async #serve() {
    const { outputFiles: [script] } = await build({
      entryPoints: [join(folder, 'page.mjs')], inject: [join(folder, 'node.mjs')], define: { global: 'globalThis' },
      bundle: true, platform: 'browser', format: 'iife', target: 'es2022', write: false, logLevel: 'error'
    });
    const files = { '/': ['text/html', readFileSync(join(folder, 'page.html'))], '/page.js': ['text/javascript', script.contents] };
    this.#server = createServer((request, response) => {
      const [type, body] = files[request.url] ?? ['text/plain', ''];
      response.writeHead(request.url in files ? 200 : 404, { 'content-type': type }).end(body);
    }).listen(0, 'localhost');
    await once(this.#server, 'listening');
    this.origin = `http://localhost:${this.#server.address().port}`;
  }

  async #launch({ ca_file }) {
    // Where Chromium looks for authorities that its user trusts, if this is its home
    const database = join(this.#profile, '.pki', 'nssdb');
    mkdirSync(database, { recursive: true });
    const certutil = (...args) => execFileSync(CERTUTIL, ['-d', `sql:${database}`, ...args]);
    certutil('-N', '--empty-password');
    certutil('-A', '-n', 'the gateway', '-t', 'C,,', '-i', ca_file);
    this.#context = await chromium.launchPersistentContext(join(this.#profile, 'data'), {
      executablePath: CHROMIUM, headless: true, chromiumSandbox: false, args: QUIET, timeout: 60_000,
      env: { ...process.env, HOME: this.#profile }
    });
  }

  /** A page with the app, and what it does on the network and says when something is wrong. */
  async open() {
    const page = await this.#context.newPage();
    const seen = { requests: [], sockets: [], errors: [] };
    page.on('request', request => seen.requests.push(request.url()));
    page.on('websocket', socket => seen.sockets.push(socket.url()));
    page.on('pageerror', error => seen.errors.push(error.message));
    page.on('console', message => message.type() === 'error' && seen.errors.push(message.text()));
    await page.goto(this.origin);
    return { page, seen };
  }

  async stop() {
    await this.#context?.close();
    this.#server?.close().closeAllConnections();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
