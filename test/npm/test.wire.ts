import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import type { ITarballFacts } from '../../ts/npm/interfaces.npm.js';
import { decodeBase64, unescapeBase64 } from '../../ts/npm/wire/wire.base64.js';
import { readParsedDocument, readPublishDocument } from '../../ts/npm/wire/wire.publish.js';
import { inspectTarball } from '../../ts/npm/wire/wire.tarball.js';
import { bundleOf, publishOf, refusal, tarball } from '../support/npm/packages.js';

type TPieces = AsyncGenerator<Uint8Array>;

async function* inPieces(bytes: Buffer, size: number): TPieces {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const collect = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
};

const read = async (json: string | Buffer, size = 64, maxMetadataSize = 1e6) => {
  const found = new Map<string, Buffer>();
  const document = await readPublishDocument(inPieces(Buffer.from(json as string), size), {
    maxMetadataSize,
    onAttachment: async (file, content) => {
      found.set(file, await collect(content));
    },
  });
  return { document: document as Record<string, unknown>, found };
};

t.test('tarballs are cut out of the document, in any order of keys and any size of chunk', async (t) => {
  const one = randomBytes(1000);
  const two = randomBytes(1001);
  const attachments = {
    'a-1.0.0.tgz': { content_type: 'x', data: one.toString('base64'), length: 1000 },
    'a-1.1.0.tgz': { data: two.toString('base64'), length: 1001 },
  };
  const rest = { name: 'a', versions: { '1.0.0': { data: 'stays "quoted" \\ ünï', list: [1, { data: 'x' }] } } };
  for (const document of [
    { _attachments: attachments, ...rest },
    { ...rest, _attachments: attachments },
  ]) {
    for (const indent of [0, 2]) {
      for (const size of [1, 2, 3, 5, 7, 64, 1e6]) {
        const result = await read(JSON.stringify(document, null, indent), size);
        t.same(
          [...result.found],
          [
            ['a-1.0.0.tgz', one],
            ['a-1.1.0.tgz', two],
          ],
          `${size}`,
        );
        t.same(result.document, {
          ...rest,
          _attachments: {
            'a-1.0.0.tgz': { content_type: 'x', data: '', length: 1000 },
            'a-1.1.0.tgz': { data: '', length: 1001 },
          },
        });
      }
    }
  }
});

t.test('whatever the document, what is left is what JSON.parse would have made of it', async (t) => {
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  const KEYS = ['_attachments', 'data', 'a-1.tgz', 'a-1.sigstore', 'x"y', '\\\\', '', '__proto__', 'ünï'];
  const STRINGS = ['', 'QUJD', '"', '\\\\"', '{"data":"', '_attachments', '\u2028', '😀'];
  const value = (depth: number): unknown => {
    const kind = random(depth > 4 ? 4 : 7);
    if (kind < 2) return STRINGS[random(STRINGS.length)];
    if (kind === 2) return random(100) / 7;
    if (kind === 3) return [true, false, null][random(3)];
    if (kind === 4) return Array.from({ length: random(3) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: random(4) }, () => [KEYS[random(KEYS.length)], value(depth + 1)]));
  };
  /** the document with the data that is cut out, and every such data */
  const expected = (document: unknown): { rest: unknown; data: [string, string][] } => {
    const data: [string, string][] = [];
    const isObject = (item: unknown): item is Record<string, unknown> =>
      typeof item === 'object' && item !== null && !Array.isArray(item);
    const rest = structuredClone(document);
    if (!isObject(rest) || !isObject(rest._attachments)) return { rest, data };
    for (const [file, attachment] of Object.entries(rest._attachments)) {
      if (file.endsWith('.sigstore') || !isObject(attachment) || typeof attachment.data !== 'string') continue;
      data.push([file, attachment.data]);
      attachment.data = '';
    }
    return { rest, data };
  };
  let compared = 0;
  for (let round = 0; round < 3000; round++) {
    const document = random(2) ? value(0) : { name: 'a', _attachments: value(1) };
    const { rest, data } = expected(document);
    const json = JSON.stringify(document, null, random(2) * 2);
    const bad = data.some(([, text]) => !/^(?:QUJD)?$/.test(text));
    const result = await read(json, 1 + random(40)).catch((error: unknown) => error);
    if (bad) {
      if (!(result instanceof RegistryError)) t.fail(`base64 that is none: ${json}`);
      continue;
    }
    const { document: left, found } = result as Awaited<ReturnType<typeof read>>;
    const decoded = data.map(([file, text]) => [file, Buffer.from(text, 'base64').toString()]);
    const same = JSON.stringify(left) === JSON.stringify(rest);
    const sameData = JSON.stringify([...found].map(([file, bytes]) => [file, `${bytes}`])) === JSON.stringify(decoded);
    if (!same || !sameData) t.fail(json);
    compared += 1;
  }
  t.ok(compared > 1000, `${compared} documents`);
});

t.test('what only looks like an attachment stays in the document', async (t) => {
  const documents = [
    { _attachments: { 'a-1.0.0.sigstore': { data: '{"a":1}' } } },
    { _attachments: { 'a-1.0.0.tgz': { data: 5 } } },
    { _attachments: { 'a-1.0.0.tgz': { nested: { data: 'QUJD' } } } },
    { _attachments: { 'a-1.0.0.tgz': [{ data: 'QUJD' }] } },
    { _attachments: [{ data: 'QUJD' }] },
    { versions: { _attachments: { 'a-1.0.0.tgz': { data: 'QUJD' } } } },
    { data: { _attachments: 'data' } },
    [{ _attachments: { a: { data: 'QUJD' } } }],
  ];
  for (const document of documents) {
    const result = await read(JSON.stringify(document), 3);
    t.same(result.document, document);
    t.equal(result.found.size, 0);
  }
});

t.test('keys may be escaped, repeated and named like the prototype', async (t) => {
  const escaped = await read('{"_attachm\\u0065nts":{"\\u0061-1.tgz":{"d\\u0061ta":"QUJD"}}}', 4);
  t.same([...escaped.found], [['a-1.tgz', Buffer.from('ABC')]]);
  const proto = await read('{"__proto__":{"x":1},"_attachments":{"__proto__":{"data":"QUJD"}}}');
  t.same([...proto.found.keys()], ['__proto__']);
  t.ok(Object.hasOwn(proto.document, '__proto__'));
  t.equal(({} as { x?: number }).x, undefined);
});

t.test('a document that is not JSON, too deep or too large is refused', async (t) => {
  const cases: [string | Buffer, string][] = [
    ['', 'invalid'],
    ['{', 'invalid'],
    ['{"a":1}}', 'invalid'],
    ['{"a":1,}', 'invalid'],
    ["{'a':1}", 'invalid'],
    ['{"a":"b}', 'invalid'],
    ['{"_attachments":{"a.tgz":{"data":"QUJD', 'invalid'],
    ['{"_attachments":{"a.tgz":{"data":"QUJD"', 'invalid'],
    [Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'invalid'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, 'invalid'],
    [`{"a":"${'x'.repeat(2e6)}"}`, 'tooLarge'],
  ];
  for (const [json, kind] of cases) {
    await t.rejects(read(json, 16), refusal(kind), `${json}`.slice(0, 40));
  }
});

/** The text between the quotes of a JSON string, decoded in pieces of this size. */
const decoded = (text: string, size: number): Promise<Buffer> =>
  collect(decodeBase64(unescapeBase64(inPieces(Buffer.from(text), size) as AsyncGenerator<Buffer>)));

t.test('base64 is read strictly, in each way that JSON can write it', async (t) => {
  const good: [string, string][] = [
    ['', ''],
    ['QQ==', 'A'],
    ['QUI=', 'AB'],
    ['QUJD', 'ABC'],
    ['QUJDRA', 'ABCD'],
    ['Pz8\\/', '???'],
    ['Pj4\\u002B', '>>>'],
    ['Pj4\\u002b', '>>>'],
    ['Pz8\\u002f', '???'],
    ['QQ\\u003d\\u003D', 'A'],
    ['\\u0051\\u0055\\u004a\\u0044', 'ABC'],
  ];
  const bad = [
    'Q',
    'QQ=',
    'QQ==QUJD',
    'QU JD',
    'Q*==',
    'QUJD=',
    '=',
    '====',
    'QUJ\\n',
    '\\',
    'QUJD\\',
    'QUJD\\u00',
    'QUJ\\u0022',
    'QUJ\\u005c',
    'QUJ\\u005cu0041',
    'QUJ\\\\u0041',
    'QUJ\\U0041',
    'QUJ\\u0141',
    'QUJ\\u00g1',
    'QUJ\\u000a',
    'é'.repeat(4),
    '<tarball>',
  ];
  for (const size of [1, 2, 3, 4, 5, 7, 100]) {
    for (const [text, expected] of good) t.equal((await decoded(text, size)).toString(), expected, text);
    for (const text of bad) await t.rejects(decoded(text, size), refusal('invalid'), text);
  }
});

t.test('a taker that fails ends the reading, one that stops early does not', async (t) => {
  const json = Buffer.from(`{"_attachments":{"a.tgz":{"data":"${'QUJD'.repeat(1000)}"}},"after":1}`);
  let closed = false;
  async function* source(): TPieces {
    try {
      yield* inPieces(json, 100);
    } finally {
      closed = true;
    }
  }
  const failing = readPublishDocument(source(), {
    maxMetadataSize: 1e6,
    onAttachment: async () => {
      throw new RegistryError('tooLarge', 'enough');
    },
  });
  await t.rejects(failing, refusal('tooLarge'));
  t.ok(closed);
  const early = await readPublishDocument(inPieces(json, 100), {
    maxMetadataSize: 1e6,
    onAttachment: async (_file, content) => {
      await content.next();
    },
  });
  t.match(early, { after: 1 });
});

t.test('a document that was parsed before is read the same way and not changed', async (t) => {
  const document = await publishOf('a', '1.0.0');
  const copy = structuredClone(document);
  let bytes: Buffer = Buffer.alloc(0);
  const rest = (await readParsedDocument(document, {
    onAttachment: async (_file, content) => {
      bytes = await collect(content);
    },
  })) as typeof document;
  t.same(document, copy);
  t.equal(bytes.toString('base64'), document._attachments['a-1.0.0.tgz']?.data);
  t.equal(rest._attachments['a-1.0.0.tgz']?.data, '');
  const big = randomBytes(3_000_001);
  await readParsedDocument(
    { _attachments: { x: { data: big.toString('base64') } } },
    {
      onAttachment: async (_file, content) => {
        bytes = await collect(content);
      },
    },
  );
  t.ok(bytes.equals(big));
  const foreign = { _attachments: { x: { data: '\u0151\u0155\u014a\u0144' } } };
  const refused = readParsedDocument(foreign, {
    onAttachment: async (_file, content) => void (await collect(content)),
  });
  await t.rejects(refused, refusal('invalid'), 'the low bytes alone would be base64');
  t.equal(await readParsedDocument('text', { onAttachment: async () => undefined }), 'text');
  const bundle = bundleOf('a', '1.0.0', big);
  const kept = await readParsedDocument(
    { _attachments: { 'a-1.0.0.sigstore': { data: bundle } } },
    { onAttachment: async () => void t.fail() },
  );
  t.match(kept, { _attachments: { 'a-1.0.0.sigstore': { data: bundle } } });
});

const inspect = async (bytes: Buffer, size = 1000, maxUnpackedSize = 1e7) => {
  let facts: ITarballFacts | undefined;
  const hash = createHash('sha1');
  for await (const chunk of inspectTarball(inPieces(bytes, size), { maxUnpackedSize }, (found) => {
    facts = found;
  })) {
    hash.update(chunk);
  }
  if (hash.digest('hex') !== createHash('sha1').update(bytes).digest('hex')) throw new Error('the bytes were changed');
  return facts as unknown as ITarballFacts;
};

t.test('a tarball is looked into while it passes', async (t) => {
  const manifest = { name: 'a', version: '1.0.0' };
  for (const size of [1, 100, 1e6]) {
    t.same(await inspect(await tarball(manifest), size), {
      manifest,
      fileCount: 1,
      unpackedSize: JSON.stringify(manifest).length,
      hasShrinkwrap: false,
    });
  }
  const files = {
    'package/npm-shrinkwrap.json': '{}',
    'package/lib/package.json': '{"name":"inner"}',
    'package/x': randomBytes(3e6),
  };
  t.match(await inspect(await tarball(manifest, files)), { manifest, fileCount: 4, hasShrinkwrap: true });
  t.match(await inspect(await tarball(manifest, {}, 'any-folder')), { manifest });
  t.match(await inspect(await tarball(manifest, {}, './package')), { manifest });
  t.match(await inspect(await tarball(`\uFEFF${JSON.stringify(manifest)}`)), { manifest });
  const long = `package/${'very/'.repeat(60)}long.txt`;
  t.match(await inspect(await tarball(manifest, { [long]: 'x' })), { fileCount: 2 });
});

/** A second package.json of a type that unpackers treat as a file. */
const withContiguousFile = async (manifest: object, second: object): Promise<Buffer> => {
  const pack = tar.pack();
  pack.entry({ name: 'package/package.json' }, JSON.stringify(manifest));
  pack.entry({ name: 'package/package.json', type: 'contiguous-file' }, JSON.stringify(second));
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
};

t.test('a tarball that is none is refused', async (t) => {
  const manifest = { name: 'a', version: '1.0.0' };
  const good = await tarball(manifest, { 'package/x': randomBytes(200_000) });
  const damaged = Buffer.from(good);
  damaged.writeUInt32LE(0xdeadbeef, damaged.length - 8); // the checksum at the end of gzip
  const cases: [string, Buffer, string, number?][] = [
    ['nothing', Buffer.alloc(0), 'invalid'],
    ['not gzip', Buffer.from('hello world'), 'invalid'],
    ['gzip of text', gzipSync('hello world'.repeat(200)), 'invalid'],
    ['cut short', good.subarray(0, good.length >> 1), 'invalid'],
    ['damaged', damaged, 'invalid'],
    ['empty tar', await tarball(null), 'invalid'],
    ['package.json too deep', await tarball(null, { 'package/lib/package.json': '{}' }), 'invalid'],
    ['package.json at the top', await tarball(null, { 'package.json': '{}' }), 'invalid'],
    ['package.json not JSON', await tarball('{'), 'invalid'],
    ['package.json not an object', await tarball('[]'), 'invalid'],
    ['two that differ', await tarball(manifest, { 'package/package.json': '{"name":"b"}' }), 'invalid'],
    ['two that differ, one of an old type', await withContiguousFile(manifest, { name: 'b' }), 'invalid'],
    ['a path that leads out', await tarball(manifest, { 'package/../../x': 'x' }), 'invalid'],
    ['an absolute path', await tarball(manifest, { '/etc/x': 'x' }), 'invalid'],
    ['a bomb', await tarball(manifest, { 'package/x': Buffer.alloc(2e6) }), 'tooLarge', 1e6],
    ['a package.json of 3 MB', await tarball({ ...manifest, x: randomBytes(1.5e6).toString('hex') }), 'invalid'],
    ['a bomb of pad', gzipSync(Buffer.alloc(2e6)), 'tooLarge', 1e6],
  ];
  for (const [name, bytes, kind, limit] of cases) {
    for (const size of [512, 1e6]) await t.rejects(inspect(bytes, size, limit), refusal(kind), name);
  }
});

t.test('a source that fails, and a reader that leaves, end the check', async (t) => {
  const bytes = await tarball({ name: 'a', version: '1.0.0' }, { 'package/x': randomBytes(1e6) });
  async function* broken(): TPieces {
    yield bytes.subarray(0, 1000);
    throw new RegistryError('timeout', 'gone');
  }
  await t.rejects(collect(inspectTarball(broken(), { maxUnpackedSize: 1e7 }, () => t.fail())), refusal('timeout'));
  for await (const _ of inspectTarball(inPieces(bytes, 1000), { maxUnpackedSize: 1e7 }, () => t.fail())) break;

  let closed = 0;
  async function* source(content: Buffer): TPieces {
    try {
      yield* inPieces(content, 1000);
    } finally {
      closed += 1;
    }
  }
  const limits = { maxUnpackedSize: 1e7 };
  for (const bad of [Buffer.alloc(1000), randomBytes(200_000)]) {
    await t.rejects(collect(inspectTarball(source(bad), limits, () => t.fail())), refusal('invalid'));
  }
  for await (const _ of inspectTarball(source(bytes), limits, () => t.fail())) break;
  t.equal(closed, 3, 'the source is told that nobody reads on');
});
