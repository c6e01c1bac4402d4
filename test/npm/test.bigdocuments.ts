import t from 'tap';
import { readPublishDocument } from '../../ts/npm/wire/wire.publish.js';
import { PublishScanner } from '../../ts/npm/wire/wire.publishscanner.js';
import { type IPackument, npmWorld } from '../support/npm/actors.js';
import { publishOf, refusal } from '../support/npm/packages.js';

const LIMIT = 50_000;

/** A manifest of about 2 KB, with what could mislead a reader that only follows the structure. */
const manifest = (n: number): Record<string, unknown> => ({
  description: `a \\"quoted\\" } text, with {"deprecated":"no"} and a tail of backslashes \\\\`,
  deprecatedNot: 'x',
  scripts: { deprecated: 'a script of that name', test: '' },
  dependencies: Object.fromEntries(Array.from({ length: 60 }, (_, m) => [`dependency-${m}`, `^${m}.0.${n}`])),
  list: [{ deprecated: true }, [], {}, 'versions'],
  versions: { '9.9.9': { deprecated: 'no' } },
});

const publishMany = async (t: Parameters<typeof npmWorld>[0], count = 60) => {
  const world = await npmWorld(t, { limits: { maxMetadataSize: LIMIT } });
  for (let n = 0; n < count; n++) {
    const published = await world.writer.publish('big', `1.0.${n}`, { manifest: manifest(n) });
    if (published.status !== 201) throw new Error(published.text);
  }
  return world;
};

t.test('npm deprecate takes back a packument of any size', async (t) => {
  const { anon, writer } = await publishMany(t);
  const whole = await writer.packument('big');
  t.ok(JSON.stringify(whole).length > 2 * LIMIT, 'it is larger than the limit');
  whole.versions['1.0.3']!.deprecated = 'use "1.0.4", or \\ later';
  whole.versions['1.0.59']!.deprecated = 'too new \u00e4';
  whole.versions['1.0.5']!.description = 'changed';
  t.equal((await writer.put('/big', whole)).status, 200);
  const after = await anon.packument('big');
  t.equal(after.versions['1.0.3']!.deprecated, 'use "1.0.4", or \\ later');
  t.equal(after.versions['1.0.59']!.deprecated, 'too new \u00e4');
  t.equal(after.versions['1.0.5']!.description, manifest(5).description, 'nothing else of a version changes');
  const deprecated = Object.values(after.versions).filter((version) => version.deprecated !== undefined);
  t.equal(deprecated.length, 2);
  after.versions['1.0.3']!.deprecated = '';
  t.equal((await writer.put('/big', after)).status, 200);
  t.notOk('deprecated' in (await anon.packument('big')).versions['1.0.3']!);
});

t.test('npm unpublish of a version takes back a packument of any size', async (t) => {
  const { anon, admin, stored } = await publishMany(t);
  const whole = await admin.packument('big');
  const { '1.0.7': _gone, ...versions } = whole.versions;
  const changed = { ...whole, versions, 'dist-tags': { latest: '1.0.58' } };
  t.equal((await admin.put(`/big/-rev/${whole._rev}`, changed)).status, 200);
  const after = await anon.packument('big');
  t.same(Object.keys(after.versions), Object.keys(versions));
  t.equal(after['dist-tags'].latest, '1.0.58');
  t.notOk((await stored()).includes('npm/packages/big/big-1.0.7.tgz'));
  t.equal((await admin.put(`/big/-rev/${whole._rev}`, changed)).status, 409, 'an old revision is refused as ever');
});

t.test('what is wrong with a large document is a clear refusal', async (t) => {
  const { registry, writer, admin, anon } = await publishMany(t);
  const before = (await anon.get('/big')).headers.ETag;
  const whole = await admin.packument('big');
  const text = JSON.stringify(whole);
  const path = `/big/-rev/${whole._rev}`;
  const withVersions = (more: object): string =>
    JSON.stringify({ ...whole, versions: { ...whole.versions, ...more } } as unknown as IPackument);
  const large = await publishOf('big', '2.0.0', { manifest: { ...manifest(1), padding: 'x'.repeat(LIMIT) } });
  const { _attachments, ...rest } = large;
  const cases: [string, string, number][] = [
    ['it ends in the middle', text.slice(0, -100), 400],
    ['it ends in a version', text.slice(0, LIMIT + 5000), 400],
    ['something follows', `${text}}`, 400],
    ['a version is not an object', withVersions({ '1.0.9': ['deprecated'] }), 400],
    ['a deprecation is not a text', withVersions({ '1.0.9': { deprecated: {} } }), 400],
    ['a version that is not there', withVersions({ '9.9.9': {} }), 400],
    ['a publish with too large a manifest', JSON.stringify(large), 413],
    ['the same in the order of berry', JSON.stringify({ _attachments, ...rest }), 413],
    ['what may change is too much', withVersions({ '1.0.9': { deprecated: 'x'.repeat(LIMIT) } }), 413],
    ['other fields are too much', JSON.stringify({ ...whole, time: { modified: 'x'.repeat(LIMIT) } }), 413],
  ];
  for (const [name, body, status] of cases) {
    const answer = await admin.put(path, body);
    t.equal(answer.status, status, name);
    t.type(answer.json().error, 'string');
  }
  t.equal((await writer.put('/new', text)).status, 400, 'another package');
  t.equal((await writer.put('/new', text.replaceAll('"big"', '"new"'))).status, 400, 'a package that is not there');
  await registry.getStorage().settled();
  t.equal((await anon.get('/big')).headers.ETag, before, 'nothing has changed');
});

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const onAttachment = async (): Promise<void> => {
  throw new Error('there is none');
};

t.test('wherever chunks end, the versions and what may change of them are the same', async (t) => {
  const versions: Record<string, unknown> = {
    first: { deprecated: 'one', ...manifest(1) },
    middle: { name: 'x', deprecated: 'two', dist: { deprecated: 'no' } },
    last: { ...manifest(2), deprecated: 'three \\" {' },
    none: manifest(3),
    empty: {},
    only: { deprecated: '' },
    twice: { a: [[{}]], deprecated: false, b: null },
    '\u00e4"\\': { 'deprecated\u0000': 'no', deprecated: true },
    list: [{ deprecated: 'no' }],
    number: 5,
  };
  const document = { _id: 'x', versions, 'dist-tags': { latest: 'first' }, time: { versions: { a: {} } } };
  const expected = {
    ...document,
    versions: Object.fromEntries(
      Object.entries(versions).map(([version, value]) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return [version, value];
        const { deprecated } = value as { deprecated?: unknown };
        return [version, deprecated === undefined ? {} : { deprecated }];
      }),
    ),
  };
  for (const space of [undefined, 2]) {
    const bytes = Buffer.from(JSON.stringify(document, null, space));
    for (const size of [1, 2, 3, 5, 7, 64, 1000, bytes.length]) {
      for (const maxMetadataSize of [600, 1500, bytes.length - 1]) {
        const read = await readPublishDocument(inPieces(bytes, size), { maxMetadataSize, onAttachment });
        t.same(read, expected, `chunks of ${size}, ${maxMetadataSize} bytes kept`);
      }
    }
    const options = { maxMetadataSize: bytes.length, onAttachment };
    t.same(await readPublishDocument(inPieces(bytes, 64), options), document, 'what is not too large stays whole');
  }
});

t.test('a field that comes twice counts once, as everywhere in JSON', async (t) => {
  const bytes = Buffer.from(`{"versions":{"a":{"deprecated":"1","b":"${'x'.repeat(900)}","deprecated":"2"},"a2":{}}}`);
  const read = await readPublishDocument(inPieces(bytes, 10), { maxMetadataSize: 500, onAttachment });
  t.same(read, { versions: { a: { deprecated: '2' }, a2: {} } });
});

t.test('a document of more values than are accepted is thinned out, too', async (t) => {
  const versions = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`1.0.${n}`, manifest(n)]));
  const bytes = Buffer.from(JSON.stringify({ versions }));
  const options = { maxMetadataSize: 1e9, onAttachment };
  const read = await readPublishDocument(inPieces(bytes, 1000), { ...options, maxValues: 500 });
  t.same(Object.keys((read as { versions: object }).versions), Object.keys(versions));
  const wide = Buffer.from(JSON.stringify({ versions: {}, many: Array(600).fill(0) }));
  await t.rejects(readPublishDocument(inPieces(wide, 1000), { ...options, maxValues: 500 }), refusal('tooLarge'));
});

t.test('a document of 600 MB is refused when half a gigabyte has come, and little of it is kept', async (t) => {
  const MIB = 1024 * 1024;
  const block = Buffer.from(`"x":"${'y'.repeat(MIB)}",`);
  let sent = 0;
  let closed = false;
  const before = process.memoryUsage().rss;
  let peak = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('{"versions":{"1.0.0":{');
      for (sent = 1; sent <= 600; sent++) {
        yield block;
        peak = Math.max(peak, process.memoryUsage().rss - before);
      }
    } finally {
      closed = true;
    }
  }
  await t.rejects(readPublishDocument(source(), { maxMetadataSize: 4 * MIB, onAttachment }), refusal('tooLarge'));
  t.ok(sent > 500 && sent < 520, `${sent} MiB were read`);
  t.ok(closed);
  t.ok(peak < 100 * MIB, `${Math.round(peak / MIB)} MiB`);
});

t.test('of a document that is thinned out only what is kept is held in memory', async (t) => {
  const CHUNK = 64 * 1024;
  const COUNT = 100;
  async function* document(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"name":"big","versions":{');
    for (let n = 0; n < COUNT; n++) {
      const version = `${n > 0 ? ',' : ''}"1.0.${n}":{"deprecated":"no ${n}","padding":"`;
      yield Buffer.from(`${version.padEnd(CHUNK - 2, 'x')}"}`);
    }
    // single bytes, as a client may send them
    const rest = Buffer.from(`},"readme":"${'r'.repeat(20_000)}"}`);
    for (let at = 0; at < rest.length; at++) yield rest.subarray(at, at + 1);
  }
  const options = { maxMetadataSize: 10_000, onAttachment: async () => {} };
  const scanner = new PublishScanner(document()[Symbol.asyncIterator](), options, true);
  t.match(await scanner.read().catch((error: unknown) => error), { kind: 'tooLarge' });
  const held = new Set([...scanner.again()].map(({ buffer }) => buffer));
  const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
  t.ok(bytes < 4 * CHUNK, `${bytes} of ${CHUNK * COUNT} bytes are held`);
});
