import t from 'tap';
import {
  addBuild,
  buildName,
  buildOf,
  byNewest,
  chosenBuild,
  entryOf,
  isEmpty,
  latestOf,
  listedBuilds,
  namedKeys,
  setYanked,
  type TNewBuild,
} from '../../ts/rubygems/helpers.document.js';
import type { IGemDocument, IGemSpec } from '../../ts/rubygems/interfaces.rubygems.js';
import { infoMd5 } from '../../ts/rubygems/wire/wire.compactindex.js';
import { gemBuild, gemDocument, gemSpec } from '../support/rubygems/documents.js';
import { stampOf, writeIdOf } from '../support/stamps.js';

/** A build before its commit; its digest is made of one letter. */
const built = (version: string, letter: string, more: Partial<TNewBuild> = {}, spec: Partial<IGemSpec> = {}) => {
  const { createdAt: _createdAt, writeId: _writeId, ...build } = gemBuild(gemSpec('demo', version, spec), letter, more);
  return build as TNewBuild;
};

const add = (current: IGemDocument | null, number: number, build: TNewBuild, allowRepublish = false): IGemDocument =>
  addBuild(current, build, { allowRepublish }, stampOf(number));

const yank = (current: IGemDocument | null, number: number, version: string, platform = 'ruby', yanked = true) =>
  setYanked(current, 'demo', { version, platform }, yanked, stampOf(number));

const changesOf = ({ changes }: IGemDocument) => changes.map(({ serial, version }) => [serial, version]);
const slugs = (document: IGemDocument) => listedBuilds(document).map(({ slug }) => slug);

t.test('the first push makes the document', async (t) => {
  const build = built('1.0', 'a');
  const one = add(null, 1, build);
  t.same(one, {
    name: 'demo',
    created: stampOf(1).time,
    modified: stampOf(1).time.replace(/00\.000Z$/, '01.000Z'),
    builds: { '1.0': { ...build, createdAt: '2026-11-28T10:01:00Z', writeId: writeIdOf(1) } },
    changes: [{ serial: 1, version: '1.0', infoMd5: infoMd5(one) }],
  });
  t.equal(add(one, 2, build), one, 'the same bytes again change nothing');
  const two = add(one, 2, built('1.1', 'b'));
  t.same(changesOf(two), [
    [1, '1.0'],
    [2, '1.1'],
  ]);
  t.same(two.changes[0], one.changes[0], 'a line never changes');
  t.equal(two.changes[1]?.infoMd5, infoMd5(two));
  t.equal(two.created, stampOf(1).time);
  t.equal(two.modified, stampOf(2).time);
  const late = add(two, 1, built('1.2', 'c'));
  t.equal(Date.parse(late.modified) - Date.parse(two.modified), 1000, 'a clock that is behind: it still grows');
  t.notOk(isEmpty(late));
});

t.test('whose place is taken', async (t) => {
  const linux = { platform: 'x86_64-linux' };
  const addressed = { slug: '1.0-aaaaaaaa', contentAddressed: true } as const;
  const one = add(null, 1, built('1.0', 'a'));
  const java = add(one, 2, built('1.0', 'b', {}, { platform: 'java' }));
  const refused = (current: IGemDocument, build: TNewBuild, message: RegExp, allowRepublish = false) =>
    t.throws(() => add(current, 5, build, allowRepublish), { kind: 'alreadyExists', message }, build.slug);
  refused(one, built('1.0', 'b'), /^demo 1\.0 is there already with other content/);
  refused(one, built('1.0', 'b'), /with other content/, true);
  refused(one, built('1.0.0', 'b'), /^demo 1\.0\.0 is there already as 1\.0: RubyGems takes both for one version$/);
  refused(java, built('1', 'c', {}, { platform: 'java' }), /already as 1\.0-java/);
  refused(yank(one, 2, '1.0'), built('1.0.0', 'b'), /already as 1\.0:/);
  t.same(slugs(add(one, 2, built('1.0.0', 'b', {}, linux))), ['1.0', '1.0.0-x86_64-linux'], 'another platform');
  t.same(slugs(add(one, 2, built('1.0.1', 'b'))), ['1.0', '1.0.1']);
  const skinny = add(null, 1, built('1.0', 'a', addressed, linux));
  t.same(slugs(add(skinny, 2, built('1.0.0', 'b', {}, linux))), ['1.0-aaaaaaaa', '1.0.0-x86_64-linux']);
  const plain = add(null, 1, built('1.0.0', 'b', {}, linux));
  t.same(slugs(add(plain, 2, built('1.0', 'a', addressed, linux))), ['1.0.0-x86_64-linux', '1.0-aaaaaaaa']);
  const again = built('1.0', 'a', { ...addressed, slug: '1.0-bbbbbbbb' }, linux);
  t.same(slugs(add(skinny, 2, again)), ['1.0-aaaaaaaa', '1.0-bbbbbbbb'], 'builds for several Rubies');
  refused(skinny, built('1.0', 'c', addressed, linux), /with other content/);
});

t.test('what was yanked and is pushed again', async (t) => {
  const yanked = yank(add(null, 1, built('1.0', 'a')), 2, '1.0');
  for (const letter of ['a', 'b']) {
    const build = built('1.0', letter, { key: letter });
    t.throws(() => add(yanked, 3, build), {
      kind: 'alreadyExists',
      message: 'demo 1.0 was yanked, and cannot be pushed again: unyank it, or use another version',
    });
    const back = add(yanked, 3, build, true);
    t.match(back.builds['1.0'], { key: letter, yankedAt: undefined, createdAt: '2026-11-28T10:03:00Z' });
    t.same(changesOf(back), [
      [1, '1.0'],
      [2, '-1.0'],
      [3, '1.0'],
    ]);
  }
});

t.test('attestations are stored only with the first push', async (t) => {
  const beside = (letter: string) => ({ attestations: { key: `key-${letter}`, size: 1, sha256: letter.repeat(64) } });
  const without = add(null, 1, built('1.0', 'a'));
  const [one, other] = ['b', 'c'].map((letter) => built('1.0', 'a', beside(letter))) as [TNewBuild, TNewBuild];
  t.throws(() => add(without, 2, one), {
    kind: 'alreadyExists',
    message: 'demo 1.0 is there already without attestations: they are stored only with its first push',
  });
  const first = add(null, 1, one);
  t.equal(add(first, 2, one), first);
  t.equal(add(first, 2, built('1.0', 'a')), first);
  t.throws(() => add(first, 2, other), { message: /^demo 1\.0 is there already with other attestations/ });
  t.same(namedKeys(first), ['rubygems/gems/demo-1.0.gem', 'key-b']);
  t.same(namedKeys(add(first, 2, built('2.0', 'a'))), [
    'rubygems/gems/demo-1.0.gem',
    'key-b',
    'rubygems/gems/demo-2.0.gem',
  ]);
  t.same(namedKeys(yank(first, 2, '1.0')), ['rubygems/gems/demo-1.0.gem', 'key-b'], 'of a yanked one as well');
});

t.test('a yank and an unyank', async (t) => {
  const two = add(add(null, 1, built('1.0', 'a')), 2, built('2.0', 'b'));
  const yanked = yank(two, 3, '1.0');
  t.same(yanked.builds['1.0'], { ...two.builds['1.0'], yankedAt: stampOf(3).time });
  t.equal(yanked.modified, stampOf(3).time);
  t.same(slugs(yanked), ['2.0']);
  t.same(changesOf(yanked).slice(2), [[3, '-1.0']]);
  t.equal(yanked.changes[2]?.infoMd5, infoMd5(yanked));
  t.equal(yank(yanked, 4, '1.0'), yanked, 'again: nothing is written');
  t.equal(yank(two, 4, '1.0', 'ruby', false), two);
  const back = yank(yanked, 4, '1.0', 'ruby', false);
  t.same(back.builds['1.0'], two.builds['1.0']);
  t.equal(infoMd5(back), infoMd5(two), 'it stands where it stood');
  t.ok(isEmpty(yank(yanked, 4, '2.0')));
});

t.test('which build a version and a platform name', async (t) => {
  const linux = { platform: 'x86_64-linux' };
  const builds = [
    gemBuild(gemSpec('demo', '1.0'), 'a'),
    gemBuild(gemSpec('demo', '1.0', { platform: 'x86-linux' }), 'b'),
    gemBuild(gemSpec('demo', '1.0', linux), 'c', { slug: '1.0-cccccccc', contentAddressed: true }),
    gemBuild(gemSpec('demo', '2.0', linux), 'd', { slug: '2.0-dddddddd', contentAddressed: true }),
    gemBuild(gemSpec('demo', '2.0', linux), 'e', { slug: '2.0-eeeeeeee', contentAddressed: true }),
  ];
  const document = gemDocument('demo', builds);
  const chosen = (version: string, platform: string) => chosenBuild(document, 'demo', { version, platform }).slug;
  for (const [version, platform, slug] of [
    ['1.0', 'ruby', '1.0'],
    ['1.0', '', '1.0'],
    ['1.0', 'x86-linux', '1.0-x86-linux'],
    ['1.0', 'i686-linux', '1.0-x86-linux'],
    ['1.0', 'cccccccc', '1.0-cccccccc'],
    ['1.0', 'x86_64-linux', '1.0-cccccccc'],
    ['2.0', 'eeeeeeee', '2.0-eeeeeeee'],
  ] as const) {
    t.equal(chosen(version, platform), slug, `${version} ${platform}`);
  }
  t.throws(() => chosen('2.0', 'x86_64-linux'), {
    kind: 'invalid',
    message: 'demo 2.0 has several builds for x86_64-linux; name one of them as the platform: dddddddd, eeeeeeee',
  });
  for (const [version, platform, says] of [
    ['2.0', 'ruby', 'demo 2.0 is not in this registry'],
    ['3.0', 'ruby', 'demo 3.0 is not in this registry'],
    ['1.0', 'java', 'demo 1.0 for java is not in this registry'],
    ['constructor', 'ruby', 'demo constructor is not in this registry'],
  ] as const) {
    t.throws(() => chosen(version, platform), { kind: 'notFound', message: says });
  }
  t.throws(() => chosen('1.0', 'a b'), { kind: 'invalid', message: /The platform/ });
  t.throws(() => chosenBuild(null, 'demo', { version: '1.0', platform: 'ruby' }), {
    kind: 'notFound',
    message: 'demo 1.0 is not in this registry',
  });
  t.equal(buildOf(document, 'constructor'), null);
  t.equal(buildOf(null, '1.0'), null);
  t.equal(buildName('demo', '1.0-java'), 'demo 1.0-java');
});

t.test('the build that a gem is shown with, and its entry in listings', async (t) => {
  const build = (version: string, letter: string, more: Partial<IGemSpec> = {}) =>
    gemBuild(gemSpec('demo', version, { summary: `of ${letter}`, ...more }), letter);
  const release = build('1.9', 'a');
  const newest = build('1.10', 'b', { platform: 'java' });
  const ruby = build('1.10', 'c');
  const pre = build('2.0.a', 'd');
  const latest = (...builds: ReturnType<typeof build>[]) => latestOf(gemDocument('demo', builds))?.slug;
  t.equal(latest(release, newest, pre, ruby), '1.10');
  t.equal(latest(release, newest, pre), '1.10-java');
  t.equal(latest(build('1.0.a', 'a'), pre, build('1.0.b', 'b')), '2.0.a', 'if there are prereleases only');
  t.equal(latest({ ...ruby, yankedAt: '2026-11-29T00:00:00.000Z' }, release), '1.9');
  t.equal(latest(), undefined);
  t.same(
    [release, pre, newest, ruby].sort(byNewest).map(({ slug }) => slug),
    ['2.0.a', '1.10', '1.10-java', '1.9'],
  );
  t.equal(byNewest(ruby, ruby), 0);
  const skinny = gemBuild(gemSpec('demo', '1.0', { platform: 'x86_64-linux' }), 'e', {
    slug: '1.0-eeeeeeee',
    contentAddressed: true,
  });
  const gone = { ...build('3.0', 'f'), yankedAt: '2026-11-29T00:00:00.000Z' };
  t.same(entryOf(gemDocument('demo', [release, newest, skinny, gone])), {
    name: 'demo',
    builds: [
      { version: '1.9', platform: 'ruby' },
      { version: '1.10', platform: 'java' },
      { version: '1.0', platform: 'x86_64-linux', slug: '1.0-eeeeeeee' },
    ],
    summary: 'of b',
  });
  t.equal(entryOf(gemDocument('demo', [gone])), null);
});
