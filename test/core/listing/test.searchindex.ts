import t from 'tap';
import { type IAnswer, SearchAnswers } from '../../../ts/core/listing/search/classes.searchanswers.js';
import { SearchIndex } from '../../../ts/core/listing/search/classes.searchindex.js';
import type { ISearchOptions } from '../../../ts/core/listing/search/interfaces.search.js';
import { holdLoop } from '../../support/turns.js';

interface IEntry {
  text: string;
  date: number;
}

/** A listing that a test writes to, and that can be held up. */
class Source {
  public readonly map = new Map<string, IEntry>();
  public looks = 0;
  /** changes before this are not remembered */
  public forgotten = 0;
  private readonly log: string[] = [];

  public get version(): number {
    return this.log.length;
  }

  public async entries() {
    this.looks++;
    return this.map;
  }

  public changedSince(version: number) {
    return version < this.forgotten ? undefined : new Set(this.log.slice(version));
  }

  public put(name: string, text = '', date = 0) {
    this.map.set(name, { text, date });
    this.log.push(name);
  }

  public drop(name: string) {
    this.map.delete(name);
    this.log.push(name);
  }
}

const options: ISearchOptions<IEntry> = {
  fields: {
    name: { boost: 8, text: (_entry, name) => name },
    text: { boost: 1, text: ({ text }) => text },
  },
  closeness: (name, text) => (name === text ? 100 : 1),
  compare: (a, b) => b.date - a.date,
};

const start = (...names: string[]) => {
  const source = new Source();
  for (const name of names) source.put(name);
  const index = new SearchIndex<IEntry>(source, options);
  const search = (text: string) => index.search(text, { most: Number.POSITIVE_INFINITY });
  const find = async (text: string) => (await search(text)).map(({ name }) => name);
  return { source, search, find };
};

/** Until the index is built, which on a busy machine takes longer than a search waits for it. */
const built = async (find: (text: string) => Promise<string[]>, word: string) => {
  while ((await find(word)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
};

t.test('what is published, changed and deleted while the index is built is in it', async (t) => {
  const { source, find } = start();
  for (let n = 0; n < 3000; n++) source.put(`p${n}`, 'before');
  const first = find('before');
  // the index is being built now
  await new Promise((resolve) => setImmediate(resolve));
  source.put('newcomer', 'during');
  source.put('p7', 'during');
  source.drop('p8');
  source.drop('p0');
  source.put('p0', 'before and during');
  await first;
  await built(find, 'before');
  t.same((await find('during')).sort(), ['newcomer', 'p0', 'p7']);
  t.equal((await find('before')).length, 2998);
  source.put('p0', 'later');
  t.same((await find('during')).sort(), ['newcomer', 'p7'], 'what came back while the index was built is in it once');
});

t.test('a search that begins after a change has it, also while others search', async (t) => {
  const { source, find } = start('a');
  const seen = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      source.put(`word${n}x`);
      return (await find(`word${n}x`))[0];
    }),
  );
  t.same(
    seen,
    Array.from({ length: 50 }, (_, n) => `word${n}x`),
  );
});

t.test('a change costs one package, and drops no answers but those that it may concern', async (t) => {
  const { source, search, find } = start('red-one', 'red-two', 'blue-one');
  const [red] = await search('red');
  const [blue] = await search('blue');
  t.same(await search('purple'), []);
  source.put('green-one');
  t.ok(red && red === (await search('red'))[0], 'the same answer');
  t.ok(blue && blue === (await search('blue'))[0]);
  source.put('blue-one', 'now also reddish');
  t.same((await find('red')).sort(), ['blue-one', 'red-one', 'red-two'], 'a new word');
  source.put('blue-one', 'no more');
  t.same((await find('red')).sort(), ['red-one', 'red-two'], 'a word that is gone');
  source.drop('red-two');
  t.same(await find('red'), ['red-one']);
  source.put('purple');
  t.same(await find('purple'), ['purple'], 'what nobody found before');
  t.same(await find('yelow'), []);
  source.put('yellow');
  t.same(await find('yelow'), ['yellow'], 'nor anything like it');
  t.same(await find('crowd'), []);
  for (let n = 0; n < 100; n++) source.put(`crowd-${n}`);
  t.equal((await find('crowd')).length, 100, 'many changes at once');
});

t.test('more changes than the listing remembers are all taken over', async (t) => {
  const { source, find } = start('a', 'b');
  t.same(await find('a'), ['a']);
  for (let n = 0; n < 100; n++) source.put(`c${n}`);
  source.drop('a');
  source.forgotten = source.version - 1;
  t.same(await find('c7'), ['c7', ...(await find('c7')).slice(1)]);
  await built(find, 'c7');
  t.same((await find('')).length, 101);
});

t.test('without a text: every package, the newest first', async (t) => {
  const { source, find } = start();
  source.put('old', '', 1);
  source.put('new', '', 3);
  source.put('b', '', 2);
  source.put('a', '', 2);
  t.same(await find(''), ['new', 'a', 'b', 'old']);
  source.put('old', '', 4);
  source.drop('b');
  t.same(await find(''), ['old', 'new', 'a']);
  t.same(await find('!!!'), [], 'no words are no wish for everything');
});

t.test('letters may be wrong, where nothing matches otherwise', async (t) => {
  const { find } = start('express', 'expression-parser', 'impress', 'framework');
  t.same((await find('express')).slice(0, 1), ['express']);
  t.notOk((await find('express')).includes('impress'), 'what is only alike does not count then');
  t.same(await find('exprss'), ['express', ...(await find('exprss')).slice(1)], 'one letter of a short word');
  t.same(await find('framewrok'), ['framework'], 'two letters of a long one');
  t.same(await find('frxxxrok'), [], 'not more');
  t.same(await find(`${'framework'.repeat(20)}x`), [], 'nothing is like a word that nobody types');
  t.same(await find('express nonsense'), await find('express nonsense'));
  t.equal((await find('express nonsense'))[0], 'express', 'rather a part of it than nothing');
});

t.test('a word that is everywhere does not hide the package of that name', async (t) => {
  const { source, find } = start();
  for (let n = 0; n < 25_000; n++) source.put(`react-${n}`, 'for react');
  source.put('react', 'itself');
  await built(find, 'itself');
  const found = await find('react');
  t.equal(found[0], 'react');
  source.put('rare-thing', 'for react');
  t.same(await find('react rare'), ['rare-thing'], 'nor what has a rare word as well');
  t.same(await find('rare react'), ['rare-thing']);
  t.equal(found.length, 25_001, 'all of them');
  t.equal(new Set(found).size, 25_001, 'each once');
});

t.test('until the index is there packages are found by their names', async (t) => {
  const { source, find } = start();
  for (let n = 0; n < 60_000; n++)
    source.put(`package-${n}`, `which is about number ${n} and many other things, of ${n % 97} kinds`);
  source.put('@s/wanted-thing', 'described');
  const begun = performance.now();
  t.same(await find('wanted thing'), ['@s/wanted-thing']);
  const waited = performance.now() - begun;
  t.comment(`${Math.round(waited)} ms`);
  await built(find, 'described');
  t.same(await find('described'), ['@s/wanted-thing']);
});

t.test('an answer that was made while the index changed is not remembered', async (t) => {
  const source = new Source();
  for (const name of ['one', 'two']) source.put(name, 'word');
  let meanwhile: Promise<unknown> | undefined;
  const index = new SearchIndex<IEntry>(source, {
    ...options,
    closeness: (name, text) => {
      if (text === 'word' && !meanwhile) {
        source.put('three', 'word');
        meanwhile = index.search('two', { most: 9 });
        // long enough that the search lets the other one go first
        holdLoop();
      }
      return options.closeness(name, text);
    },
  });
  const find = async (text: string) => (await index.search(text, { most: 9 })).map(({ name }) => name).sort();
  await built(find, 'one');
  await find('word');
  t.ok(meanwhile);
  await meanwhile;
  t.same(await find('word'), ['one', 'three', 'two']);
});

t.test('of a long query four words count', async (t) => {
  const { find, source } = start();
  source.put('first', 'alpha beta gamma delta');
  source.put('second', 'alpha beta gamma');
  t.same(await find('alpha beta gamma delta omega'), ['first'], 'the fifth one is not looked for');
  t.same(await find('alpha alpha alpha alpha delta'), ['first'], 'a word that is repeated is one');
});

t.test('the memory for answers is bounded, and what is dropped from it frees its place', (t) => {
  const answers = new SearchAnswers<IEntry>();
  const answer = (word: string, mebibytes: number): IAnswer<IEntry> => {
    const count = (mebibytes * 1024 ** 2) / 8;
    const ranking = { numbers: new Uint32Array(count), scores: new Float32Array(count) };
    return { words: [word], isFuzzy: false, ranking, best: [] };
  };
  answers.keep('first', answer('first', 5));
  answers.keep('second', answer('second', 5));
  t.notOk(answers.get('first'), 'there is no room for both');
  t.ok(answers.get('second'));
  answers.changed([new Set(['secondary'])]);
  t.notOk(answers.get('second'), 'a package that begins with its word has changed');
  answers.keep('third', answer('third', 3));
  answers.keep('fourth', answer('fourth', 3));
  t.ok(answers.get('third'), 'there is room for both');
  t.end();
});

t.test('hits beyond the first thousands are in order as well', async (t) => {
  const { source, find } = start();
  const nameOf = (at: number) => `p${String(at).padStart(5, '0')}`;
  for (let at = 0; at < 12_000; at++) source.put(nameOf((at * 7919) % 12_000), 'common word');
  const found = await find('common');
  t.equal(found.length, 12_000);
  for (const from of [0, 5000, 10_000]) {
    const portion = found.slice(from, Math.min(from + 5000, 12_000));
    t.same(portion, [...portion].sort(), `from ${from}`);
  }
});
