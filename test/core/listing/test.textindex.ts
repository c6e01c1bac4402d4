import t from 'tap';
import { TextIndex } from '../../../ts/core/listing/search/classes.textindex.js';
import { joinScores, ranked } from '../../../ts/core/listing/search/helpers.ranking.js';
import { similarWords } from '../../../ts/core/listing/search/helpers.words.js';

/** Always the same numbers. */
const randoms = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};

/** Levenshtein's distance, as the textbook has it. */
const distance = (a: string, b: string): number => {
  if (a === '' || b === '') return a.length + b.length;
  const replaced = distance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1);
  if (a[0] === b[0]) return replaced;
  return Math.min(replaced, distance(a.slice(1), b) + 1, distance(a, b.slice(1)) + 1);
};

t.test('similar words are those within the edits, and a walk to them passes the others over', async (t) => {
  const random = randoms(7);
  const newWord = () => Array.from({ length: 1 + random() * 6 }, () => 'abc'[Math.floor(random() * 3)]).join('');
  const words = [...new Set(Array.from({ length: 400 }, newWord))].sort();
  for (const wanted of ['abcab', 'ccbba', 'a', 'bbbbbbbb']) {
    for (const edits of [1, 2]) {
      const found = [...similarWords(words, wanted, edits)].filter((one) => one !== undefined);
      const all = words.map((word): [string, number] => [word, distance(word, wanted)]);
      t.same(
        found,
        all.filter(([, steps]) => steps <= edits),
        `${wanted}, ${edits} edits`,
      );
    }
  }
  const many = Array.from({ length: 20_000 }, (_, n) => `z${String(n).padStart(6, '0')}`);
  t.equal([...similarWords(many, 'framework', 2)].length < 50, true, 'nothing that begins otherwise is looked at');
});

interface IEntry {
  text: string;
}

const fields = [{ boost: 1, text: ({ text }: IEntry) => text }];

const found = async (index: TextIndex<IEntry>, word: string, isFuzzy = false) => {
  const { numbers } = ranked(await index.match(word, isFuzzy));
  return [...numbers].map((number) => index.at(number)?.name);
};

t.test('an index that follows changes is the same as one of the result', async (t) => {
  const random = randoms(3);
  const words = ['red', 'redder', 'reds', 'green', 'blue', 'bluish', 'grey'];
  const newText = () => Array.from({ length: 1 + random() * 4 }, () => words[Math.floor(random() * 7)]).join(' ');
  const state = new Map<string, IEntry>();
  for (let n = 0; n < 40; n++) state.set(`p${n}`, { text: newText() });
  const index = await TextIndex.of(fields, state);
  for (let n = 0; n < 300; n++) {
    const name = `p${Math.floor(random() * 60)}`;
    index.remove(name);
    state.delete(name);
    if (random() < 0.3) continue;
    const entry = { text: `${newText()} ${random() < 0.1 ? `new${n}` : ''}` };
    index.add(name, entry);
    state.set(name, entry);
  }
  index.mergeWords();
  const anew = await TextIndex.of(fields, state);
  for (const word of [...words, 'gre', 'new', 'greem', 'none']) {
    for (const isFuzzy of [false, true]) {
      const [one, other] = [await index.match(word, isFuzzy), await anew.match(word, isFuzzy)];
      for (const name of state.keys()) {
        const number = index.numberOf(name) as number;
        if (one[number] !== other[anew.numberOf(name) as number]) t.fail(`${word} in ${name}`);
      }
      t.same((await found(index, word, isFuzzy)).sort(), (await found(anew, word, isFuzzy)).sort(), word);
    }
  }
});

t.test('a package that is given twice, because it was removed and came back meanwhile, is there once', async (t) => {
  const again: [string, IEntry][] = [
    ['a', { text: 'red' }],
    ['b', { text: 'red' }],
    ['a', { text: 'red' }],
  ];
  const index = await TextIndex.of(fields, again);
  t.same((await found(index, 'red')).sort(), ['a', 'b']);
  index.remove('a');
  t.same([...ranked(await index.match('red', false)).numbers], [index.numberOf('b')]);
});

t.test('the word itself counts more than what begins with it, and that more than what is similar', async (t) => {
  const entries = ['react', 'reactive', 'reaxt', 'react and more', 'react react and more', 'none'];
  const index = await TextIndex.of(
    fields,
    entries.map((text): [string, IEntry] => [text, { text }]),
  );
  t.same(await found(index, 'react'), ['react', 'react react and more', 'react and more', 'reactive']);
  t.equal((await found(index, 'react', true)).at(-1), 'reaxt');
  t.same(await found(index, 're'), [], 'two letters begin too many words');
});

t.test('a ranking has the best first, and the one that is asked for before all', async (t) => {
  const random = randoms(5);
  const scores = Float32Array.from({ length: 5000 }, () => (random() < 0.5 ? 0 : random()));
  const { numbers, scores: own } = ranked(scores);
  t.same(
    [...numbers].sort((a, b) => a - b),
    [...scores.keys()].filter((number) => scores[number]! > 0),
  );
  t.same(
    [...own],
    [...numbers].map((number) => scores[number]),
  );
  for (let at = 1; at < own.length; at++) if (own[at]! > own[at - 1]! + 1 / 9000) t.fail('out of order');
  const last = numbers.at(-1) as number;
  t.equal(ranked(scores, last).numbers[0], last);
  t.equal(ranked(Float32Array.of(0, 0), 1).numbers.length, 0);
  const [a, b] = [Float32Array.of(1, 0, 1), Float32Array.of(0, 1, 1)];
  t.same([...ranked(joinScores([a, b], true)).numbers], [2]);
  t.equal(ranked(joinScores([a, b], false)).numbers[0], 2, 'the more words the better');
});
