// What a request means: every write and read that the JavaScript engine's answers are known of, by clones that live in one
// domain. Each case is played twice, with a native writer and with a JavaScript one; one more of each engine look on.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Gateway, underTest } from '../lib/gateway.mjs';
import { everything } from '../lib/hosted.mjs';
import { ENGINES } from '../lib/matrix.mjs';
import { Party } from '../lib/party.mjs';
import { comparable, requestCases } from '../lib/vectors.mjs';

/** What is not asked here, by what is in the case, and why. */
const LEFT_OUT = [
  [({ shapes }) => shapes != null, 'shapes that an application brings: `agreements` has shapes'],
  [({ queries }) => queries.some(({ query }) => '@ask' in query || '@get' in query), 'no request, but a method'],
  [({ writes }) => writes.some(({ write }) => '@deleteMethod' in write), 'no request, but a method'],
  [({ queries }) => queries.some(({ error }) => error?.noResponse), 'the JavaScript engine never answers'],
  [({ name }) => name === 'an extension which cannot be loaded is ignored', 'a JavaScript clone that receives it closes'],
  [({ name }) => name === 'insert JSON literal by context: number', 'no gateway lets it through, as it closes JavaScript clones']
];
/** Cases in which the engines differ, and why. */
const DIFFERENT = {
  'insert doubles': 'a JavaScript clone cannot send 10^21',
  'language in the context': 'a native clone keeps no language, as no receiver does',
  'filter: @lang and @langmatches': 'the same; and to JavaScript clones no language matches *',
  'text: replaced with a plain string': 'JavaScript clones are told the identity of a text that is gone, native ones the text',
  'text: delete': 'the same',
  'delete binary': 'and of bytes that are gone likewise'
};
const isLeftOut = kase => LEFT_OUT.some(([applies]) => applies(kase));

const EMPTY = { '@delete': { '@id': '?s', '?p': '?o' } };
/** What a domain's clones have to know to play a case. */
const needs = ({ context, text = [] }) => JSON.stringify({ context, text });

function byNeeds(cases) {
  const groups = new Map();
  for (const kase of cases)
    groups.set(needs(kase), [...groups.get(needs(kase)) ?? [], kase]);
  return groups;
}

const short = process.env.INTEROP === 'short';
/** How many of the cases there are when it is to be short. */
const ONE_IN = 5;

for (const engine of short ? ['0.10.0'] : Object.keys(ENGINES)) {
  describe(`requests in a domain with ${engine}`, { skip: underTest === 'reference' && 'its domains have no native clones' }, () => {
    let gateway;
    let account;
    before(async () => {
      gateway = await Gateway.start();
      account = await gateway.account('requests', { remotesAuth: ['anon'] });
    });
    after(() => gateway?.dispose());

    const asked = requestCases().filter((kase, i) => !isLeftOut(kase) && (!short || i % ONE_IN === 0));
    for (const [need, cases] of byNeeds(asked)) {
      // One that needs clones of its own is slow, and most need nothing.
      if (short && cases.length === 1)
        continue;
      it(`are answered alike: ${cases.length === 1 ? cases[0].name : `${cases.length} cases like ‘${cases[0].name}’`}`, async () => {
        const { context, text } = JSON.parse(need);
        const domain = await gateway.configuration(account);
        const party = new Party(gateway, { ...domain, ...context && { '@context': context } }, { engine });
        const there = requestCases(domain['@domain']);
        try {
          const stage = await Stage.of(party, text);
          const wrong = [];
          for (const kase of cases.map(({ name }) => there.find(kase => kase.name === name))) {
            const differences = [];
            for (const writer of ['native', 'js'])
              differences.push(...(await stage.play(kase, writer)).map(what => `${kase.name}, ${writer} writes: ${what}`));
            if (differences.length === 0 && kase.name in DIFFERENT)
              wrong.push(`${kase.name}: there is no difference any more`);
            else if (!(kase.name in DIFFERENT))
              wrong.push(...differences);
          }
          assert.deepEqual(wrong, []);
          assert.deepEqual(party.clones.map(({ closed }) => closed), party.clones.map(() => undefined));
        } finally {
          await party.stop();
        }
      });
    }
  });
}

/** Two clones of each engine; one of each writes. */
class Stage {
  #told = new Map();
  #plays = 0;

  static async of(party, text) {
    const stage = new Stage();
    stage.js = [await party.join('js-writer', { text }), await party.join('js', { text })];
    const native = { engine: 'native', text };
    stage.native = [await party.join('native-writer', native), await party.join('native', native)];
    stage.clones = party.clones;
    for (const clone of party.clones) {
      stage.#told.set(clone, []);
      clone.on('update', update => stage.#told.get(clone).push(update));
    }
    return stage;
  }

  /** Plays a case in an empty domain, and leaves it so. Gives what was not as it has to be. */
  async play({ writes, queries }, kind) {
    const wrong = [];
    const compare = (what, found, expected, query) => {
      const [a, b] = [found, expected].map(answer => JSON.stringify(comparable(answer, query)));
      if (a !== b)
        wrong.push(`${what}\n    found    ${a}\n    expected ${b}`);
    };
    const [writer] = this[kind];
    // Who looks on: the other writer too, but it is not needed to compare.
    const [js, native] = [this.js[1], this.native[1]];

    const answers = [];
    for (const { write } of writes)
      answers.push(await outcome(() => writer.write(write)));
    await this.#allHave(writer);
    for (const [i, { write, error }] of writes.entries())
      compare(`the answer to ${JSON.stringify(write)}`, answers[i].failed ?? false, error != null);
    const expected = writes.map(({ update }) => update).filter(update => update != null).map(content);
    compare('what the writer was told', this.#updates(writer), expected);
    // What it is told depends on what a message can say: that is the same for both.
    const [toJs, toNative] = [this.#updates(js), this.#updates(native)];
    compare('what a native clone was told, beside a JavaScript one', toNative, toJs);

    for (const { query, result, error } of queries) {
      const name = JSON.stringify(query);
      const [own, byJs, byNative] = await Promise.all([writer, js, native].map(clone => outcome(() => clone.read(query))));
      compare(`the writer's answer to ${name}`, own.ok ?? own.failed, error == null ? result : true, query);
      compare(`a native clone's answer, beside a JavaScript one, to ${name}`,
        byNative.ok ?? byNative.failed, byJs.ok ?? byJs.failed, query);
    }

    await writer.write(EMPTY);
    await this.#allHave(writer);
    for (const clone of this.clones)
      compare(`what ${clone.name} has once all is removed`, await everything(clone), {});
    this.#told.forEach(updates => updates.splice(0));
    return wrong;
  }

  /** What a clone was told in this play. */
  #updates(clone) {
    return this.#told.get(clone).filter(update => !isMark(update)).map(content);
  }

  /** Waits until all clones have what `writer` wrote: what comes from one comes in order. */
  async #allHave(writer) {
    const mark = { '@id': 'mark', play: ++this.#plays };
    await writer.write(mark);
    await writer.write({ '@delete': mark });
    const isGone = ({ '@delete': gone }) => gone.some(subject => isDeepStrictEqual(subject, mark));
    await Promise.all(this.clones.map(clone => clone.until(`${clone.name} has play ${this.#plays}`,
      () => this.#told.get(clone).some(isGone))));
  }
}

const isMark = update => ['@insert', '@delete'].some(key => update[key].some(({ '@id': id }) => id === 'mark'));

/** An update but for its tick, which says when. */
const content = ({ '@delete': gone, '@insert': come, '@update': changed = [], '@agree': agree }) =>
  ({ gone, come, changed, ...agree && { agree } });

/** What was answered; of failures each engine has words of its own. */
async function outcome(ask) {
  try {
    return { ok: await ask() };
  } catch {
    return { failed: true };
  }
}
