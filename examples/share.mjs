// One clone of a shared shopping list. Start it twice, in two terminals, with the same configuration:
//
//   NODE_EXTRA_CA_CERTS=ca.pem node share.mjs config.json
//   NODE_EXTRA_CA_CERTS=ca.pem node share.mjs config.json join
//
// Each line that is typed becomes an item; each side sees what the other types, and what was typed while it was away.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MemoryLevel } from 'memory-level';
import mld from '@m-ld/m-ld';
import remotes from '@m-ld/m-ld/ext/socket.io';

const [configFile, role] = process.argv.slice(2);
const config = JSON.parse(readFileSync(configFile, 'utf8'));

const meld = await mld.clone(new MemoryLevel(), remotes.IoRemotes, {
  ...config,
  '@id': mld.uuid(),
  genesis: role !== 'join', // somebody has to be the first; everybody else asks those who are there
  logLevel: 'warn'
});
await meld.status.becomes({ outdated: false });
console.log(`clone of ${config['@domain']}; type an item`);

const show = items => items.forEach(item => console.log(`  - ${item.name}`));
show(await meld.read({ '@describe': '?item', '@where': { '@id': '?item', '@type': 'Item' } }));
meld.follow(update => show(update['@insert']));

const lines = createInterface({ input: process.stdin });
for await (const name of lines) await meld.write({ '@id': mld.uuid(), '@type': 'Item', name });
await meld.close();
