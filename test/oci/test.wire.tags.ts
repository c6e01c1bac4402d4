import t from 'tap';
import {
  type IPageIndex,
  partsOfPage,
  positionOfPage,
  type TPaged,
} from '../../ts/core/storage/pages/helpers.pages.js';
import {
  digestOfTag,
  type ITagPage,
  type ITags,
  NO_TAGS,
  pageOfTags,
  tagPages,
  tagsCodec,
  tagsOfDigest,
  withoutTags,
  withTag,
} from '../../ts/oci/wire/wire.tags.js';
import { cpuSince } from '../support/cpu.js';

const ODD = ['__proto__', 'constructor', 'toString', '1', '10', '2', 'a', 'A', '_', 'hasOwnProperty', '01'];
const sorted = (tags: string[]): string[] => [...tags].sort((a, b) => (a < b ? -1 : 1));
const make = (names: string[], digest = (name: string) => `sha256:${name}`): ITags =>
  names.reduce((tags, name) => withTag(tags, name, digest(name)), NO_TAGS);
const through = (tags: ITags): ITags => tagsCodec.parse(Buffer.from(tagsCodec.serialize(tags))) as ITags;

t.test('tags with odd names come back in byte order, each with its digest', async (t) => {
  const tags = make(ODD);
  t.same(tags.names, sorted(ODD));
  for (const read of [tags, through(tags)]) {
    t.same(read.names, sorted(ODD));
    for (const name of ODD) t.equal(digestOfTag(read, name), `sha256:${name}`, name);
    for (const absent of ['valueOf', '3', '', 'b', '__proto', 'zz']) t.equal(digestOfTag(read, absent), undefined);
  }
  t.same(through(NO_TAGS), { names: [], digests: [] });
  t.equal(({} as { polluted?: unknown }).polluted, undefined);
});

t.test('a tag moves, goes, and stays what it is', async (t) => {
  const tags = make(['b', 'a', 'c'], () => 'one');
  t.equal(withTag(tags, 'b', 'one'), tags, 'nothing to write');
  const moved = withTag(tags, 'b', 'two');
  t.same(moved, { names: ['a', 'b', 'c'], digests: ['one', 'two', 'one'] });
  t.same(tags.digests, ['one', 'one', 'one'], 'the old value is as it was');
  t.same(tagsOfDigest(moved, 'one'), ['a', 'c']);
  t.same(
    withoutTags(moved, (_name, digest) => digest === 'one'),
    { names: ['b'], digests: ['two'] },
  );
  t.equal(
    withoutTags(moved, (name) => name === 'z'),
    moved,
  );
});

t.test('pages', async (t) => {
  const tags = make(['a', 'b', 'c', 'd']);
  const table: [options: { count?: number; last?: string }, tags: string, more: boolean][] = [
    [{}, 'abcd', false],
    [{ count: 2 }, 'ab', true],
    [{ count: 4 }, 'abcd', false],
    [{ count: 9 }, 'abcd', false],
    [{ count: 0 }, '', false],
    [{ count: 2, last: 'b' }, 'cd', false],
    [{ count: 1, last: 'b' }, 'c', true],
    [{ last: 'b' }, 'cd', false],
    [{ last: 'bb' }, 'cd', false],
    [{ last: 'B' }, 'abcd', false],
    [{ last: 'd' }, '', false],
    [{ count: 1, last: 'z' }, '', false],
    [{ last: '' }, 'abcd', false],
  ];
  for (const [options, expected, more] of table) {
    const page = pageOfTags(tags, options);
    t.same([page.tags.join(''), page.more], [expected, more], JSON.stringify(options));
  }
  t.same(pageOfTags(NO_TAGS, { count: 1 }), { tags: [], more: false });
});

t.test('10,000 tags, page by page, are all there once and cost little', async (t) => {
  const names = Array.from({ length: 10_000 }, (_, index) => (index % 3 ? `v${index}` : `${index}`));
  const started = process.cpuUsage();
  const tags = through({ names: sorted(names), digests: sorted(names).map((name) => `sha256:${name}`) });
  const seen: string[] = [];
  for (let last: string | undefined, more = true; more; last = seen.at(-1)) {
    const page = pageOfTags(tags, { count: 100, last });
    seen.push(...page.tags);
    more = page.more;
  }
  t.same(seen, sorted(names));
  for (const name of names) t.equal(digestOfTag(tags, name) === `sha256:${name}`, true);
  t.ok(cpuSince(started) < 5_000);
});

t.test(
  'an index of pages, and a page that is sealed, come back; the parts of a page are the same for everybody',
  async (t) => {
    const index: IPageIndex = {
      pages: [
        { from: '', id: 'u:0' },
        { from: '__proto__', id: 'u:1' },
        { from: 'b', id: 'v:0' },
      ],
    };
    const read = (document: TPaged<ITagPage>) => tagsCodec.parse(Buffer.from(tagsCodec.serialize(document)));
    t.same(read(index), index);
    for (const [name, at] of [
      ['', 0],
      ['A', 0],
      ['__proto__', 1],
      ['a', 1],
      ['b', 2],
      ['zz', 2],
    ] as const) {
      t.equal(positionOfPage(index, name), at, name);
    }
    const page: ITagPage = { ...make(['a', 'b', 'c', 'd', 'e']), seal: { id: 'w', size: 2 } };
    t.same(read(page), page);
    t.same(
      partsOfPage(tagPages, page, 'A').map(({ ref, page: part }) => [ref.from, ref.id, part.names.join('')]),
      [
        ['A', 'w:0', 'ab'],
        ['c', 'w:1', 'cd'],
        ['e', 'w:2', 'e'],
      ],
    );
    t.same(partsOfPage(tagPages, { ...NO_TAGS, seal: { id: 'w', size: 1 } }, 'q'), [
      { ref: { from: 'q', id: 'w:0' }, page: NO_TAGS },
    ]);
    for (const damaged of ['{}', '{"pages":[]}', '{"pages":{}}', '{"tags":1}', '[]', 'null']) {
      t.throws(() => tagsCodec.parse(Buffer.from(damaged)), damaged);
    }
  },
);
