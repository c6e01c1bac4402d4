import t from 'tap';
import {
  addVersion,
  knownAs,
  maxVersion,
  searchEntryOf,
  setYanked,
  versionOf,
  wasAddedBy,
} from '../../ts/cargo/helpers.document.js';
import type { ICargoDocument } from '../../ts/cargo/interfaces.cargo.js';
import { checkMetadata } from '../../ts/cargo/wire/wire.metadata.js';
import { byChange, closeness, parseSearch, renderHit, searchFields } from '../../ts/cargo/wire/wire.search.js';
import { refusal } from '../support/npm/packages.js';

const stamp = (second: number, id = `write-${second}`) => ({ id, time: `2026-01-01T00:00:${second}.500Z` });

/** A crate with one more version. */
const added = (
  current: ICargoDocument | null,
  version: string,
  second: number,
  { name = 'Foo-Bar', description = `of ${version}`, readme = undefined as string | undefined } = {},
): ICargoDocument =>
  addVersion(
    current,
    checkMetadata({ name, vers: version, description }),
    { key: `key of ${version}`, size: 7, digests: { sha256: `sha of ${version}` } } as never,
    { readme },
    stamp(second) as never,
  );

t.test('a version in the document of its crate', async (t) => {
  const first = added(null, '1.0.0', 10, { readme: 'README.md' });
  const { entry } = versionOf(first, '1.0.0');
  t.match(entry, { name: 'Foo-Bar', vers: '1.0.0', cksum: 'sha of 1.0.0', pubtime: '2026-01-01T00:00:10Z' });
  t.same(first, {
    name: 'Foo-Bar',
    created: '2026-01-01T00:00:10.500Z',
    modified: '2026-01-01T00:00:10.500Z',
    about: {
      description: 'of 1.0.0',
      keywords: [],
      homepage: null,
      documentation: null,
      repository: null,
      license: null,
    },
    versions: { '1.0.0': { entry, key: 'key of 1.0.0', size: 7, writeId: 'write-10', readme: 'README.md' } },
  });
  const second = added(first, '1.1.0', 20);
  t.match(second, { created: first.created, modified: '2026-01-01T00:00:20.500Z', about: { description: 'of 1.1.0' } });
  t.same(Object.keys(second.versions), ['1.0.0', '1.1.0']);
  t.equal(second.versions['1.0.0'], first.versions['1.0.0'], 'shared, so that its line is rendered once');
  t.notOk('readme' in (second.versions['1.1.0'] as object));
  t.match(added(second, '1.0.5', 30), { about: { description: 'of 1.1.0' } }, 'a backport');
  t.match(added(second, '2.0.0-rc.1', 30), { about: { description: 'of 1.1.0' } }, 'a pre-release');
  const early = added(null, '2.0.0-rc.1', 10);
  t.match(
    added(early, '1.0.0', 20),
    { about: { description: 'of 1.0.0' } },
    'a release is higher than all pre-releases',
  );
  t.match(added(second, '3.0.0', 15), { modified: '2026-01-01T00:00:21.500Z' }, 'the clock of a replica is behind');
});

t.test('names and versions that are taken', async (t) => {
  const current = added(added(null, '1.0.0+a', 10), '2.0.0', 20);
  for (const [name, version, message] of [
    ['foo-bar', '3.0.0', /^`foo-bar` cannot be published: there is a crate whose name differs only/],
    ['Foo-Bar', '2.0.0', /^crate version `2\.0\.0` is already uploaded$/],
    ['Foo-Bar', '2.0.0+x', /^crate version `2\.0\.0\+x` is already uploaded, as `2\.0\.0`: build metadata/],
    ['Foo-Bar', '1.0.0', /already uploaded, as `1\.0\.0\+a`/],
  ] as const) {
    t.throws(() => added(current, version, 30, { name }), refusal('alreadyExists', { message }), `${name} ${version}`);
  }
});

t.test('which write published a version', async (t) => {
  const document = added(added(null, '1.0.0', 10), '2.0.0', 20);
  t.ok(wasAddedBy(document, '1.0.0', stamp(10) as never));
  t.notOk(wasAddedBy(document, '1.0.0', stamp(20) as never), 'another write');
  t.notOk(wasAddedBy(document, '3.0.0', stamp(10) as never), 'no such version');
  t.notOk(wasAddedBy(document, 'toString', { id: undefined, time: '' } as never));
});

t.test('names, versions, and yanks', async (t) => {
  const document = added(added(null, '1.0.0', 10), '2.0.0', 20);
  for (const name of ['Foo-Bar', 'foo-bar', 'FOO-BAR']) t.equal(knownAs(document, name), document);
  for (const name of ['foo_bar', 'foobar', '']) t.equal(knownAs(document, name), null);
  t.equal(knownAs(null, 'Foo-Bar'), null);
  t.equal(knownAs(undefined, 'Foo-Bar'), null);
  for (const version of ['3.0.0', '1.0', 'toString']) {
    const message = `crate \`Foo-Bar\` does not have a version \`${version}\``;
    t.throws(() => versionOf(document, version), refusal('notFound', { message }));
    t.throws(() => setYanked(document, 'foo-bar', version, true, stamp(30) as never), refusal('notFound', { message }));
  }
  const yanked = setYanked(document, 'foo-bar', '2.0.0', true, stamp(30) as never);
  const { '2.0.0': before } = document.versions;
  t.same(yanked, {
    ...document,
    modified: '2026-01-01T00:00:30.500Z',
    versions: { ...document.versions, '2.0.0': { ...before, entry: { ...before?.entry, yanked: true } } },
  });
  t.same([maxVersion(document), maxVersion(yanked)], ['2.0.0', '1.0.0']);
  t.equal(setYanked(yanked, 'Foo-Bar', '2.0.0', true, stamp(40) as never), yanked, 'nothing to change');
  t.match(setYanked(yanked, 'Foo-Bar', '2.0.0', false, stamp(30) as never), {
    modified: '2026-01-01T00:00:31.500Z',
    versions: { '2.0.0': { entry: { yanked: false } } },
  });
  for (const [current, name] of [
    [null, 'foo-bar'],
    [document, 'foo_bar'],
  ] as const) {
    const message = `crate \`${name}\` does not exist`;
    t.throws(() => setYanked(current, name, '1.0.0', true, stamp(30) as never), refusal('notFound', { message }));
  }
});

t.test('what search knows of a crate, and shows', async (t) => {
  const about = {
    description: 'one',
    keywords: ['two', 'three'],
    homepage: 'four',
    documentation: 'five',
    repository: 'six',
    license: 'seven',
  };
  const document = { ...added(added(null, '1.0.0', 10), '2.0.0-rc.1', 20), about };
  const [created, modified] = ['2026-01-01T00:00:10.500Z', '2026-01-01T00:00:20.500Z'];
  const entry = searchEntryOf(document);
  t.same(entry, { name: 'Foo-Bar', max_version: '1.0.0', created, modified, ...about });
  const { license: _, ...shown } = about;
  t.same(renderHit(entry), {
    id: 'Foo-Bar',
    name: 'Foo-Bar',
    max_version: '1.0.0',
    ...shown,
    created_at: created,
    updated_at: modified,
  });
  const texts = Object.entries(searchFields).map(([field, { text }]) => [field, text(entry)]);
  t.same(Object.fromEntries(texts), { name: 'Foo-Bar', keywords: 'two three', description: 'one' });
  t.equal(searchFields.description.text({ ...entry, description: null }), '');
  const { name, keywords, description } = searchFields;
  t.ok(name.boost > keywords.boost && keywords.boost > description.boost, 'the name counts most');
  const older = { ...entry, modified: created };
  t.same([byChange(entry, older), byChange(older, entry), byChange(entry, { ...entry })], [-1, 1, 0]);
});

t.test('how well a name matches', async (t) => {
  for (const [name, text] of [
    ['Http_Client', 'http-client'],
    ['http-client', 'http_client'],
    ['http-client', 'http client'],
    ['a-b-c', 'a b c'],
  ] as const) {
    t.equal(closeness(name, text), 100, `${name}, ${text}`);
  }
  t.equal(closeness('http-client', 'http'), 1 + 4 / 11);
  t.ok(closeness('http', 'htt') > closeness('http-client', 'htt'), 'the shorter name is closer');
  t.equal(closeness('other', 'http'), 1);
  t.same(
    parseSearch((field) => ({ q: ' A ' })[field as 'q']),
    { text: 'a', page: 1, from: 0, size: 10 },
  );
});
