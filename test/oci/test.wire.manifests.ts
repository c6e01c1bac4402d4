import t from 'tap';
import { readDigest } from '../../ts/oci/wire/wire.digests.js';
import { describe, MAX_MANIFEST, parseManifest } from '../../ts/oci/wire/wire.manifests.js';
import { cpuSince } from '../support/cpu.js';
import {
  CONFIG,
  content,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  descriptorOf,
  digestOf,
  INDEX,
  image,
  index,
  LAYER,
  MANIFEST,
  nowhere,
} from '../support/oci/samples.js';

const refused = { kind: 'invalid', wireCode: 'MANIFEST_INVALID' } as unknown as Error;
const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const parse = (value: unknown, type: string | undefined = MANIFEST) => parseManifest(bytesOf(value), type);
const config = descriptorOf(CONFIG, content('{}'));
const layer = descriptorOf(LAYER, content('layer'));
const plain = { schemaVersion: 2, config, layers: [layer] };
const list = { schemaVersion: 2, manifests: [descriptorOf(MANIFEST, content('child'))] };
const without = (value: object, field: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== field));

t.test('the four types, and what they name', async (t) => {
  for (const type of [MANIFEST, DOCKER_MANIFEST]) {
    const { bytes, layers, config } = image('x', {}, type);
    const found = parseManifest(bytes, type);
    t.equal(found.mediaType, type);
    t.same(
      found.blobs.map(({ digest }) => digest.text),
      [config.digest, layers[0]!.digest],
    );
    t.same(found.manifests, []);
  }
  for (const type of [INDEX, DOCKER_LIST]) {
    const child = image('x');
    const found = parseManifest(index([child], {}, type).bytes, type);
    t.equal(found.mediaType, type);
    t.same(
      found.manifests.map(({ digest, size }) => [digest.text, size]),
      [[child.digest, child.bytes.byteLength]],
    );
    t.same(found.blobs, []);
  }
});

t.test('the type: Content-Type without its parameters, or what the manifest says, or what it looks like', async (t) => {
  const typed = { mediaType: MANIFEST, ...plain };
  t.equal(parse(typed, `${MANIFEST}; charset=utf-8`).mediaType, MANIFEST);
  for (const vague of [undefined, '', 'application/json', 'application/octet-stream']) {
    t.equal(parseManifest(bytesOf(typed), vague).mediaType, MANIFEST, String(vague));
    t.equal(parseManifest(bytesOf(plain), vague).mediaType, MANIFEST, String(vague));
    t.equal(parseManifest(bytesOf(list), vague).mediaType, INDEX, String(vague));
  }
  t.equal(parse(plain, DOCKER_MANIFEST).mediaType, DOCKER_MANIFEST, 'one without a type of its own may be either');
  t.throws(() => parse(typed, DOCKER_MANIFEST), refused, 'two types that differ');
  t.throws(() => parse({ ...plain, mediaType: 7 }), refused);
  for (const type of ['text/plain', 'application/vnd.oci.image.config.v1+json', 'image/png']) {
    t.throws(() => parse(plain, type), refused, type);
  }
});

t.test('what could be taken for two things is refused', async (t) => {
  for (const type of [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST]) {
    t.throws(() => parse({ ...plain, ...list }, type), refused, `layers and manifests as ${type}`);
    t.throws(() => parse({ ...plain, fsLayers: [] }, type), refused);
  }
  t.throws(() => parse({ ...list, config }, INDEX), refused, 'an index with a config');
  t.throws(() => parse({ ...list, layers: [] }, INDEX), refused);
  // Go programs take fields in any case
  t.throws(() => parse({ ...plain, Manifests: list.manifests }), refused);
  t.throws(() => parse({ ...list, LAYERS: [layer] }, INDEX), refused);
});

t.test('lists that are null are what Go writes for empty ones', async (t) => {
  t.same(parse({ schemaVersion: 2, manifests: null }, INDEX).manifests, []);
  t.equal(parse({ ...plain, layers: null }).blobs.length, 1);
  t.equal(parse({ ...plain, manifests: null }).blobs.length, 2);
  t.ok(parse({ ...plain, annotations: null, subject: null }));
});

t.test("Docker's schema 1 is refused by name", async (t) => {
  const byName = { kind: 'invalid', wireCode: 'MANIFEST_INVALID', message: /schema 1/ } as unknown as Error;
  for (const type of ['v1+json', 'v1+prettyjws'].map((end) => `application/vnd.docker.distribution.manifest.${end}`)) {
    t.throws(() => parse({ schemaVersion: 1, fsLayers: [] }, type), byName);
  }
  t.throws(() => parse({ ...plain, schemaVersion: 1 }), byName);
});

t.test('what is no manifest at all', async (t) => {
  for (const text of ['', 'x', 'null', '[]', '7', '"x"', '{', `{"a":"${'\\ud800'}`])
    t.throws(() => parse(text), refused, text);
  t.throws(() => parseManifest(Buffer.from([0x7b, 0xff, 0x7d]), MANIFEST), refused, 'not UTF-8');
  for (const field of ['schemaVersion', 'config', 'layers'])
    t.throws(() => parse(without(plain, field)), refused, field);
  t.throws(() => parse(without(list, 'manifests'), INDEX), refused);
  for (const version of [3, '2', null]) t.throws(() => parse({ ...plain, schemaVersion: version }), refused);
  for (const odd of ['x', 7, {}, [null], [7], [[]], ['x']]) {
    t.throws(() => parse({ ...plain, layers: odd }), refused, JSON.stringify(odd));
    t.throws(() => parse({ ...list, manifests: odd }, INDEX), refused, JSON.stringify(odd));
  }
  for (const odd of ['x', 7, [], ['a'], { a: 7 }, { a: null }]) {
    t.throws(() => parse({ ...plain, annotations: odd }), refused, JSON.stringify(odd));
  }
  t.throws(() => parse({ ...plain, artifactType: 7 }), refused);
});

t.test('descriptors: digest, size and media type have to be right', async (t) => {
  const wrong: [string, unknown][] = [
    ['digest', 'sha256:abc'],
    ['digest', `md5:${'0'.repeat(32)}`],
    ['digest', undefined],
    ['size', -1],
    ['size', 1.5],
    ['size', '7'],
    ['size', undefined],
    ['size', 2 ** 53],
    ['mediaType', ''],
    ['mediaType', undefined],
    ['mediaType', 7],
  ];
  for (const [field, value] of wrong) {
    const broken = { ...layer, [field]: value };
    for (const part of [{ config: broken }, { layers: [layer, broken] }, { subject: broken }]) {
      t.throws(() => parse({ ...plain, ...part }), refused, JSON.stringify(part).slice(0, 80));
    }
    t.throws(() => parse({ ...list, manifests: [broken] }, INDEX), refused);
  }
  t.ok(parse({ ...plain, layers: [{ ...layer, size: 0 }] }));
});

t.test('layers that are kept elsewhere need not be here', async (t) => {
  const foreign = [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ].map((mediaType) => ({ ...layer, mediaType }));
  const withUrls = { ...layer, urls: ['https://layers.example.org/x'] };
  const { blobs } = parse({ ...plain, layers: [...foreign, withUrls, layer, { ...layer, urls: [] }] });
  t.same(
    blobs.map(({ digest }) => digest.text),
    [config.digest, layer.digest, layer.digest],
  );
});

t.test('what lists of referrers say: artifactType, or the type of the config, or nothing for an index', async (t) => {
  const subject = descriptorOf(MANIFEST, content('subject'));
  const digest = readDigest(nowhere)!;
  const described = (value: unknown, type = MANIFEST) => describe(parse(value, type), digest, 7);
  const base = { digest: nowhere, size: 7 };
  t.same(described({ ...plain, subject }), { ...base, mediaType: MANIFEST, artifactType: CONFIG });
  t.same(described({ ...plain, subject, artifactType: 'a/b' }), { ...base, mediaType: MANIFEST, artifactType: 'a/b' });
  t.same(described({ ...plain, subject, artifactType: '' }).artifactType, CONFIG);
  t.same(described({ ...list, subject }, INDEX), { ...base, mediaType: INDEX });
  t.same(described({ ...list, subject, artifactType: 'a/b' }, INDEX), {
    ...base,
    mediaType: INDEX,
    artifactType: 'a/b',
  });
  const annotations = { k: 'v', __proto__x: 'y' };
  t.same(described({ ...plain, annotations }).annotations, annotations);
  t.equal(parse({ ...plain, subject }).subject?.text, subject.digest);
  t.equal(parse(plain).subject, undefined);
});

t.test('a manifest of 4 MiB is read in no time', async (t) => {
  const layers = Array.from({ length: 15_000 }, (_, at) => ({ ...layer, digest: digestOf(`${at}`) }));
  const bytes = bytesOf({ ...plain, layers });
  t.ok(bytes.byteLength < MAX_MANIFEST);
  const started = process.cpuUsage();
  t.equal(parseManifest(bytes, MANIFEST).blobs.length, 15_001);
  t.ok(cpuSince(started) < 2_000);
});
