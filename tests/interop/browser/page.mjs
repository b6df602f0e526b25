// An app in a page: a clone of a domain, what it has, and a field to add to it. Bundled for the browser.
import { clone } from '@m-ld/m-ld';
import { IoRemotes } from '@m-ld/m-ld/ext/socket.io';
import { MemoryLevel } from 'memory-level';

const names = document.querySelector('#names');
const state = document.querySelector('#state');
const form = document.querySelector('form');

/** Shows what the clone has: each subject that has a name. */
async function show(now) {
  const found = await now.read({ '@describe': '?id', '@where': { '@id': '?id', name: '?name' } });
  names.replaceChildren(...found.map(({ '@id': id, name }) => {
    const item = document.createElement('li');
    item.textContent = `${id}: ${name}`;
    return item;
  }));
}

/** Joins a domain, whose configuration the gateway gave. */
globalThis.join = async config => {
  const meld = await clone(new MemoryLevel(), IoRemotes, { logLevel: 'silent', ...config });
  meld.status.subscribe({
    error: error => state.textContent = `closed: ${error.message}`,
    complete: () => state.textContent = 'closed'
  });
  await meld.status.becomes({ outdated: false });
  form.addEventListener('submit', event => {
    event.preventDefault();
    meld.write({ '@id': form.elements.id.value, name: form.elements.name.value }).catch(error => state.textContent = error.message);
  });
  meld.follow((update, now) => show(now));
  await show(meld);
  state.textContent = 'open';
};
state.textContent = 'ready';
