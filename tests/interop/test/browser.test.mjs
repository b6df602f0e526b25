// A page in a browser: a clone like any other, though its origin is not the gateway's.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Browser, missing } from '../lib/browser.mjs';
import { converge } from '../lib/clone-process.mjs';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { HostedParty } from '../lib/hosted.mjs';
import { cloneId } from '../lib/ids.mjs';
import { NETWORK_TIMEOUT } from '../lib/party.mjs';
import { TRANSPORTS } from '../lib/matrix.mjs';

const short = process.env.INTEROP === 'short';
const SHOWN_MS = 30_000;
const why = underTest === 'reference' ? 'it has no clones'
  : short && missing && `there is no ${missing}: scripts/setup interop installs it`;

describe('a page in Chromium', { skip: why }, () => {
  let gateway, browser, account;
  const parties = [];
  before(async () => {
    if (missing)
      throw new Error(`there is no ${missing}: as root, scripts/setup interop installs it`);
    gateway = await Gateway.start();
    account = await gateway.account('pages', { remotesAuth: ['key'] });
    browser = await Browser.start(gateway);
  });
  after(async () => {
    await browser?.stop();
    await Promise.all(parties.map(party => party.stop()));
    await gateway?.dispose();
  });

  for (const transport of Object.keys(TRANSPORTS)) {
    it(`clones a subdomain by ${transport} alone, shows another's edit, and is seen to edit`, async () => {
      const party = await HostedParty.of(gateway, account, `page-${transport}`);
      parties.push(party);
      const other = await party.join('other');
      await other.write({ '@id': 'before', name: 'was there' });
      await converge([party.served], { before: { '@id': 'before', name: 'was there' } });

      const { page, seen } = await browser.open();
      const shows = text => page.getByText(text, { exact: true }).waitFor({ timeout: SHOWN_MS });
      const { io, ...config } = party.config;
      await page.evaluate(config => globalThis.join(config), {
        networkTimeout: NETWORK_TIMEOUT, ...config, '@id': cloneId('page'),
        io: { ...io, opts: { ...io.opts, ...TRANSPORTS[transport] } }
      });
      await shows('open');
      await shows('before: was there');
      await other.write({ '@id': 'fred', name: 'by the other' });
      await shows('fred: by the other');
      await party.served.write({ '@id': 'http', name: 'by HTTP' });
      await shows('http: by HTTP');

      await page.fill('input[name=id]', 'wilma');
      await page.fill('input[name=name]', 'by the page');
      await page.click('button');
      await converge([other, party.served], { wilma: { '@id': 'wilma', name: 'by the page' } });

      // Otherwise this would show nothing of the one transport, or of another origin.
      const polls = seen.requests.filter(url => url.startsWith(gateway.origin) && url.includes('transport=polling'));
      const sockets = seen.sockets.filter(url => url.includes('transport=websocket'));
      assert.notEqual(browser.origin, gateway.origin);
      assert.deepEqual([polls.length > 0, sockets.length > 0], [transport === 'polling', transport === 'websocket']);
      assert.deepEqual(seen.errors, []);
      await page.close();
    });
  }

  it('may read what HTTP answers, refusals and their headers included', async () => {
    const { page } = await browser.open();
    const path = `${gateway.origin}/api/v1/domain/pages`;
    const fetched = (url, headers) => page.evaluate(async ([url, headers]) => {
      const answer = await fetch(url, { headers });
      return { status: answer.status, etag: answer.headers.get('etag'), challenge: answer.headers.get('www-authenticate') };
    }, [url, headers]);
    await gateway.api('PUT', '/domain/pages/read', { auth: account.auth });
    const read = await fetched(`${path}/read/state?lock`, { authorization: account.auth });
    assert.equal(read.status, 200);
    assert.match(read.etag, /^"\d+"$/);
    const refused = await fetched(`${path}/read/state?lock`, {});
    assert.equal(refused.status, 401);
    assert.match(refused.challenge, /^Basic/);
  });
});
