import { randomUUID } from 'node:crypto';
import t from 'tap';
import * as documents from '../../ts/npm/helpers.document.js';
import type { INpmArtifact, INpmDocument, IReceivedTarball } from '../../ts/npm/interfaces.npm.js';
import {
  renderAbbreviated,
  renderFull,
  renderManifest,
  resolveVersion,
  searchEntryOf,
} from '../../ts/npm/wire/wire.packument.js';
import { parsePublication } from '../../ts/npm/wire/wire.publication.js';
import {
  attachmentOf,
  bundleOf,
  bytesOf,
  type IPublishDocument,
  publishOf,
  refusal,
  sha,
} from '../support/npm/packages.js';

const URL = 'https://npm.example.org/npm';
const stamp = (time = '2026-01-01T00:00:00.000Z') => ({ id: randomUUID(), time });

/** ms of this process's own time: what others on the machine do does not count */
const cpuSince = (begun: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
};

const freeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(freeze);
    Object.freeze(value);
  }
  return value;
};

/** What the handler would have received with this document. */
const received = (document: IPublishDocument): Map<string, IReceivedTarball> =>
  new Map(
    Object.entries(document._attachments ?? {})
      .filter(([file, { data }]) => file.endsWith('.tgz') && typeof data === 'string')
      .map(([file, { data }]) => {
        const bytes = Buffer.from(data, 'base64');
        const version = Object.keys(document.versions ?? {})[0] as string;
        const manifest = { name: document.name, version };
        const facts = { manifest, fileCount: 1, unpackedSize: 10, hasShrinkwrap: false };
        return [file, { ...facts, size: bytes.length, sha1: sha('sha1', bytes), sha512: sha('sha512', bytes) }];
      }),
  );

const parse = (document: IPublishDocument, name = document.name) =>
  parsePublication(name, document, received(document));

const add = async (
  current: INpmDocument | null,
  document: IPublishDocument,
  more: { allowRepublish?: boolean; publisher?: string; time?: string } = {},
) => {
  const publication = parse(document);
  const mark = stamp(more.time);
  const artifacts = publication.versions.map(({ version }): [string, INpmArtifact] => [
    version,
    { key: `key-${version}`, size: 1, sha1: 'a', sha512: 'b', writeId: mark.id },
  ]);
  return freeze(
    documents.addVersions(current && freeze(current), publication, {
      publisher: { name: more.publisher ?? 'ann', email: 'ann@example.org' },
      allowRepublish: more.allowRepublish ?? false,
      stamp: mark,
      artifacts: Object.fromEntries(artifacts),
    }),
  );
};

t.test('a document that agrees with itself is taken, the server says the rest', async (t) => {
  const document = await publishOf('@s/a', '1.0.0', {
    manifest: {
      description: 'x',
      scripts: { postinstall: 'node .' },
      maintainers: [{ name: 'eve' }],
      _npmUser: { name: 'eve' },
      readme: '# a',
      custom: { kept: true },
      deprecated: false,
      _hasShrinkwrap: true,
    },
  });
  const publication = parse(document);
  t.equal(publication.readme, '# a');
  const [{ manifest }] = publication.versions as [(typeof publication.versions)[number]];
  t.match(manifest, { _id: '@s/a@1.0.0', custom: { kept: true }, description: 'x' });
  t.same(manifest.dist, {
    integrity: `sha512-${sha('sha512', bytesOf(document), 'base64')}`,
    shasum: sha('sha1', bytesOf(document)),
    fileCount: 1,
    unpackedSize: 10,
  });
  for (const field of ['maintainers', '_npmUser', 'readme', 'deprecated', '_hasShrinkwrap'])
    t.notOk(Object.hasOwn(manifest, field), field);
});

t.test('hashes are compared as people write them', async (t) => {
  const document = await publishOf('a', '1.0.0');
  const bytes = bytesOf(document);
  const sri = (algorithm: string) => `${algorithm}-${sha(algorithm, bytes, 'base64')}`;
  for (const dist of [
    { shasum: sha('sha1', bytes).toUpperCase() },
    { integrity: `${sri('sha512')}?from=ci` },
    { integrity: ` ${sri('sha384')} ${sri('sha512')}\n${sri('sha1')} ` },
    { integrity: sri('sha1') },
    { integrity: null, shasum: null },
  ]) {
    document.versions['1.0.0']!.dist = dist;
    t.equal(parse(document).versions.length, 1, JSON.stringify(dist));
  }
});

t.test('each disagreement is refused', async (t) => {
  type TChange = (document: IPublishDocument) => unknown;
  const version = (document: IPublishDocument) => document.versions['1.0.0'] as Record<string, unknown>;
  const cases: [string, TChange, string?][] = [
    ['no name', (d) => delete (d as { name?: string }).name],
    ['another name', (d) => (d.name = 'b')],
    ['another _id', (d) => (d._id = 'b')],
    ['versions no object', (d) => (d.versions = [] as never)],
    ['no such version', (d) => (d.versions = {})],
    ['manifest no object', (d) => (d.versions['1.0.0'] = 'x' as never)],
    ['manifest of another name', (d) => (version(d).name = 'b')],
    ['manifest without a name', (d) => delete version(d).name],
    ['manifest of another version', (d) => (version(d).version = '1.0.1')],
    ['dist no object', (d) => (version(d).dist = 'x')],
    [
      'integrity wrong',
      (d) => (version(d).dist = { integrity: `sha512-${sha('sha512', Buffer.from('x'), 'base64')}` }),
      'digestMismatch',
    ],
    [
      'integrity with one wrong part',
      (d) =>
        (version(d).dist = {
          integrity: `sha512-${sha('sha512', bytesOf(d), 'base64')} sha1-${sha('sha1', Buffer.from('x'), 'base64')}`,
        }),
      'digestMismatch',
    ],
    [
      'integrity of no known kind',
      (d) => (version(d).dist = { integrity: `sha384-${sha('sha384', bytesOf(d), 'base64')}` }),
    ],
    ['integrity nonsense', (d) => (version(d).dist = { integrity: 'x' })],
    ['integrity no text', (d) => (version(d).dist = { integrity: 5 })],
    ['shasum wrong', (d) => (version(d).dist = { shasum: sha('sha1', Buffer.from('x')) }), 'digestMismatch'],
    ['shasum no text', (d) => (version(d).dist = { shasum: 5 }), 'digestMismatch'],
    ['length wrong', (d) => (Object.values(d._attachments)[0]!.length = 5)],
    ['length no number', (d) => (Object.values(d._attachments)[0]!.length = '5' as never)],
    ['attachment no object', (d) => (d._attachments['a-1.0.0.tgz'] = 'x' as never)],
    ['attachment without data', (d) => delete (d._attachments['a-1.0.0.tgz'] as { data?: string }).data],
    ['attachment of another name', (d) => (d._attachments['b-1.0.0.tgz'] = attachmentOf(bytesOf(d)))],
    ['attachment of no version', (d) => (d._attachments['a-2.0.0.tgz'] = attachmentOf(bytesOf(d)))],
    ['bundle of no version', (d) => (d._attachments['a-2.0.0.sigstore'] = { content_type: '', data: '{}', length: 2 })],
    ['bundle no bundle', (d) => (d._attachments['a-1.0.0.sigstore'] = { content_type: '', data: '{}', length: 2 })],
    [
      'bundle about others',
      (d) =>
        (d._attachments['a-1.0.0.sigstore'] = {
          content_type: '',
          data: bundleOf('a', '1.0.0', Buffer.from('x')),
          length: 2,
        }),
      'digestMismatch',
    ],
    [
      'bundle of a statement without a type',
      (d) => {
        const statement = { subject: [{ digest: { sha512: sha('sha512', bytesOf(d)) } }] };
        const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
        const data = JSON.stringify({ dsseEnvelope: { payload } });
        d._attachments['a-1.0.0.sigstore'] = { content_type: '', data, length: 2 };
      },
    ],
    ['tags no object', (d) => (d['dist-tags'] = 'x' as never)],
    ['a tag of no version', (d) => (d['dist-tags'] = { latest: 5 as never })],
    ['a manifest too large', (d) => (version(d).x = 'x'.repeat(2e6)), 'tooLarge'],
  ];
  for (const [name, change, kind = 'invalid'] of cases) {
    const document = await publishOf('a', '1.0.0');
    change(document);
    t.throws(() => parse(document, 'a'), refusal(kind), name);
  }
  const renamed = await publishOf('a', '1.0.0');
  const facts = received(renamed);
  for (const inside of [{ name: 'b', version: '1.0.0' }, { name: 'a', version: '1.0.1' }, { name: 'a' }, {}]) {
    const tarballs = new Map([...facts].map(([file, fact]) => [file, { ...fact, manifest: inside }]));
    t.throws(() => parsePublication('a', renamed, tarballs), refusal('invalid'), JSON.stringify(inside));
  }
  const loose = new Map(
    [...facts].map(([file, fact]) => [file, { ...fact, manifest: { name: ' a\n', version: ' v1.0.0 ' } }]),
  );
  t.equal(parsePublication('a', renamed, loose).versions.length, 1);
  t.throws(() => parsePublication('a', [], new Map()), refusal('invalid'));
  for (const name of ['.a', 'a b', '@a'])
    t.throws(() => parsePublication(name, { name }, new Map()), refusal('invalid'));
});

t.test('versions are added, tagged and never added again', async (t) => {
  const one = await add(null, await publishOf('a', '1.0.0', { tag: 'next' }));
  t.same(one['dist-tags'], { next: '1.0.0', latest: '1.0.0' }, 'there is always a latest');
  t.equal(documents.revisionOf(one), 1);
  const two = await add(one, await publishOf('a', '2.0.0-rc.1', { tag: 'next' }), { publisher: 'bob' });
  t.same(two['dist-tags'], { next: '2.0.0-rc.1', latest: '1.0.0' });
  t.same(
    two.maintainers.map(({ name }) => name),
    ['ann', 'bob'],
  );
  t.equal((two.versions['2.0.0-rc.1']!._npmUser as { name: string }).name, 'bob');
  t.equal(documents.revisionOf(two), 2);
  await t.rejects(
    add(two, await publishOf('a', '1.0.0')),
    refusal('alreadyExists', {
      status: 403,
      message: 'You cannot publish over the previously published versions: 1.0.0.',
    }),
  );
  const dangling = await publishOf('a', '3.0.0');
  dangling['dist-tags'] = { latest: '9.9.9' };
  await t.rejects(add(two, dangling), refusal('invalid'));
  await t.rejects(add(two, await publishOf('a', '3.0.0', { tag: '^1' })), refusal('invalid'), 'a tag that is a range');
});

t.test('unpublished versions leave their memory', async (t) => {
  const one = await add(null, await publishOf('a', '1.0.0'));
  const two = await add(one, await publishOf('a', '1.1.0'));
  const left = freeze(documents.removeVersions(two, ['1.1.0'], stamp()));
  t.same(left['dist-tags'], { latest: '1.0.0' });
  t.same(Object.keys(left.versions), ['1.0.0']);
  t.same(Object.keys(left._registry.artifacts), ['1.0.0']);
  t.notOk(Object.hasOwn(left.time, '1.1.0'));
  await t.rejects(
    add(left, await publishOf('a', '1.1.0')),
    refusal('alreadyExists', { status: 403, message: /cannot be used again/ }),
  );
  const again = await add(left, await publishOf('a', '1.1.0'), { allowRepublish: true });
  t.same(again._registry.deleted, {});
  const none = freeze(documents.removeVersions(left, ['1.0.0'], stamp()));
  t.ok(documents.isTombstone(none));
  t.same(none['dist-tags'], {});
  t.equal(documents.revisionOf(none), 4);
  t.throws(() => documents.existing(none, 'a'), refusal('notFound'));
  const back = await add(none, await publishOf('a', '2.0.0'));
  t.equal(documents.revisionOf(back), 5);
  t.equal(searchEntryOf(none), null);
});

t.test('the readme is that of the latest version, or none', async (t) => {
  const withText = async (current: INpmDocument | null, version: string, readme?: string, tag = 'latest') =>
    add(
      current,
      await publishOf('a', version, { tag, manifest: { ...(readme && { readme, readmeFilename: 'R.md' }) } }),
    );
  const one = await withText(null, '1.0.0', 'of one');
  const two = await withText(one, '2.0.0', 'of two');
  t.match(two, { readme: 'of two', readmeFilename: 'R.md' });
  t.equal((await withText(two, '1.5.0', 'of an old line', 'old')).readme, 'of two');
  const has = (document: INpmDocument) => ['readme', 'readmeFilename'].some((field) => Object.hasOwn(document, field));
  t.notOk(has(await withText(two, '3.0.0')), 'the new latest has none');
  t.notOk(has(documents.removeVersions(two, ['2.0.0'], stamp())));
  t.notOk(has(documents.setTag(two, 'latest', '1.0.0', stamp())));
  t.notOk(has(documents.replaceTags(two, { latest: '1.0.0' }, stamp())));
  t.equal(documents.removeVersions(two, ['1.0.0'], stamp()).readme, 'of two', 'another version goes');
  t.equal(documents.setTag(two, 'old', '1.0.0', stamp()).readme, 'of two');
  t.equal(documents.replaceTags(two, { latest: '2.0.0', old: '1.0.0' }, stamp()).readme, 'of two');
  t.notOk(has(await withText(await withText(null, '1.0.0'), '0.9.0', 'of an old line', 'old')));
  const named = documents.withReadme(two, { readme: 'other' });
  t.equal(named.readme, 'other');
  t.notOk(Object.hasOwn(named, 'readmeFilename'), 'no file name that is of another one');
});

t.test('tags move, go, and point at what there is', async (t) => {
  const one = await add(null, await publishOf('a', '1.0.0'));
  const two = await add(one, await publishOf('a', '2.0.0', { tag: 'next' }));
  const tagged = freeze(documents.setTag(two, '__proto__', '1.0.0', stamp()));
  t.ok(Object.hasOwn(tagged['dist-tags'], '__proto__'));
  t.match(JSON.stringify(tagged['dist-tags']), '"__proto__":"1.0.0"');
  t.equal(documents.setTag(tagged, '__proto__', '1.0.0', stamp()), tagged, 'nothing to do is nothing to write');
  t.same(Object.keys(documents.removeTag(tagged, '__proto__', stamp())['dist-tags']), ['latest', 'next']);
  t.throws(() => documents.setTag(two, 'constructor', '3.0.0', stamp()), refusal('notFound'));
  t.throws(() => documents.removeTag(two, 'constructor', stamp()), refusal('notFound'));
  t.throws(() => documents.removeTag(two, 'latest', stamp()), refusal('invalid'));
  t.same(documents.replaceTags(two, { beta: '2.0.0', gone: '7.0.0' }, stamp())['dist-tags'], {
    beta: '2.0.0',
    latest: '2.0.0',
  });
});

t.test('a package has a thousand tags at most, and who has more can send them back', async (t) => {
  const one = await add(null, await publishOf('a', '1.0.0'));
  const two = await add(one, await publishOf('a', '1.1.0'));
  const tagged = (count: number, start = 0) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`tag-${start + n}`, '1.0.0']));
  const full = freeze(documents.replaceTags(two, { latest: '1.1.0', ...tagged(999) }, stamp()));
  t.throws(() => documents.setTag(full, 'one-more', '1.0.0', stamp()), refusal('invalid'));
  await t.rejects(add(full, await publishOf('a', '1.2.0', { tag: 'one-more' })), refusal('invalid'));
  t.equal(documents.setTag(full, 'tag-7', '1.1.0', stamp())['dist-tags']['tag-7'], '1.1.0', 'one of them moves');
  const swapped = documents.replaceTags(full, { latest: '1.1.0', ...tagged(999, 500) }, stamp());
  t.equal(Object.keys(swapped['dist-tags']).length, 1000, 'some for others');
  // as an older release let them grow
  const over = freeze({ ...two, 'dist-tags': { latest: '1.1.0', ...tagged(1500) } });
  const left = documents.removeVersions(over, ['1.1.0'], stamp(), over['dist-tags']);
  t.equal(Object.keys(left['dist-tags']).length, 1501);
  t.throws(
    () => documents.removeVersions(over, ['1.1.0'], stamp(), { ...over['dist-tags'], more: '1.0.0' }),
    refusal('invalid'),
  );
  t.throws(() => documents.replaceTags(over, { ...over['dist-tags'], more: '1.0.0' }, stamp()), refusal('invalid'));
  t.equal(Object.keys(documents.removeTag(over, 'tag-1', stamp())['dist-tags']).length, 1500);
  t.throws(() => documents.replaceTags(two, { latest: '1.1.0', '^1': '1.0.0' }, stamp()), refusal('invalid'));
  const odd = freeze({ ...two, 'dist-tags': { latest: '1.1.0', '^1': '1.0.0' } });
  t.match(documents.replaceTags(odd, odd['dist-tags'], stamp())['dist-tags'], { '^1': '1.0.0' });
});

t.test('each change moves the time of the last change, and no other', async (t) => {
  const one = await add(await add(null, await publishOf('a', '1.0.0')), await publishOf('a', '1.1.0'));
  const later = stamp('2026-02-02T00:00:00.000Z');
  for (const changed of [
    documents.setTag(one, 'next', '1.0.0', later),
    documents.replaceTags(one, { latest: '1.0.0' }, later),
    documents.deprecate(one, new Map([['1.0.0', 'x']]), later),
    documents.removeVersions(one, ['1.1.0'], later),
  ]) {
    const { created, modified, ...versions } = changed.time;
    t.same([created, modified], [one.time.created, later.time]);
    t.ok(Object.values(versions).every((time) => time === one.time['1.0.0']));
  }
});

t.test('each version has the time of its publish, which stays', async (t) => {
  const [first, second, third] = ['2026-01-01', '2026-02-02', '2026-03-03'].map((day) => `${day}T00:00:00.000Z`);
  const one = await add(null, await publishOf('a', '1.0.0'), { time: first });
  const two = await add(one, await publishOf('a', '1.1.0'), { time: second });
  t.same(one.time, { created: first, modified: first, '1.0.0': first });
  t.same(two.time, { created: first, modified: second, '1.0.0': first, '1.1.0': second });
  const tagged = documents.setTag(two, 'next', '1.0.0', stamp(third));
  t.same(tagged.time, { ...two.time, modified: third });
  t.equal(searchEntryOf(tagged)?.date, second);
  t.equal(renderAbbreviated(tagged, URL).modified, third);
  t.same(renderFull(tagged, URL).time, tagged.time);
  const left = documents.removeVersions(two, ['1.0.0'], stamp(third));
  t.same(left.time, { created: first, modified: third, '1.1.0': second });
  t.same(left._registry.deleted, { '1.0.0': third });
});

t.test('only the deprecation of a version changes', async (t) => {
  const one = await add(null, await publishOf('a', '1.0.0'));
  const old = freeze(
    documents.deprecate(
      one,
      new Map([
        ['1.0.0', 'no more'],
        ['9.0.0', 'x'],
      ]),
      stamp(),
    ),
  );
  t.equal(old.versions['1.0.0']?.deprecated, 'no more');
  t.equal(documents.deprecate(old, new Map([['1.0.0', 'no more']]), stamp()), old);
  const fresh = documents.deprecate(old, new Map([['1.0.0', '']]), stamp());
  t.notOk(Object.hasOwn(fresh.versions['1.0.0'] as object, 'deprecated'));
});

t.test('packuments show what clients need and nothing of ours', async (t) => {
  const document = await publishOf('@s/a', '1.0.0', {
    manifest: {
      description: 'text',
      dependencies: { b: '1' },
      scripts: { install: 'x' },
      os: ['linux'],
      license: 'MIT',
      readme: '# hi',
    },
  });
  document._attachments['@s/a-1.0.0.sigstore'] = {
    content_type: 'x',
    data: bundleOf('@s/a', '1.0.0', bytesOf(document)),
    length: 5,
  };
  const stored = await add(null, document);
  const full = renderFull(stored, URL);
  t.match(full, {
    _id: '@s/a',
    _rev: /^1-[0-9a-f]{32}$/,
    description: 'text',
    license: 'MIT',
    readme: '# hi',
    maintainers: [{ name: 'ann' }],
  });
  t.notMatch(JSON.stringify(full), /_registry|writeId|key-1/);
  const { dist } = (full.versions as INpmDocument['versions'])['1.0.0']!;
  t.match(dist, {
    tarball: `${URL}/@s/a/-/a-1.0.0.tgz`,
    attestations: {
      url: `${URL}/-/npm/v1/attestations/@s%2fa@1.0.0`,
      provenance: { predicateType: 'https://slsa.dev/provenance/v1' },
    },
  });
  t.notOk(stored.versions['1.0.0']?.dist.tarball, 'the stored document knows no address');
  const corgi = renderAbbreviated(stored, URL);
  t.same(Object.keys(corgi), ['name', 'modified', 'dist-tags', 'versions']);
  t.same(Object.keys((corgi.versions as Record<string, object>)['1.0.0']!), [
    'name',
    'version',
    'dependencies',
    'os',
    'hasInstallScript',
    'dist',
  ]);
});

/** The fields that the documentation of npm's registry lists for the abbreviated form, and what clients read besides. */
const INSTALL_FIELDS: Record<string, unknown> = {
  deprecated: 'use b',
  dependencies: { b: '1' },
  acceptDependencies: { b: '2' },
  optionalDependencies: { c: '1' },
  devDependencies: { d: '1' },
  bundleDependencies: ['b'],
  bundledDependencies: ['b'],
  peerDependencies: { e: '1' },
  peerDependenciesMeta: { e: { optional: true } },
  bin: { a: 'cli.js' },
  directories: { lib: 'lib' },
  engines: { node: '>=20' },
  cpu: ['x64'],
  os: ['linux'],
  libc: ['glibc'],
  funding: 'https://npm.example.org/fund',
};

t.test('the abbreviated packument keeps all that an installer decides by, and nothing else', async (t) => {
  const manifest = { ...INSTALL_FIELDS, description: 'x', homepage: 'x', scripts: { test: 'x' }, exports: {} };
  const stored = await add(null, await publishOf('a', '1.0.0', { manifest }));
  const { versions } = renderAbbreviated(stored, URL) as { versions: Record<string, Record<string, unknown>> };
  const { name, version, dist, ...fields } = versions['1.0.0'] as Record<string, unknown>;
  t.same([name, version], ['a', '1.0.0']);
  t.match(dist, { tarball: `${URL}/a/-/a-1.0.0.tgz` });
  t.same(fields, INSTALL_FIELDS);
});

t.test('a version that runs something when it is installed says so', async (t) => {
  const cases: [object, boolean][] = [
    [{}, false],
    [{ scripts: { test: 'x', prepare: 'x', preinstallx: 'x' } }, false],
    [{ scripts: { preinstall: 'x' } }, true],
    [{ scripts: { install: 'x' } }, true],
    [{ scripts: { postinstall: 'x' } }, true],
    [{ gypfile: true }, true],
    [{ gypfile: false }, false],
    [{ scripts: 'install' }, false],
  ];
  for (const [manifest, runs] of cases) {
    const stored = await add(null, await publishOf('a', '1.0.0', { manifest: manifest as Record<string, unknown> }));
    const { versions } = renderAbbreviated(stored, URL) as { versions: Record<string, object> };
    t.equal('hasInstallScript' in (versions['1.0.0'] as object), runs, JSON.stringify(manifest));
  }
  const packed = await add(null, await publishOf('a', '1.0.0'));
  const shrinkwrapped = { ...packed.versions['1.0.0']!, _hasShrinkwrap: true };
  const { versions } = renderAbbreviated({ ...packed, versions: { '1.0.0': shrinkwrapped } }, URL);
  t.match(versions, { '1.0.0': { _hasShrinkwrap: true } });
});

t.test('a version, a tag or a range names a manifest', async (t) => {
  let stored = await add(null, await publishOf('a', '1.0.0'));
  for (const version of ['1.1.0', '2.0.0'])
    stored = await add(stored, await publishOf('a', version, { tag: version === '2.0.0' ? 'next' : 'latest' }));
  const cases: [string, string | undefined][] = [
    ['1.0.0', '1.0.0'],
    ['v1.0.0', '1.0.0'],
    ['latest', '1.1.0'],
    ['next', '2.0.0'],
    ['^1.0.0', '1.1.0'],
    ['*', '1.1.0'],
    ['>1', '2.0.0'],
    ['~1.0.0', '1.0.0'],
    ['3.0.0', undefined],
    ['^3', undefined],
    ['constructor', undefined],
    ['__proto__', undefined],
  ];
  for (const [wanted, found] of cases) t.equal(resolveVersion(stored, wanted)?.version, found, wanted);
  t.equal(renderManifest(stored.versions['1.0.0']!, URL).dist.tarball, `${URL}/a/-/a-1.0.0.tgz`);
});

t.test('search entries hold only what they should', async (t) => {
  const stored = await add(
    null,
    await publishOf('a', '1.0.0', {
      manifest: {
        keywords: ['x', 5, ''],
        author: 'Ann Author <ann@example.org> (https://ann.example.org)',
        homepage: 'javascript:alert(1)',
        repository: { url: 'git+https://git.example.org/a.git' },
        license: { type: 'ISC' },
      },
    }),
  );
  t.same(searchEntryOf(stored), {
    name: 'a',
    version: '1.0.0',
    rev: 1,
    date: '2026-01-01T00:00:00.000Z',
    description: undefined,
    keywords: ['x'],
    license: 'ISC',
    links: { repository: 'https://git.example.org/a.git' },
    author: { name: 'Ann Author', email: 'ann@example.org' },
    publisher: { name: 'ann', email: 'ann@example.org' },
    maintainers: [{ name: 'ann', email: 'ann@example.org' }],
  });
});

t.test('links and keywords are understood in each form that package.json allows', async (t) => {
  const entryOf = async (manifest: Record<string, unknown>) =>
    searchEntryOf(await add(null, await publishOf('a', '1.0.0', { manifest })));
  const links: [unknown, string | undefined][] = [
    ['git://git.example.org/a.git', 'https://git.example.org/a.git'],
    ['git+https://git.example.org/a.git', 'https://git.example.org/a.git'],
    [{ url: 'http://git.example.org/a' }, 'http://git.example.org/a'],
    ['git+ssh://git@git.example.org/a.git', undefined],
    ['github:a/b', undefined],
    [{ url: 5 }, undefined],
  ];
  for (const [repository, link] of links) {
    t.equal((await entryOf({ repository }))?.links.repository, link, JSON.stringify(repository));
  }
  t.same((await entryOf({ bugs: { url: 'https://example.org/bugs' } }))?.links, { bugs: 'https://example.org/bugs' });
  t.same((await entryOf({ keywords: 'web, http  fast' }))?.keywords, ['web', 'http', 'fast']);
  t.same((await entryOf({ keywords: { web: true } }))?.keywords, []);
  t.equal((await entryOf({ keywords: Array.from({ length: 100 }, (_, n) => `k${n}`) }))?.keywords.length, 64);
});

t.test('a publisher can neither stall nor bloat the listings of everybody', async (t) => {
  const author = `a${' '.repeat(200_000)}b`;
  const begun = process.cpuUsage();
  const entry = searchEntryOf(
    await add(
      null,
      await publishOf('a', '1.0.0', {
        manifest: {
          author,
          description: 'd'.repeat(50_000),
          keywords: ['k'.repeat(5000), 'fits'],
          license: 'l'.repeat(5000),
          homepage: `https://example.org/${'h'.repeat(5000)}`,
        },
      }),
    ),
  );
  t.ok(cpuSince(begun) < 1000, 'blanks cost nothing');
  t.same(entry?.keywords, ['fits']);
  t.same(entry?.links, {});
  t.ok(JSON.stringify(entry).length < 3000);

  const authors: [unknown, object | undefined][] = [
    ['Jo', { name: 'Jo', email: undefined }],
    [' Jo  Doe < jo@example.org > (x)', { name: 'Jo  Doe', email: ' jo@example.org ' }],
    ['Jo (https://jo.example.org) <jo@example.org>', { name: 'Jo', email: undefined }],
    ['Jo <jo@example.org', { name: 'Jo', email: undefined }],
    ['<jo@example.org>', undefined],
    ['', undefined],
    [
      { name: 'n'.repeat(1000), email: 5 },
      { name: 'n'.repeat(256), email: undefined },
    ],
  ];
  for (const [given, wanted] of authors) {
    const stored = await add(null, await publishOf('a', '1.0.0', { manifest: { author: given } }));
    t.same(searchEntryOf(stored)?.author, wanted, JSON.stringify(given).slice(0, 60));
  }
});

t.test('a range that costs seconds to compare is no range', async (t) => {
  let stored = await add(null, await publishOf('a', '1.0.0'));
  for (let minor = 1; minor < 10; minor++) stored = await add(stored, await publishOf('a', `1.${minor}.0`));
  const alternatives = Array.from({ length: 4000 }, (_, patch) => `1.0.${patch}`).join('||');
  const begun = process.cpuUsage();
  for (let round = 0; round < 20; round++) t.equal(resolveVersion(stored, alternatives), null);
  const cost = cpuSince(begun);
  t.ok(cost < 1000, `${cost} ms`);
});
