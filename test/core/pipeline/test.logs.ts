import { gunzipSync } from 'node:zlib';
import t from 'tap';
import type { IObjectStore } from '../../../ts/index.js';
import { digestOf } from '../../support/journal.js';
import { journalProtocol } from '../../support/journal-registry.js';
import { type IAnswer, send, startRegistry } from '../../support/registry.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const users = [{ username: 'ann', password: 'correct horse', scopes: ['*:*:*:*'] }];
const auth = { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'memory' as const, users };

/** A registry with a log, as one replica of several over `store`. */
const start = async (
  t: Parameters<typeof startRegistry>[0],
  store: IObjectStore = new MemoryObjectStore(),
  more: Parameters<typeof startRegistry>[1] = {},
) => {
  const { entry, made } = journalProtocol();
  const registry = await startRegistry(t, { auth, registries: [entry], storage: { objectStore: store }, ...more });
  const as = async (scopes: string[]) => {
    const token = await registry.getAuthManager().createToken('ann', 'journal', { scopes });
    return { Authorization: `Bearer ${token}` };
  };
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    send(registry, method, '/journal/log', { headers });
  const writer = await as(['journal:*:*:*']);
  const put = async (name: string, text: string) => {
    const { status, text: answer } = await send(registry, 'PUT', `/journal/${name}/${text}`, { headers: writer });
    if (status !== 201) throw new Error(answer);
  };
  return { registry, log: made.registry?.log, as, get, put, store };
};

const reprDigest = (bytes: Uint8Array): string =>
  `sha-256=:${Buffer.from(digestOf('sha256', bytes), 'hex').toString('base64')}:`;

/** What a client compares that has a copy. */
const isFor = ({ headers }: IAnswer, whole: Uint8Array): boolean =>
  headers.ETag === `"${digestOf('md5', whole)}"` && headers['Repr-Digest'] === reprDigest(whole);

t.test('a client fetches the log once, and then only what was appended', async (t) => {
  const one = await start(t);
  await one.put('a', '1');
  const other = await start(t, one.store);
  let copy = await one.get();
  t.match(copy, { status: 200, headers: { 'Content-Type': 'text/plain', 'Accept-Ranges': 'bytes' } });
  t.ok(isFor(copy, copy.bytes));
  const unchanged = await other.get({
    'If-None-Match': copy.headers.ETag ?? '',
    Range: `bytes=${copy.bytes.length - 1}-`,
  });
  t.match(unchanged, { status: 304, text: '' }, 'the same on another replica, and If-None-Match comes before Range');
  t.ok(isFor(unchanged, copy.bytes));
  let mine: Buffer = copy.bytes;
  for (const text of ['2', '3', '4']) {
    await other.put('a', text);
    const part = await one.get({ 'If-None-Match': copy.headers.ETag ?? '', Range: `bytes=${mine.length - 1}-` });
    t.match(part, { status: 206, text: `\na ${text}\n` });
    t.match(part.headers['Content-Range'], new RegExp(`^bytes ${mine.length - 1}-`));
    mine = Buffer.concat([mine, part.bytes.subarray(1)]);
    t.ok(isFor(part, mine), 'the digests are those of the whole');
    copy = part;
  }
  t.same((await one.get()).bytes, mine);
  const head = await one.get({}, 'HEAD');
  t.match(head, { status: 200, text: '', headers: { 'Content-Length': String(mine.length) } });
  t.ok(isFor(head, mine));
});

t.test('a range past the end is 416 with the size, a weak ETag is known too', async (t) => {
  const one = await start(t);
  await one.put('a', '1');
  const { bytes, headers } = await one.get();
  t.match(await one.get({ Range: `bytes=${bytes.length}-` }), {
    status: 416,
    headers: { 'Content-Range': `bytes */${bytes.length}` },
  });
  t.equal((await one.get({ 'If-None-Match': `W/${headers.ETag}` })).status, 304);
  t.match(await one.get({ Range: 'bytes=0-3' }), { status: 206, text: 'crea' });
});

t.test('a compressed log has the ETag and the digest of the unpacked one; parts are never compressed', async (t) => {
  const one = await start(t);
  for (let at = 0; at < 30; at++) await one.put(`p${at}`, 'x'.repeat(100));
  const whole = await one.get();
  const packed = await one.get({ 'Accept-Encoding': 'gzip' });
  t.equal(packed.headers['Content-Encoding'], 'gzip');
  t.same(gunzipSync(packed.bytes), whole.bytes);
  t.ok(isFor(packed, whole.bytes));
  t.equal((await one.get({ 'Accept-Encoding': 'gzip', 'If-None-Match': whole.headers.ETag ?? '' })).status, 304);
  const part = await one.get({ 'Accept-Encoding': 'gzip', Range: `bytes=${whole.bytes.length - 5}-` });
  t.equal(part.headers['Content-Encoding'], undefined);
  t.equal(part.text, 'xxxx\n');
});

t.test('one version is compressed at a time; others are sent as they are until it is ready', async (t) => {
  const one = await start(t);
  for (let at = 0; at < 30; at++) await one.put(`p${at}`, 'x'.repeat(100));
  const first = one.get({ 'Accept-Encoding': 'gzip' });
  // in the same turn as the first request asks for its version, the next version is there
  await one.put('p0', 'more');
  const answers = await Promise.all([first, one.get({ 'Accept-Encoding': 'gzip' })]);
  for (const { headers, bytes } of answers) {
    const whole = headers['Content-Encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    t.equal(headers.ETag, `"${digestOf('md5', whole)}"`);
  }
  t.equal((await one.get({ 'Accept-Encoding': 'gzip' })).headers['Content-Encoding'], 'gzip');
});

t.test('a caller that may not read all packages gets the others left out, and no ranges', async (t) => {
  const one = await start(t, undefined, { auth: { ...auth, anonymousScopes: [] } });
  for (const [name, text] of [
    ['pub-a', '1'],
    ['secret', '1'],
    ['pub-b', '1'],
    ['pub-a', '2'],
  ] as const) {
    await one.put(name, text);
  }
  const all = await one.get(await one.as(['journal:page:*:read']));
  t.match(all.text, /secret/);
  const some = await one.as(['journal:page:pub-*:read']);
  const part = await one.get(some);
  const head = all.text.slice(0, all.text.indexOf('---\n') + 4);
  t.equal(part.text, `${head}pub-a 1\npub-a 2\npub-b 1\n`);
  t.equal(part.headers.ETag, `"${digestOf('md5', part.bytes)}"`, 'Bundler takes no other ETag');
  t.equal(part.headers['Accept-Ranges'], undefined);
  const ranged = await one.get({ ...some, Range: `bytes=${part.bytes.length - 1}-` });
  t.match(ranged, { status: 200, text: part.text });
  t.equal((await one.get({ ...some, 'If-None-Match': part.headers.ETag ?? '' })).status, 304);
  await one.put('secret', '2');
  t.equal(
    (await one.get({ ...some, 'If-None-Match': part.headers.ETag ?? '' })).status,
    304,
    'nothing for this caller',
  );
  await one.put('pub-b', '2');
  t.match((await one.get(some)).text, /pub-b 2\n$/);
  const nothing = await one.get(await one.as(['journal:page:none:read']));
  t.equal(nothing.text, head);
  await one.log?.rebuild();
  t.match((await one.get(some)).text, /^created: .*\n---\npub-a 1,2\npub-b 1,2\n$/);
});

t.test('a filtered log that is compressed has the md5 of the unpacked one too', async (t) => {
  const one = await start(t, undefined, { auth: { ...auth, anonymousScopes: [] } });
  for (let at = 0; at < 30; at++) await one.put(`pub-${at}`, 'x'.repeat(100));
  await one.put('secret', '1');
  const some = await one.as(['journal:page:pub-*:read']);
  const { headers, bytes } = await one.get({ ...some, 'Accept-Encoding': 'gzip' });
  t.equal(headers['Content-Encoding'], 'gzip');
  t.equal(headers.ETag, `"${digestOf('md5', gunzipSync(bytes))}"`);
});

t.test('a listing that is a gzip file is sent as it is', async (t) => {
  const one = await start(t);
  await one.put('a', '1');
  await one.put('bb', '1');
  await one.put('bb', '2');
  const file = await send(one.registry, 'GET', '/journal/counts.gz', { headers: { 'Accept-Encoding': 'gzip' } });
  t.match(file, { status: 200, headers: { 'Content-Type': 'application/octet-stream' } });
  t.equal(file.headers['Content-Encoding'], undefined);
  t.same([...gunzipSync(file.bytes)], [1, 1, 2, 2]);
  const again = await send(one.registry, 'GET', '/journal/counts.gz', {
    headers: { 'If-None-Match': file.headers.ETag ?? '' },
  });
  t.equal(again.status, 304);
});
