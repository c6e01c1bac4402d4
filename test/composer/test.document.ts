import t from 'tap';
import {
  addFilter,
  addVersion,
  artifactsOf,
  existing,
  findVersion,
  hasVersions,
  removeFilter,
  removeVersions,
  wasRemovedBy,
  zipsOf,
} from '../../ts/composer/helpers.document.js';
import type { IComposerArtifact, IComposerDocument } from '../../ts/composer/interfaces.composer.js';
import { documentKey, documentNameOf, ownerOf, zipKey } from '../../ts/composer/keys.composer.js';
import { entryOf, renderMetadata } from '../../ts/composer/wire/wire.metadata.js';
import { byDate, closeness, parseSearch, renderHit, searchFields } from '../../ts/composer/wire/wire.search.js';
import { parseVersion } from '../../ts/composer/wire/wire.versions.js';
import { refusal } from '../support/npm/packages.js';

const stamp = (second: number) => ({ id: `write-${second}`, time: `2026-01-01T00:00:${second}.500Z` }) as never;
const artifact = (bytes: string): IComposerArtifact => ({
  key: `key of ${bytes}`,
  size: 7,
  sha1: `sha1 of ${bytes}`,
  sha256: `sha256 of ${bytes}`,
  writeId: 'x',
});
const added = (
  current: IComposerDocument | null,
  version: string,
  second: number,
  { bytes = version, manifest = {}, allowRepublish = false } = {},
): IComposerDocument => {
  const upload = { ...parseVersion(version), manifest, artifact: artifact(bytes) };
  return addVersion(current, 'acme/lib', upload, { stamp: stamp(second), allowRepublish });
};
const at = (second: number): string => `2026-01-01T00:00:${second}.500Z`;

t.test('versions of a document', async (t) => {
  const first = added(null, 'v1.0', 10, { manifest: { type: 'x' } });
  const one = {
    version: 'v1.0',
    normalized: '1.0.0.0',
    manifest: { type: 'x' },
    publishedAt: at(10),
    artifact: artifact('v1.0'),
  };
  t.same(first, { name: 'acme/lib', changedAt: at(10), versions: [one], deleted: [] });
  const both = added(first, '1.1', 20);
  t.match(both, { changedAt: at(20), versions: [one, { version: '1.1', publishedAt: at(20) }] });
  t.equal(both.versions[0], first.versions[0]);
  t.match(added(both, '1.2', 15), { changedAt: at(21) }, 'a second later at least');
  t.equal(added(both, '1.0.0', 30, { bytes: 'v1.0' }), both, 'the same bytes');
  const message = 'acme/lib v1.0 exists already, with other content. Published versions do not change.';
  t.throws(() => added(both, '1.0.0', 30, { bytes: 'other' }), refusal('alreadyExists', { message }));
  t.throws(() => added(both, '1.0.0', 30, { bytes: 'other', allowRepublish: true }), refusal('alreadyExists'));
  t.equal(findVersion(both, '1.1.0.0')?.version, '1.1');
  for (const document of [both, null, undefined]) t.equal(findVersion(document, '9.0.0.0'), undefined);
});

t.test('a dev version is replaced, and its zips before are kept', async (t) => {
  let document = added(added(null, 'dev-main', 10, { bytes: '0' }), '1.0', 11);
  t.equal(added(document, 'dev-main', 12, { bytes: '0' }), document);
  for (let turn = 1; turn <= 11; turn++) document = added(document, 'dev-main', 20 + turn, { bytes: `${turn}` });
  const [dev] = document.versions as [(typeof document.versions)[0]];
  t.match(dev, { version: 'dev-main', publishedAt: at(31), artifact: { sha1: 'sha1 of 11' } }, 'in its place');
  t.same(
    zipsOf(dev).map(({ key }) => key),
    [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((turn) => `key of ${turn}`),
    'ten, the newest first',
  );
  t.equal(artifactsOf(document).length, 12);
  const back = added(document, 'dev-main', 40, { bytes: '9' }).versions[0] as typeof dev;
  t.same(
    zipsOf(back).map(({ key }) => key),
    [9, 11, 10, 8, 7, 6, 5, 4, 3, 2, 1].map((turn) => `key of ${turn}`),
    'no zip twice',
  );
  t.notOk('replaced' in (added(null, 'dev-main', 10).versions[0] as object));
});

t.test('what was deleted is recorded, except for dev versions', async (t) => {
  const all = added(added(added(null, '1.0', 10), 'dev-main', 11), '2.0', 12);
  const left = removeVersions(all, ['1.0.0.0', 'dev-main'], stamp(20));
  t.match(left, { name: 'acme/lib', changedAt: at(20), versions: [{ version: '2.0' }] });
  t.same(left.deleted, [{ normalized: '1.0.0.0', time: at(20), writeId: 'write-20' }]);
  t.equal(left.versions.length, 1);
  t.ok(wasRemovedBy(left, stamp(20)));
  t.notOk(wasRemovedBy(left, stamp(21)));
  t.match(removeVersions(left, ['2.0.0.0'], stamp(15)), { changedAt: at(21), versions: [], deleted: [{}, {}] });
  const message = 'acme/lib v1.0 was deleted and cannot be published again';
  t.throws(() => added(left, 'v1.0', 30), refusal('alreadyExists', { message }));
  const again = added(left, 'v1.0', 30, { allowRepublish: true });
  t.same(again.deleted, []);
  t.match(again.versions, [{ version: '2.0' }, { version: 'v1.0' }]);
  t.match(added(left, 'dev-main', 30).deleted, [{ normalized: '1.0.0.0' }]);
  const empty = removeVersions(all, ['1.0.0.0', 'dev-main', '2.0.0.0'], stamp(20));
  t.same([all, empty, null, undefined].map(hasVersions), [true, false, false, false]);
  t.equal(existing(all, 'acme/lib'), all);
  for (const none of [empty, null, undefined]) {
    t.throws(() => existing(none, 'acme/lib'), refusal('notFound', { message: 'acme/lib is not in this registry' }));
  }
});

t.test('entries of filter lists', async (t) => {
  const bare = added(null, '1.0', 10);
  const one = { list: 'malware', constraint: '1.0', reason: 'x' };
  const [two, three] = [
    { list: 'typo', constraint: '1.0' },
    { list: 'malware', constraint: '2.0' },
  ];
  const all = [one, two, three].reduce((document, entry, n) => addFilter(document, entry, stamp(20 + n)), bare);
  t.match(all, { changedAt: at(22), versions: [{ version: '1.0' }] });
  t.same(all.filters, [one, two, three]);
  const other = { list: 'malware', constraint: '1.0' };
  t.same(addFilter(all, other, stamp(30)).filters, [two, three, other], 'the same constraint of the same list');
  t.same(removeFilter(all, { list: 'malware', constraint: '1.0' }, stamp(30)).filters, [two, three]);
  const left = removeFilter(all, { list: 'malware' }, stamp(15));
  t.same([left.filters, left.changedAt], [[two], at(23)]);
  t.notOk('filters' in removeFilter(left, { list: 'typo' }, stamp(30)));
  for (const [selection, message] of [
    [{ list: 'malware', constraint: '3.0' }, '3.0 in the filter list malware of acme/lib is not in this registry'],
    [{ list: 'none' }, 'An entry in the filter list none of acme/lib is not in this registry'],
    [{ list: 'typo', constraint: '2.0' }, '2.0 in the filter list typo of acme/lib is not in this registry'],
  ] as const) {
    t.throws(() => removeFilter(all, selection, stamp(30)), refusal('notFound', { message }));
  }
  t.throws(() => removeFilter(bare, { list: 'malware' }, stamp(30)), refusal('notFound'));
  t.same(renderMetadata(all, 'https://x', true), {
    minified: 'composer/2.0',
    packages: { 'acme/lib': [] },
    'security-advisories': [],
    filter: { malware: [{ constraint: '1.0', reason: 'x' }, { constraint: '2.0' }], typo: [{ constraint: '1.0' }] },
  });
  t.same(entryOf(all)?.filters, { malware: '1.0 || 2.0', typo: '1.0' });
});

t.test('what search and listings know of a package', async (t) => {
  const manifest = {
    type: 'Project',
    description: 'x'.repeat(1001),
    keywords: Array.from({ length: 101 }, (_, n) => `k${n}`),
    abandoned: 'acme/other',
    provide: { 'Psr/Log': '1', 'a/b': '1' },
    replace: { 'a/b': '1', 'c/d': '1' },
  };
  const document = added(added(null, '1.0', 10, { manifest }), '2.0-beta1', 20);
  t.same(entryOf(document), {
    version: '1.0',
    type: 'project',
    date: at(10),
    description: 'x'.repeat(1000),
    keywords: manifest.keywords.slice(0, 100),
    abandoned: 'acme/other',
    provides: ['psr/log', 'a/b', 'c/d'],
  });
  const entry = (more: object) => entryOf(added(null, '1.0', 10, { manifest: more }));
  const bare = { version: '1.0', type: 'library', date: at(10), keywords: [], provides: [] };
  t.same(entry({}), bare);
  t.same(entry({ type: '', description: '', keywords: 'x', abandoned: '', provide: null, replace: [] }), bare);
  t.same(entry({ abandoned: false }), bare);
  t.same(entry({ abandoned: true }), { ...bare, abandoned: true });
  t.match(entryOf(added(document, '1.1', 30)), { version: '1.1' }, 'the last stable one, not the highest');
  t.match(entryOf(added(added(null, 'dev-main', 10), '1.0-alpha', 20)), { version: '1.0-alpha' });
  t.equal(entryOf(removeVersions(document, ['1.0.0.0', '2.0.0.0-beta1'], stamp(30))), null);
});

t.test('a version as clients see it', async (t) => {
  const rendered = (manifest: object) => {
    const { packages } = renderMetadata(added(null, '1.0', 10, { manifest }), 'https://x.example.org/c', false) as {
      packages: Record<string, object[]>;
    };
    return packages['acme/lib']?.[0];
  };
  const reference = 'sha1 of 1.0';
  const whole = {
    name: 'acme/lib',
    version: '1.0',
    version_normalized: '1.0.0.0',
    dist: { type: 'zip', url: `https://x.example.org/c/dists/acme/lib/${reference}.zip`, reference, shasum: reference },
    'published-time': at(10),
  };
  for (const time of [undefined, '', 5]) t.same(rendered({ time }), { ...whole, time: at(10) }, String(time));
  t.same(rendered({ time: '2020', license: 'MIT' }), { ...whole, time: '2020', license: 'MIT' });
});

t.test('search', async (t) => {
  const query = (given: Record<string, string>) => parseSearch((name) => given[name]);
  t.same(query({}), { text: '', page: 1, from: 0, size: 15, type: '' });
  t.same(query({ q: ' Ab ', page: '3', per_page: '20', type: 'Composer-Plugin' }), {
    text: 'ab',
    page: 3,
    from: 40,
    size: 20,
    type: 'composer-plugin',
  });
  for (const [text, found] of [
    ['acme/lib', 100],
    ['lib', 10],
    ['acme lib', 10],
    ['acme', 1 + 4 / 8],
    ['other', 1],
  ] as const) {
    t.equal(closeness('acme/lib', text), found, text);
  }
  const entry = { version: '1', type: 'library', date: at(10), keywords: ['one', 'two'], provides: [] };
  const later = { ...entry, date: at(20), description: 'd', abandoned: 'a/b' };
  t.same([byDate(later, entry), byDate(entry, later), byDate(entry, { ...entry })], [-1, 1, 0]);
  t.same(renderHit({ name: 'a/b', entry }), { name: 'a/b', description: '' });
  t.same(renderHit({ name: 'a/b', entry: later }), { name: 'a/b', description: 'd', abandoned: 'a/b' });
  const texts = Object.entries(searchFields).map(([field, { text }]) => [field, text(later, 'a/b')]);
  t.same(Object.fromEntries(texts), { name: 'a/b', keywords: 'one two', description: 'd' });
  t.equal(searchFields.description.text(entry), '');
  const { name, keywords, description } = searchFields;
  t.ok(name.boost > keywords.boost && keywords.boost > description.boost);
});

t.test('a key tells its package', async (t) => {
  t.equal(documentKey('acme/lib'), 'composer/packages/acme/lib/metadata.json');
  t.equal(zipKey('acme/lib', 'abc'), 'composer/packages/acme/lib/abc.zip');
  for (const key of [documentKey('acme/lib'), zipKey('acme/lib', 'abc'), `${zipKey('acme/lib', 'abc')}.x-y`]) {
    t.equal(ownerOf(key), 'acme/lib');
  }
  t.equal(documentNameOf(documentKey('acme/lib')), 'acme/lib');
  t.equal(documentNameOf(zipKey('acme/lib', 'abc')), undefined);
});
