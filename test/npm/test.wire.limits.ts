import t from 'tap';
import type { INpmDocument, IReceivedTarball, ITarballFacts } from '../../ts/npm/interfaces.npm.js';
import { loginKey } from '../../ts/npm/keys.npm.js';
import { encodeBase64 } from '../../ts/npm/wire/wire.base64.js';
import { completeManifest } from '../../ts/npm/wire/wire.manifest.js';
import { newNameProblem } from '../../ts/npm/wire/wire.names.js';
import { renderFull, resolveVersion, searchEntryOf } from '../../ts/npm/wire/wire.packument.js';
import { parsePublication } from '../../ts/npm/wire/wire.publication.js';
import { readPublishDocument } from '../../ts/npm/wire/wire.publish.js';
import { inspectTarball } from '../../ts/npm/wire/wire.tarball.js';
import { attachmentOf, publishOf, refusal, sha, tarball } from '../support/npm/packages.js';

const received = (bytes: Buffer, more: Partial<IReceivedTarball> = {}): IReceivedTarball => ({
  manifest: { name: 'a', version: '1.0.0' },
  fileCount: 1,
  unpackedSize: 10,
  hasShrinkwrap: false,
  size: bytes.length,
  sha1: sha('sha1', bytes),
  sha512: sha('sha512', bytes),
  ...more,
});
const BYTES = Buffer.from('x');

async function* inPieces(bytes: Buffer, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const complete = (more: Record<string, unknown>, tarball = received(BYTES)) =>
  completeManifest('a', '1.0.0', { name: 'a', version: '1.0.0', ...more }, tarball);

/** A stored document with these versions; the last one is the latest. */
const documentOf = (manifests: Record<string, unknown>[], tags?: Record<string, string>): INpmDocument => {
  const versions = manifests.map((manifest) => ({ name: 'a', version: '1.0.0', dist: {}, ...manifest }));
  const time = Object.fromEntries(versions.map(({ version }, day) => [version, `2026-01-0${day + 1}T00:00:00.000Z`]));
  return {
    _id: 'a',
    _rev: '7-x',
    name: 'a',
    'dist-tags': tags ?? { latest: versions.at(-1)?.version as string },
    versions: Object.fromEntries(versions.map((manifest) => [manifest.version, manifest])),
    time: { created: '2025-01-01T00:00:00.000Z', modified: '2026-12-31T00:00:00.000Z', ...time },
    maintainers: [{ name: 'ann' }],
    _registry: { artifacts: {}, deleted: {} },
  } as unknown as INpmDocument;
};

t.test('every module of Node is a name that new packages cannot have', async (t) => {
  const modules =
    'assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain ' +
    'events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl ' +
    'stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib';
  for (const name of modules.split(' ')) t.match(newNameProblem(name), 'core module', name);
  for (const character of "~'!()*") t.match(newNameProblem(`a${character}b`), 'special characters', character);
  t.equal(newNameProblem('a'.repeat(214)), null);
  t.match(newNameProblem('a'.repeat(215)), '214');
});

t.test('fields that the server sets are not taken from a client', async (t) => {
  const fields = '_attachments _from _hasShrinkwrap _integrity _npmUser _resolved _rev _shasum maintainers readme';
  const sent = Object.fromEntries([...fields.split(' '), 'readmeFilename', '_id'].map((field) => [field, 'sent']));
  const { dist, ...kept } = complete({ ...sent, _kept: 1, dist: { tarball: 'sent', size: 5 } });
  t.same(kept, { name: 'a', version: '1.0.0', _id: 'a@1.0.0', _kept: 1 });
  t.same(dist, {
    integrity: `sha512-${sha('sha512', BYTES, 'base64')}`,
    shasum: sha('sha1', BYTES),
    fileCount: 1,
    unpackedSize: 10,
  });
  for (const deprecated of ['', false, true, 5, null]) {
    t.notOk('deprecated' in complete({ deprecated }), JSON.stringify(deprecated));
  }
  t.equal(complete({ deprecated: 'old' }).deprecated, 'old');
  t.equal(complete({}, received(BYTES, { hasShrinkwrap: true }))._hasShrinkwrap, true);
});

t.test('a manifest has a megabyte of JSON at most', async (t) => {
  const room = 1024 * 1024 - JSON.stringify(complete({ x: '' })).length;
  t.equal(JSON.stringify(complete({ x: 'x'.repeat(room) })).length, 1024 * 1024);
  t.throws(() => complete({ x: 'x'.repeat(room + 1) }), refusal('tooLarge'));
});

t.test('the packument shows what describes the latest version', async (t) => {
  const summary = {
    description: 'x',
    homepage: 'https://example.org',
    keywords: ['k'],
    repository: { url: 'x' },
    author: { name: 'Jo' },
    contributors: ['Al'],
    bugs: { url: 'x' },
    license: 'MIT',
  };
  const document = documentOf([
    { version: '1.0.0', license: 'old', private: true },
    { version: '2.0.0', ...summary },
  ]);
  const {
    _id,
    _rev,
    name,
    'dist-tags': tags,
    versions,
    time,
    maintainers,
    readme,
    ...shown
  } = renderFull(document, '');
  t.same(shown, summary);
  t.same([_id, _rev, name, tags, time], ['a', '7-x', 'a', { latest: '2.0.0' }, document.time]);
  t.same([Object.keys(versions as object), maintainers, readme], [['1.0.0', '2.0.0'], [{ name: 'ann' }], '']);
});

t.test('of the versions in a range: the latest one, else the highest', async (t) => {
  const versions = ['1.0.0', '1.0.5', '1.0.2', '1.1.0', '2.0.0'].map((version) => ({ version }));
  const document = documentOf(versions, { latest: '1.1.0', next: '2.0.0' });
  for (const [wanted, found] of [
    ['~1.0.0', '1.0.5'],
    ['<1.1.0', '1.0.5'],
    ['1', '1.1.0'],
    ['>=1.1.0', '1.1.0'],
    ['>1.1.0', '2.0.0'],
    [`1.0.2${' || 1.0.2'.repeat(27)}`.padEnd(256), '1.0.2'],
    [`1.0.2${' || 1.0.2'.repeat(27)}`.padEnd(257), undefined],
  ] as const) {
    t.equal(resolveVersion(document, wanted)?.version, found, `${wanted.slice(0, 20)} ${wanted.length}`);
  }
});

t.test('what listings hold of a package is cut at exact lengths', async (t) => {
  const entryOf = (manifest: Record<string, unknown>) => searchEntryOf(documentOf([manifest]));
  const link = (length: number): string => 'https://example.org/'.padEnd(length, 'x');
  const word = (length: number): string => 'w'.repeat(length);
  const cases: [Record<string, unknown>, object][] = [
    [{ description: word(1000) }, { description: word(1000) }],
    [{ description: word(1001) }, { description: word(1000) }],
    [{ license: word(256) }, { license: word(256) }],
    [{ license: word(257) }, { license: word(256) }],
    [{ license: { type: word(257) } }, { license: word(256) }],
    [{ homepage: link(2048) }, { links: { homepage: link(2048) } }],
    [{ homepage: link(2049) }, { links: {} }],
    [{ homepage: { url: link(30) }, bugs: link(31) }, { links: { homepage: link(30), bugs: link(31) } }],
    [{ repository: 'http://example.org' }, { links: { repository: 'http://example.org' } }],
    [{ homepage: 'xhttps://example.org', bugs: 'ftp://example.org' }, { links: {} }],
    [{ keywords: [word(128), word(129), ''] }, { keywords: [word(128)] }],
    [{ keywords: 'a,b c\td' }, { keywords: ['a', 'b', 'c', 'd'] }],
    [{ author: { name: word(257), email: word(257) } }, { author: { name: word(256), email: word(256) } }],
    [{ author: { name: 'Jo', email: 'jo@example.org' } }, { author: { name: 'Jo', email: 'jo@example.org' } }],
    [{ author: { email: 'jo@example.org' } }, { author: undefined }],
    [{ author: `${word(257)} <${word(257)}>` }, { author: { name: word(256), email: word(256) } }],
    [{ author: 'Jo (https://example.org)' }, { author: { name: 'Jo', email: undefined } }],
    [{ _npmUser: { name: 'ann', email: 'ann@example.org' } }, { publisher: { name: 'ann', email: 'ann@example.org' } }],
    [{ deprecated: 'x' }, { deprecated: true }],
  ];
  for (const [manifest, wanted] of cases) {
    const entry = entryOf(manifest) as unknown as Record<string, unknown>;
    const [field] = Object.keys(wanted) as [string];
    t.same({ [field]: entry[field] }, wanted, JSON.stringify(manifest).slice(0, 60));
  }
  t.notOk('deprecated' in (entryOf({ deprecated: '' }) as object));
  const document = documentOf([{ version: '1.0.0' }, { version: '2.0.0' }]);
  t.match(searchEntryOf(document), { rev: 7, version: '2.0.0', date: '2026-01-02T00:00:00.000Z' });
  t.equal(searchEntryOf({ ...document, 'dist-tags': { latest: '9.9.9' } }), null);
});

t.test('publish documents: what may be left out, and what is preferred', async (t) => {
  const document = await publishOf('a', '1.0.0');
  const [file] = Object.keys(document._attachments) as [string];
  const bytes = Buffer.from(document._attachments[file]?.data as string, 'base64');
  const parse = (change: object, packed?: ITarballFacts['readme']) =>
    parsePublication('a', { ...document, ...change }, new Map([[file, received(bytes, packed && { readme: packed })]]));
  const attachment = (more: object) => ({ _attachments: { [file]: { ...attachmentOf(bytes), ...more } } });
  for (const length of [undefined, null, bytes.length]) t.equal(parse(attachment({ length })).versions.length, 1);
  for (const length of [bytes.length - 1, bytes.length + 1, 0]) {
    t.throws(() => parse(attachment({ length })), refusal('invalid'), `${length}`);
  }
  t.same(parse({ 'dist-tags': undefined }).distTags, {});
  t.same(parse({}).distTags, { latest: '1.0.0' });
  const inside = { versions: { '1.0.0': { ...document.versions['1.0.0'], readme: 'inside', readmeFilename: 'I.md' } } };
  const packed = { file: 'README.md', text: 'packed' };
  const readmes: [object, object][] = [
    [
      { ...inside, readme: 'outside', readmeFilename: 'O.md' },
      { readme: 'outside', readmeFilename: 'O.md' },
    ],
    [
      { ...inside, readme: '' },
      { readme: 'inside', readmeFilename: 'I.md' },
    ],
    [{ ...inside, readme: 5 }, { readme: 'inside' }],
    [
      { readme: 'outside', readmeFilename: 5 },
      { readme: 'outside', readmeFilename: undefined },
    ],
    [
      { readme: 'o', readmeFilename: 'f'.repeat(300) },
      { readme: 'o', readmeFilename: 'f'.repeat(255) },
    ],
    [{}, { readme: 'packed', readmeFilename: 'README.md' }],
  ];
  for (const [change, wanted] of readmes) {
    const { readme, readmeFilename } = parse(change, packed);
    t.match({ readme, readmeFilename }, wanted, JSON.stringify(change).slice(0, 80));
  }
  t.notOk('readme' in parse({}, { file: 'README.md', text: '' }), 'an empty one is none');
  const bundle = (subject: unknown, predicateType: unknown = 'type') => {
    const payload = Buffer.from(JSON.stringify({ subject, predicateType })).toString('base64');
    return JSON.stringify({ dsseEnvelope: { payload } });
  };
  const withBundle = (data: unknown) =>
    parse({ _attachments: { ...document._attachments, 'a-1.0.0.sigstore': { data } } }).versions[0];
  const digest = { sha512: sha('sha512', bytes) };
  const good = bundle([{ digest: { sha512: 'other' } }, null, { digest }]);
  t.equal(withBundle(good)?.provenance, good, 'a subject of several');
  t.same(withBundle(good)?.manifest.dist.attestations, { provenance: { predicateType: 'type' } });
  for (const [data, kind] of [
    [5, 'invalid'],
    [null, 'invalid'],
    ['null', 'invalid'],
    [bundle([{ digest }], 5), 'invalid'],
    [bundle({ digest }), 'digestMismatch'],
    [bundle([]), 'digestMismatch'],
  ] as const) {
    t.throws(() => withBundle(data), refusal(kind), String(data).slice(0, 40));
  }
});

const inspect = async (bytes: Buffer): Promise<ITarballFacts | undefined> => {
  let facts: ITarballFacts | undefined;
  const checked = inspectTarball(inPieces(bytes), { maxUnpackedSize: 1e8 }, (found) => {
    facts = found;
  });
  for await (const _ of checked);
  return facts;
};

t.test('the readme of a tarball: by its name, beside package.json, up to 2 MiB', async (t) => {
  const manifest = { name: 'a', version: '1.0.0' };
  for (const [file, found] of [
    ['README', true],
    ['readme.md', true],
    ['Readme.Markdown', true],
    ['README.TXT', true],
    ['README.rst', false],
    ['README.md.bak', false],
    ['old-readme.md', false],
    ['docs/README.md', false],
  ] as const) {
    const facts = await inspect(await tarball(manifest, { [`package/${file}`]: 'text' }));
    t.same(facts?.readme, found ? { file, text: 'text' } : undefined, file);
  }
  const size = 2 * 1024 * 1024;
  for (const [length, found] of [
    [size, size],
    [size + 1, undefined],
  ] as const) {
    const facts = await inspect(await tarball(manifest, { 'package/README.md': 'x'.repeat(length) }));
    t.equal(facts?.readme?.text.length, found);
  }
  const largest = JSON.stringify({ ...manifest, x: '' }).length;
  const padded = { ...manifest, x: 'x'.repeat(size - largest) };
  t.match(await inspect(await tarball(padded)), { manifest });
  await t.rejects(inspect(await tarball({ ...padded, x: `${padded.x}x` })), refusal('invalid'), 'one byte more');
  const twice = await tarball({ ...manifest, x: 1 }, { 'package/package.json': JSON.stringify({ ...manifest, x: 2 }) });
  t.match(await inspect(twice), { manifest: { x: 2 }, fileCount: 2 }, 'of two that agree the last one is unpacked');
  const differs = JSON.stringify({ ...manifest, version: '1.0.1' });
  await t.rejects(inspect(await tarball(manifest, { 'package/package.json': differs })), refusal('invalid'));
});

t.test('a publish document is a hundred levels deep at most', async (t) => {
  const read = (depth: number, open: string, close: string) => {
    const text = `${open.repeat(depth)}${'1'}${close.repeat(depth)}`;
    const options = { maxMetadataSize: 1e6, onAttachment: async () => {} };
    return readPublishDocument(inPieces(Buffer.from(text)), options);
  };
  t.ok(await read(100, '[', ']'));
  t.ok(await read(100, '{"a":', '}'));
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    await t.rejects(read(101, open, close), refusal('invalid', { message: /nested too deeply/ }), open);
  }
});

t.test('bytes of any length are encoded as base64, in pieces of any length', async (t) => {
  for (const length of [0, 1, 2, 3, 4, 5, 6, 100]) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => at * 7));
    for (const size of [1, 2, 3, 4, 5, 100]) {
      let text = '';
      for await (const piece of encodeBase64(inPieces(bytes, size))) text += Buffer.from(piece).toString();
      t.equal(text, bytes.toString('base64'), `${length} bytes in pieces of ${size}`);
    }
  }
});

t.test('the keys of web logins sort by their end', async (t) => {
  t.equal(loginKey(0x6b49d200, 'ab'), 'npm/logins/006b49d200-ab.json');
  t.ok(loginKey(0xffffffff, 'b') < loginKey(0x100000000, 'a'));
});

t.test('a publish document has so many values at most, and another message than one of too many bytes', async (t) => {
  const read = (count: number, limits: { maxMetadataSize?: number; maxValues?: number }) => {
    const text = JSON.stringify({ many: Array(count).fill(0) });
    const options = { maxMetadataSize: 1e6, ...limits, onAttachment: async () => {} };
    return readPublishDocument(inPieces(Buffer.from(text)), options);
  };
  t.same(await read(400, { maxValues: 500 }), { many: Array(400).fill(0) });
  await t.rejects(read(600, { maxValues: 500 }), refusal('tooLarge', { message: /more values/ }));
  const { length } = JSON.stringify({ many: Array(400).fill(0) });
  t.ok(await read(400, { maxMetadataSize: length }));
  const larger = read(400, { maxMetadataSize: length - 1 });
  await t.rejects(larger, refusal('tooLarge', { message: new RegExp(`larger than ${length - 1} bytes`) }));
});
