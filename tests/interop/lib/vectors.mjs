// What the JavaScript engine answered to requests, as the native engine's tests keep it, and how answers are compared.
import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../../crates/m-ld-engine/tests/vectors/', import.meta.url);
/** Keys of which the values have an order. */
const ORDERED = ['@list', '@splice', '@agree'];
const BINARY = 'http://www.w3.org/2001/XMLSchema#base64Binary';

/** The cases of requests: writes in turn, with what the writer is told, and reads after them; in a domain of this name. */
export function requestCases(domain = 'jrql.example.org') {
  const text = readFileSync(new URL('jrql.json', FOLDER), 'utf8');
  return untagged(JSON.parse(text.replaceAll('//jrql.example.org/', `//${domain}/`)).cases);
}

/** Without what says that something is undefined. */
function untagged(json) {
  if (Array.isArray(json))
    return json.map(untagged);
  if (json == null || typeof json != 'object')
    return json;
  return Object.fromEntries(Object.entries(json)
    .filter(([, value]) => value?.$undefined == null).map(([key, value]) => [key, untagged(value)]));
}

/** An answer to `query` with sets sorted, and what engines may name as they like renamed. */
export function comparable(answer, query = {}) {
  const asked = JSON.stringify(query);
  const own = new Set();
  forEachKey(answer, key => key.startsWith('?') && !asked.includes(key) && own.add(key));
  // In whatever order they stand, what is least is the same.
  const forms = permutations([...own]).map(names => renamed(answer, names));
  return forms.reduce((least, form) => JSON.stringify(form) < JSON.stringify(least) ? form : least);
}

function permutations(names) {
  if (names.length === 0)
    return [[]];
  return names.flatMap((name, i) => permutations(names.toSpliced(i, 1)).map(others => [name, ...others]));
}

/** An answer in order, with `names` of its own named by their places. */
function renamed(answer, names) {
  const text = text => names.includes(text) ? `?<${names.indexOf(text)}>`
    : text.includes('.well-known/genid/') ? '<genid>' : text;

  function of(value, key) {
    if (typeof value == 'string')
      return key === '@id' && value.startsWith('_:') ? '<blank>' : text(value);
    if (value == null || typeof value != 'object')
      return value;
    if (Array.isArray(value)) {
      const ordered = ORDERED.includes(key);
      const items = value.map(item => of(item, ordered ? key : ''));
      return ordered ? items : items.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    }
    if (value['@type'] === BINARY)
      return { $binary: value['@value'] };
    const members = Object.entries(value).map(([key, member]) => [text(key),
      key === '@list' && !Array.isArray(member) && typeof member == 'object' ?
        // What is inserted at an index has an order.
        Object.fromEntries(Object.entries(member).map(([index, items]) => [index, of(items, '@list')])) :
        of(member, key)]);
    return Object.fromEntries(members.sort(([a], [b]) => a < b ? -1 : 1));
  }
  return of(answer, '');
}

function forEachKey(json, heard) {
  if (json == null || typeof json != 'object')
    return;
  for (const [key, value] of Object.entries(json)) {
    heard(key);
    forEachKey(value, heard);
  }
}
