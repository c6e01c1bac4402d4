import t from 'tap';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import { streamToBuffer } from '../../ts/index.js';
import * as keys from '../../ts/oci/keys.oci.js';
import {
  assertAlgorithm,
  assertDigest,
  type IDigest,
  looksLikeDigest,
  readDigest,
  referrersTag,
} from '../../ts/oci/wire/wire.digests.js';
import { renderOciError } from '../../ts/oci/wire/wire.errors.js';
import { assertRepository, assertTag, isRepository, isTag } from '../../ts/oci/wire/wire.names.js';
import { nextLink, parseChunkRange, parseCount, uploadRange } from '../../ts/oci/wire/wire.ranges.js';
import { bearerChallenge, parseScopes } from '../../ts/oci/wire/wire.scopes.js';
import { cpuSince } from '../support/cpu.js';
import { digestOf } from '../support/oci/samples.js';

const refused = (wireCode: string, kind = 'invalid') => ({ kind, wireCode }) as unknown as Error;

t.test('repository names are those of the specification, up to 255 characters', async (t) => {
  const good = ['a', 'myapp', 'library/nginx', 'a/b/c/d', 'a.b', 'a_b', 'a__b', 'a-b', 'a---b', '0', 'constructor'];
  const longest = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
  for (const name of [...good, longest, 'tags', 'manifests/list', 'token', 'tags.json', 'v22', 'v2-x', 'oci/v2']) {
    t.equal(assertRepository(name), name);
  }
  const bad = ['', '/', 'a/', '/a', 'a//b', 'A', 'a/B', '.a', 'a.', '-a', 'a-', '_a', 'a_', 'a..b', 'a___b', 'a._b'];
  const odd = ['a b', 'a:b', 'a@b', 'ä', 'a\n', 'a\u0000', 'a\\b', '..', 'a/../b', '__proto__', 'a%2fb', '~a', 'a~'];
  for (const name of [...bad, ...odd, `${longest}c`, 'v2', 'v2/a']) {
    t.equal(isRepository(name), false, JSON.stringify(name));
    t.throws(() => assertRepository(name), refused('NAME_INVALID'));
  }
  const started = process.cpuUsage();
  t.equal(isRepository(`${'a-'.repeat(100_000)}!`), false);
  t.ok(cpuSince(started) < 200, 'and a long one costs nothing');
});

t.test('tags are those of the specification, up to 128 characters', async (t) => {
  for (const tag of ['latest', '1', '10', 'v1.0.0-rc.1', '_a', 'A', '__proto__', 'constructor', 'a'.repeat(128)]) {
    t.equal(assertTag(tag), tag);
  }
  for (const tag of ['', '.a', '-a', 'a b', 'a:b', 'a/b', 'a+b', 'ü', 'a\n', 'a'.repeat(129), '..']) {
    t.equal(isTag(tag), false, JSON.stringify(tag));
    t.throws(() => assertTag(tag), refused('MANIFEST_INVALID'));
  }
});

t.test('digests: sha256 and sha512, lower case, of their length', async (t) => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const text = digestOf('x', algorithm);
    const hex = text.slice(7);
    t.same(assertDigest(text), { algorithm, hex, text });
    t.equal(assertAlgorithm(algorithm), algorithm);
    const broken = [hex, `${algorithm}:${hex.slice(1)}`, `${text}0`, `${algorithm}:${hex.toUpperCase()}`, `${text}\n`];
    for (const one of [...broken, `md5:${hex}`, `${algorithm}:`, `${algorithm}:${'g'.repeat(hex.length)}`]) {
      t.equal(readDigest(one), null, one);
      t.throws(() => assertDigest(one), refused('DIGEST_INVALID'));
    }
  }
  for (const odd of [undefined, null, 7, {}, [digestOf('x')], '']) t.equal(readDigest(odd), null);
  for (const odd of ['md5', '', 'SHA256', '__proto__', 'constructor', 'toString']) {
    t.throws(() => assertAlgorithm(odd), refused('DIGEST_INVALID'), odd);
  }
  t.ok(looksLikeDigest('sha256:zz'));
  t.notOk(looksLikeDigest('sha256-zz'));
  // distribution-spec, "Referrers Tag Schema": the examples' rule
  t.equal(referrersTag(readDigest(digestOf('x'))!), digestOf('x').replace(':', '-'));
  t.equal(referrersTag(readDigest(digestOf('x', 'sha512'))!), digestOf('x', 'sha512').replace(':', '-').slice(0, 71));
});

t.test('chunk ranges: the form of the specification and that of RFC 9110', async (t) => {
  t.equal(parseChunkRange(undefined), undefined);
  for (const text of ['5-9', 'bytes 5-9/10', 'bytes 5-9/*', 'bytes=5-9', ' 5-9 ']) {
    t.same(parseChunkRange(text), { start: 5, size: 5 }, text);
  }
  t.same(parseChunkRange('0-0'), { start: 0, size: 1 });
  t.same(parseChunkRange('0-99999999999999'), { start: 0, size: 1e14 });
  for (const text of [
    '',
    '9-5',
    '-5',
    '5-',
    'a-b',
    '1-2-3',
    'bytes',
    '0x1-0x2',
    '1.0-2',
    '1e3-2e3',
    '0-9999999999999999',
  ]) {
    t.throws(() => parseChunkRange(text), refused('BLOB_UPLOAD_INVALID'), text);
  }
  t.same([0, 1, 2, 500].map(uploadRange), ['0-0', '0-0', '0-1', '0-499'], 'an empty upload is never 0--1');
});

t.test('n of a listing', async (t) => {
  t.same([undefined, '', '0', '1', '1000', '007'].map(parseCount), [undefined, undefined, 0, 1, 1000, 7]);
  t.equal(parseCount('9223372036854775807'), Number.MAX_SAFE_INTEGER, 'what Go programs send for "all"');
  for (const text of ['-1', 'abc', '1.5', '1e3', ' 1', '+1', '0x10', 'NaN', '1,2']) {
    t.throws(() => parseCount(text), refused('UNSUPPORTED'), text);
  }
});

t.test('Link: the path as it is, the query encoded', async (t) => {
  t.equal(nextLink('/v2/a/b/tags/list', { last: 'v1', n: '2' }), '</v2/a/b/tags/list?last=v1&n=2>; rel="next"');
  const link = nextLink('/v2/_catalog', { last: 'a/b', n: '100' });
  t.equal(new URL(/^<(.*)>/.exec(link)![1] as string, 'http://x').searchParams.get('last'), 'a/b');
  const odd = nextLink('/p', { artifactType: 'a/b+json; x="1">' });
  t.match(odd, /^<[^<>"\s]*>; rel="next"$/, 'nothing in it ends it early');
});

t.test('scopes of the token endpoint', async (t) => {
  const table: [asked: string[], granted: string[], catalog?: boolean][] = [
    [[], []],
    [['repository:a:pull'], ['a:pull']],
    [['repository:a/b:push,pull'], ['a/b:push', 'a/b:pull']],
    [['repository:a:delete,pull,push'], ['a:delete', 'a:pull', 'a:push']],
    [
      ['repository:a:pull', 'repository:b:pull'],
      ['a:pull', 'b:pull'],
    ],
    [['repository:a:pull  repository:b:push'], ['a:pull', 'b:push']],
    [['repository:a:*'], ['a:*']],
    [['repository:a:pull,pull', 'repository:a:pull'], ['a:pull']],
    [['repository(plugin):a:pull'], ['a:pull']],
    [['registry:catalog:*'], [], true],
    [['registry:catalog:* repository:a:pull'], ['a:pull'], true],
    [['repository:*:pull', 'repository:a*:pull', 'repository:A:pull', 'repository::pull', 'repository:a'], []],
    [['repository:a:eat', 'repository:a:', 'npm:package:a:read', ':', '::', 'a', 'repository', 'registry:other:*'], []],
    [['repository:a:b:pull'], []],
  ];
  for (const [asked, granted, catalog = false] of table) {
    const scopes = granted.map((one) => `oci:repository:${one}`);
    t.same(parseScopes(asked), { scopes, catalog }, JSON.stringify(asked));
  }
  const flood = Array.from({ length: 5000 }, (_, index) => `repository:r${index}:pull`).join(' ');
  t.equal(parseScopes([flood]).scopes.length, 100);
});

t.test('the challenge', async (t) => {
  const [realm, service] = ['https://r.example.org/v2/token', 'x'];
  t.equal(bearerChallenge({ realm, service }), `Bearer realm="${realm}",service="x"`);
  const push = { type: 'repository', name: 'a/b', action: 'push' };
  const from = { type: 'repository', name: 'c', action: 'pull' };
  t.equal(
    bearerChallenge({ realm, service, needed: [push, from], error: 'insufficient_scope' }),
    `Bearer realm="${realm}",service="x",scope="repository:a/b:pull,push repository:c:pull",error="insufficient_scope"`,
  );
  const evil = { type: 'repository', name: 'a",realm="http://evil"\r\n\\é', action: 'pull' };
  const [, quoted] = /scope="([^"]*)"$/.exec(bearerChallenge({ realm, service, needed: [evil] })) ?? [];
  t.equal(quoted, 'repository:a,realm=http://evil:pull', 'what callers choose cannot leave its quotes');
});

t.test('errors in the one form of the specification', async (t) => {
  const render = async (error: RegistryError) => {
    const { status, body } = renderOciError(error);
    const { errors } = JSON.parse((await streamToBuffer(body)).toString());
    return [status, ...errors.map(({ code }: { code: string }) => code)];
  };
  const table = [
    ['unauthenticated', 401, 'UNAUTHORIZED'],
    ['forbidden', 403, 'DENIED'],
    ['notFound', 404, 'NAME_UNKNOWN'],
    ['methodNotAllowed', 405, 'UNSUPPORTED'],
    ['digestMismatch', 400, 'DIGEST_INVALID'],
    ['tooLarge', 413, 'SIZE_INVALID'],
    ['rangeInvalid', 416, 'RANGE_INVALID'],
    ['rateLimited', 429, 'TOOMANYREQUESTS'],
  ] as const;
  for (const [kind, status, code] of table) t.same(await render(new RegistryError(kind, 'x')), [status, code]);
  t.same(await render(new RegistryError('invalid', 'x', { wireCode: 'MANIFEST_INVALID' })), [400, 'MANIFEST_INVALID']);
});

t.test('keys: no repository shares one with another, and none is the folder of another', async (t) => {
  const longest = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
  const long = [longest, longest.slice(0, 189), longest.slice(0, 190), longest.slice(0, 191), 'a'.repeat(125)];
  const names = [
    ...long,
    'a',
    'a/tags.json',
    'a/tags.json/b',
    'a/b',
    'a/b/tags.json',
    'tags.json',
    'a-b',
    'a.b',
    'a__b',
    'b',
  ];
  const digests = ['sha256', 'sha512'].map((algorithm) => readDigest(digestOf('x', algorithm as 'sha256')) as IDigest);
  const owned = names.flatMap((name) => [
    keys.tagsKey(name),
    ...digests.flatMap((digest) => [
      keys.manifestGuardKey(name, digest),
      keys.manifestKey(name, digest),
      keys.referrersKey(name, digest),
    ]),
  ]);
  const all = [...owned, ...digests.map((digest) => keys.blobKey(digest))];
  t.equal(new Set(all).size, all.length);
  for (const key of all)
    t.notOk(
      all.some((other) => other.startsWith(`${key}/`)),
      key,
    );
  for (const name of names) {
    t.equal(keys.repositoryOfTags(keys.tagsKey(name)), name);
    for (const digest of digests) {
      const copy = '7-00000000-0000-4000-8000-000000000000';
      const manifest = { repository: name, digest: digest.text };
      t.same(keys.readManifestKey(keys.manifestKey(name, digest)), { ...manifest, copy: '' });
      t.same(keys.readManifestKey(`${keys.manifestKey(name, digest)}.${copy}`), { ...manifest, copy });
      t.same(keys.readManifestGuardKey(keys.manifestGuardKey(name, digest)), { ...manifest, copy: '' });
    }
  }
  t.equal(keys.tagsKey('library/nginx'), 'oci/tags/library/nginx/tags.json', 'as the readme has it');
  t.equal(keys.blobKey(digests[0]!), `oci/blobs/sha256/${digests[0]!.hex}`);
  t.ok(keys.referrersKey(longest, digests[1]!).length < 1024, 'the longest fits into an S3 key');
  const segments = all.flatMap((key) => key.split('/'));
  t.ok(Math.max(...segments.map(({ length }) => length)) <= 255, 'and each segment into a file name');
});
