import t from 'tap';
import { RegistryError, type TErrorKind } from '../../ts/core/classes.registryerror.js';
import { streamToBuffer } from '../../ts/index.js';
import * as keys from '../../ts/oci/keys.oci.js';
import { accessToScopes, scopesToAccess } from '../../ts/oci/wire/wire.access.js';
import { type IDigest, readDigest } from '../../ts/oci/wire/wire.digests.js';
import { earlyCode, renderOciError } from '../../ts/oci/wire/wire.errors.js';
import type { IDescriptor } from '../../ts/oci/wire/wire.manifests.js';
import {
  type IReferrersPage,
  MAX_REFERRERS_PAGE,
  referrerPages,
  withoutReferrer,
  withReferrer,
} from '../../ts/oci/wire/wire.referrers.js';
import { type ITagPage, MAX_TAGS_OF_PAGE, NO_TAGS, tagPages, tagsCodec } from '../../ts/oci/wire/wire.tags.js';
import { digestOf } from '../support/oci/samples.js';

t.test('the claim of a token: one line for each repository, and back again', async (t) => {
  const scopes = ['oci:repository:a/b:pull', 'oci:repository:a/b:push', 'oci:repository:c:*', 'oci:registry:catalog:*'];
  const access = [
    { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
    { type: 'repository', name: 'c', actions: ['*'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ];
  t.same(scopesToAccess(scopes), access);
  t.same(accessToScopes(access), scopes);
  t.same(scopesToAccess(['oci:repository:a:pull', 'oci:repository:a:pull']), [
    { ...access[0], name: 'a', actions: ['pull'] },
  ]);
  t.same(scopesToAccess(['npm:package:a:read', 'nonsense', 'maven:repository:a:pull']), []);
  t.same(
    scopesToAccess(['*:*:*:*']),
    [{ type: '*', name: '*', actions: ['*'] }],
    'the part of it that is about containers',
  );
  t.same(scopesToAccess(['*:repository:a:pull']), [{ type: 'repository', name: 'a', actions: ['pull'] }]);
  t.same(accessToScopes([{ type: 'repository', name: 'a', actions: ['pull', 'pull'] }]), ['oci:repository:a:pull']);
  const odd = [null, 5, 'x', {}, { type: 'repository', name: 'a' }, { type: 'repository', name: 'a', actions: 'pull' }];
  t.same(accessToScopes([...odd, { type: 'a b', name: 'a', actions: ['pull'] }, access[1]]), ['oci:repository:c:*']);
  for (const claim of [undefined, null, {}, 'x', 5]) t.same(accessToScopes(claim), [], JSON.stringify(claim));
});

t.test('each kind of error has its status and code', async (t) => {
  const table: [TErrorKind, number, string][] = [
    ['invalid', 400, 'UNSUPPORTED'],
    ['digestMismatch', 400, 'DIGEST_INVALID'],
    ['unauthenticated', 401, 'UNAUTHORIZED'],
    ['forbidden', 403, 'DENIED'],
    ['notFound', 404, 'NAME_UNKNOWN'],
    ['methodNotAllowed', 405, 'UNSUPPORTED'],
    ['conflict', 409, 'UNSUPPORTED'],
    ['lengthRequired', 411, 'SIZE_INVALID'],
    ['tooLarge', 413, 'SIZE_INVALID'],
    ['rangeInvalid', 416, 'RANGE_INVALID'],
    ['rateLimited', 429, 'TOOMANYREQUESTS'],
    ['unsupported', 501, 'UNSUPPORTED'],
    ['upstreamFailed', 502, 'UNAVAILABLE'],
    ['unavailable', 503, 'UNAVAILABLE'],
    ['outcomeUnknown', 503, 'UNAVAILABLE'],
    ['internal', 500, 'UNKNOWN'],
  ];
  const entryOf = async (...args: Parameters<typeof renderOciError>) => {
    const { status, body } = renderOciError(...args);
    const { errors } = JSON.parse((await streamToBuffer(body)).toString());
    t.equal(errors.length, 1);
    return { status, ...errors[0] };
  };
  for (const [kind, status, code] of table) {
    t.same(await entryOf(new RegistryError(kind, 'why')), { status, code, message: 'why' }, kind);
  }
  const named = new RegistryError('notFound', 'why', { wireCode: 'BLOB_UNKNOWN', detail: { digest: 'x' } });
  const detail = { digest: 'x' };
  t.same(await entryOf(named), { status: 404, code: 'BLOB_UNKNOWN', message: 'why', detail });
  t.same(await entryOf(named, 401, 'UNAUTHORIZED'), { status: 401, code: 'UNAUTHORIZED', message: 'why', detail });
});

t.test('errors before a handler runs: the name, or the size of what is sent', async (t) => {
  const early = (method: string, route: string, error = new RegistryError('invalid', 'x')) =>
    earlyCode(error, { method, route });
  for (const method of ['PUT', 'PATCH', 'POST'])
    t.equal(early(method, '/{name+}/manifests/{reference}'), 'SIZE_INVALID');
  for (const method of ['GET', 'HEAD', 'DELETE']) t.equal(early(method, '/{name+}/tags/list'), undefined, method);
  t.equal(early('POST', '/token'), undefined, 'a form');
  t.equal(early('GET', ''), 'NAME_INVALID', 'no such path');
  t.equal(earlyCode(new RegistryError('invalid', 'x'), null), 'NAME_INVALID');
  const others = [
    new RegistryError('notFound', 'x'),
    new RegistryError('invalid', 'x', { status: 415 }),
    new RegistryError('invalid', 'x', { wireCode: 'DIGEST_INVALID' }),
  ];
  for (const error of others) t.equal(early('PUT', '', error), undefined, error.wireCode ?? error.kind);
});

const names = (count: number, first = 0): string[] =>
  Array.from({ length: count }, (_, at) => `t${String(first + at).padStart(5, '0')}`);
const tagsOf = (all: string[]): ITagPage => ({ names: all, digests: all.map((name) => `sha256:${name}`) });

t.test('when a page of tags is divided, and into how many', async (t) => {
  const most = MAX_TAGS_OF_PAGE;
  t.equal(most, 300);
  const limit = (now: string[], before: string[]) => tagPages.limit(tagsOf(now), tagsOf(before));
  t.equal(limit(names(most), names(most - 1)), undefined, 'a full one is not');
  t.equal(limit(names(most + 1), names(most)), most, 'tags that count up leave a full page');
  t.equal(limit([...names(most - 10), ...names(11, 9000)], names(most - 10)), most - 10);
  t.equal(limit([...names(most - 10), ...names(11, 9000)].sort(), names(most)), 151, 'another page before');
  t.equal(limit(['a', ...names(most)], names(most)), 151, 'in front: two halves');
  t.equal(limit(['a', ...names(most + 1)], names(most + 1)), 151);
  t.equal(limit(names(most + 1), []), 151, 'all at once');
  t.equal(limit(names(2 * most), names(5)), 5, 'behind a few');
  t.equal(limit(names(2 * most), []), most);
  t.equal(limit(names(2 * most + 1), names(most)), 200, 'a document of an older release');
  t.same(tagPages.slice(tagsOf(names(5)), 1, 3), tagsOf(names(2, 1)));
  t.equal(tagPages.none, NO_TAGS);
});

t.test('a tag that is moved away and back has other bytes than before', async (t) => {
  const page = tagsOf(['a']);
  const text = (revision: number) => String(tagsCodec.serialize(page, { revision, id: 'x' }));
  t.not(text(1), text(3));
  t.match(text(3), '"revision":3');
  t.same(tagsCodec.parse(Buffer.from(text(3))), page);
  const sealed = { ...page, seal: { id: 'w', size: 2 } };
  t.same(tagsCodec.parse(Buffer.from(String(tagsCodec.serialize(sealed, { revision: 2, id: 'x' })))), sealed);
});

const referrer = (digest: string, fill = ''): IDescriptor => ({
  ...{ mediaType: 'm', digest, size: 1 },
  ...(fill && { annotations: { fill } }),
});

t.test('a list of referrers: sorted, each once, and divided by its length', async (t) => {
  let page: IReferrersPage | null = null;
  for (const digest of ['c', 'a', 'b']) page = withReferrer(page, referrer(digest));
  const abc = page as unknown as IReferrersPage;
  const lengthOf = (one: IDescriptor) => JSON.stringify(one).length;
  const all = ['a', 'b', 'c'].map((digest) => referrer(digest));
  t.same(abc, { names: ['a', 'b', 'c'], manifests: all, lengths: all.map(lengthOf) });
  t.equal(withReferrer(abc, referrer('b', 'other')), abc, 'nothing to write');
  t.equal(withoutReferrer(abc, 'd'), abc);
  const ac = [all[0], all[2]] as IDescriptor[];
  t.same(withoutReferrer(abc, 'b'), { names: ['a', 'c'], manifests: ac, lengths: ac.map(lengthOf) });
  t.same(abc.names, ['a', 'b', 'c'], 'the old value is as it was');
  t.same(referrerPages.slice(abc, 1, 2), { names: ['b'], manifests: [all[1]], lengths: [lengthOf(all[1]!)] });
  const { codec } = referrerPages;
  const through = (text: string | Uint8Array) => codec.parse(Buffer.from(text));
  t.same(through(codec.serialize(abc, { revision: 4, id: 'x' })), abc);
  t.match(String(codec.serialize(abc, { revision: 4, id: 'x' })), '"$revision":4');
  const sealed = { ...abc, seal: { id: 'w', size: 2 } };
  t.same(through(codec.serialize(sealed)), sealed);
  t.same(
    through(JSON.stringify({ manifests: [all[2], all[0]] })),
    withoutReferrer(abc, 'b'),
    'as others have sorted it',
  );
  for (const damaged of ['{}', '{"manifests":{}}', '{"manifests":[1]}', '{"manifests":[null]}']) {
    t.throws(() => through(damaged), { kind: 'internal' } as unknown as Error, damaged);
  }

  const most = MAX_REFERRERS_PAGE;
  const limit = (...lengths: number[]) =>
    referrerPages.limit({ names: lengths.map(String), manifests: [], lengths }, referrerPages.none);
  t.equal(limit(), undefined);
  t.equal(limit(10 * most), undefined, 'one that is larger than a page has a page of its own');
  t.equal(limit(most / 2, most / 2), undefined);
  t.equal(limit(most / 2, most / 2 + 1), 1);
  t.equal(limit(...Array(100).fill(most / 100 + 1)), 50, 'half full each');
  t.equal(limit(...Array(100).fill(most / 10)), 5);
});

t.test('keys of lists of referrers are read, and no others', async (t) => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const subject = readDigest(digestOf('x', algorithm)) as IDigest;
    for (const repository of ['a', 'a/b', 'tags.json/a', 'a/sha256']) {
      const key = keys.referrersKey(repository, subject);
      t.same(keys.readReferrersKey(key), { repository, subject: subject.text });
      t.equal(keys.readReferrersKey(`${key}.x`), null);
      t.equal(keys.readManifestKey(key), null);
    }
  }
  for (const key of ['oci/referrers/a', 'oci/referrerpages/a/sha256:0.json', 'oci/referrers/sha256:0.json', 'x']) {
    t.equal(keys.readReferrersKey(key), null, key);
  }
  t.equal(keys.tagPageKey('a/tags.json', 'u:1'), 'oci/tagpages/a/tags.json~/u:1.json');
  t.equal(keys.referrerPageKey('a/tags.json', 'u:1'), 'oci/referrerpages/a/tags.json~/u:1.json');
  t.equal(keys.manifestsOfPrefix('a/tags.json'), 'oci/manifests/a/tags.json~/sha');
  t.equal(keys.readManifestKey('oci/manifests/a/sha256:00.x'), null);
});
