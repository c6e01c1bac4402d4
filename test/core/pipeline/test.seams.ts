import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import express from 'express';
import t, { type Test } from 'tap';
import { type ILogger, type IObjectStore, type SmartRegistry, toNodeListener } from '../../../ts/index.js';
import { documentKey } from '../../../ts/npm/keys.npm.js';
import { depot } from '../../support/depot.js';
import { multipart } from '../../support/multipart.js';
import { npmWorld } from '../../support/npm/actors.js';
import { send, startRegistry, storedKeys } from '../../support/registry.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const auth = {
  jwtSecret: 'a-secret-of-the-tests',
  tokenStore: 'memory' as const,
  users: [{ username: 'ann', password: 'correct horse' }],
};

const start = (t: Test, more: { objectStore?: IObjectStore; logger?: ILogger } = {}): Promise<SmartRegistry> => {
  const { objectStore, logger } = more;
  return startRegistry(t, { auth, registries: [depot], logger, ...(objectStore && { storage: { objectStore } }) });
};

const callerOf = async (registry: SmartRegistry, scopes = ['depot:*:*:*']) => {
  const token = await registry.getAuthManager().createToken('ann', 'depot', { scopes });
  return { Authorization: `Bearer ${token}` };
};

const digestOf = (bytes: string | Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

/** A body that tells whether somebody has asked for a byte of it. */
const untouched = () => {
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulls += 1;
        controller.enqueue(new Uint8Array(10));
      },
    },
    { highWaterMark: 0 },
  );
  return { body, pulls: () => pulls };
};

/** Something that happens once, between the answer to a HEAD of such a key and what the registry does next. */
const afterHead = (store: MemoryObjectStore, prefix: string, happen: (key: string) => Promise<unknown>): void => {
  const head = store.head.bind(store);
  store.head = async (key) => {
    const info = await head(key);
    if (!key.startsWith(prefix)) return info;
    store.head = head;
    await happen(key);
    return info;
  };
};

const framesOf = (description: object, file: Uint8Array): Buffer => {
  const json = Buffer.from(JSON.stringify(description));
  const [first, second] = [Buffer.alloc(4), Buffer.alloc(4)];
  first.writeUInt32LE(json.byteLength);
  second.writeUInt32LE(file.byteLength);
  return Buffer.concat([first, json, second, file]);
};

t.test('uploads by form, in frames and bare come down as they were', async (t) => {
  const registry = await start(t);
  const headers = await callerOf(registry);
  const large = randomBytes(700_000);
  const form = multipart([
    { name: 'content', filename: 'by-form', value: large },
    { name: 'name', value: 'a' },
  ]);
  const posted = await send(registry, 'POST', '/depot/form', {
    headers: { ...headers, 'Content-Type': form.contentType },
    body: form.bytes,
  });
  t.equal(posted.status, 201, posted.text);
  const framed = framesOf({ name: 'a', file: 'in-frames' }, large);
  t.equal((await send(registry, 'PUT', '/depot/frames', { headers, body: framed })).status, 201);
  t.equal((await send(registry, 'PUT', '/depot/bare', { headers, body: 'a\nbare\n' })).status, 201);
  for (const [file, bytes] of [
    ['by-form', large],
    ['in-frames', large],
    ['bare', Buffer.from('a\nbare\n')],
  ] as const) {
    t.same((await send(registry, 'GET', `/depot/files/a/${file}`)).bytes, bytes, file);
  }
  const more = await send(registry, 'PUT', '/depot/frames', { headers, body: Buffer.concat([framed, large]) });
  t.equal(more.status, 400, 'something behind the last frame');
  const less = await send(registry, 'PUT', '/depot/frames', { headers, body: framed.subarray(0, -1) });
  t.equal(less.status, 400, 'a frame that is not whole');
  t.notOk(
    (await storedKeys(registry)).some((key) => key.startsWith('staging/')),
    'and nothing of them is left',
  );
});

t.test('a late row refuses before a byte of the body is read', async (t) => {
  const registry = await start(t);
  for (const [what, headers, status] of [
    ['nobody', {}, 401],
    ['a caller of other rights', await callerOf(registry, ['depot:depot:*:read', 'depot:shelf:*:write']), 403],
  ] as const) {
    for (const [method, path] of [
      ['POST', '/depot/form'],
      ['PUT', '/depot/frames'],
      ['PUT', '/depot/bare'],
    ] as const) {
      const { body, pulls } = untouched();
      t.equal((await send(registry, method, path, { headers, body })).status, status, `${what}: ${path}`);
      t.equal(pulls(), 0, 'untouched');
    }
  }
});

t.test('late content is handed out to who may have it under its name, and to nobody else', async (t) => {
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const registry = await start(t, { logger: { info: note, warn: note, error: note } });
  const headers = await callerOf(registry, ['depot:depot:a:write', 'depot:depot:b:read']);
  const put = async (path: string, body: string) => (await send(registry, 'PUT', path, { headers, body })).status;
  t.equal(await put('/depot/bare', 'b\nfile\n'), 403);
  t.equal(await put('/depot/bare', `b\nfile\n${'x'.repeat(700_000)}`), 403);
  t.equal(await put('/depot/careless', 'x'), 500, 'a handler that forgets to ask');
  t.equal(await put('/depot/mistaken', 'x'), 500, 'a handler that asks for one name and writes another');
  t.equal(await put('/depot/confused', 'x'), 500, 'a handler that asks whether the name may be read');
  t.ok(
    logged.some((message) => /before call\.authorize/.test(message)),
    'is told so',
  );
  t.same(await storedKeys(registry), []);
  t.equal(await put('/depot/bare', 'a\nfile\n'), 201);
});

t.test('the caller of a call is readable', async (t) => {
  const registry = await start(t);
  const headers = await callerOf(registry);
  const { actor } = (await send(registry, 'GET', '/depot/actor', { headers, actor: { ip: '10.0.0.1' } })).json();
  t.match(actor, { userId: 'ann', ip: '10.0.0.1' });
});

t.test('several ranges of an artifact', async (t) => {
  const registry = await start(t);
  const headers = await callerOf(registry);
  const content = Buffer.concat([Buffer.from('a\nfile\n'), randomBytes(300_000)]);
  t.equal((await send(registry, 'PUT', '/depot/bare', { headers, body: content })).status, 201);
  const get = (asked: Record<string, string>, method = 'GET') =>
    send(registry, method, '/depot/files/a/file', { headers: asked });
  const partsOf = ({ headers: found, bytes }: Awaited<ReturnType<typeof get>>) => {
    const [, boundary] = /^multipart\/byteranges; boundary=(\w+)$/.exec(found['Content-Type'] ?? '') ?? [];
    t.equal(found['Content-Length'], String(bytes.byteLength), 'as long as it says');
    t.equal(found['Content-Range'], undefined);
    return bytes
      .toString('latin1')
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => {
        const end = part.indexOf('\r\n\r\n');
        t.match(part.slice(0, end), /Content-Type: application\/x-depot/);
        const range = /Content-Range: bytes (\S+)/.exec(part.slice(0, end))?.[1];
        return [range, Buffer.from(part.slice(end + 4, -2), 'latin1')] as const;
      });
  };
  const size = content.byteLength;
  const several = await get({ Range: 'bytes=0-9,100000-199999,-5' });
  t.equal(several.status, 206);
  t.equal(several.headers['Repr-Digest'], digestOf(content), 'the digest is that of the whole');
  t.same(partsOf(several), [
    [`0-9/${size}`, content.subarray(0, 10)],
    [`100000-199999/${size}`, content.subarray(100_000, 200_000)],
    [`${size - 5}-${size - 1}/${size}`, content.subarray(-5)],
  ]);
  const apart = await get({ Range: 'bytes=0-9,10-19' });
  t.equal(partsOf(apart).length, 2, 'ranges that only touch stay apart: some clients count them');
  const joined = await get({ Range: 'bytes=0-9,5-14' });
  t.equal(joined.status, 206);
  t.equal(joined.headers['Content-Range'], `bytes 0-14/${size}`);
  t.same(joined.bytes, content.subarray(0, 15));
  const etag = several.headers.ETag as string;
  t.equal((await get({ Range: 'bytes=0-1,3-4', 'If-Range': etag })).status, 206);
  for (const [what, asked] of [
    ['If-Range of another state', { Range: 'bytes=0-1,3-4', 'If-Range': '"other"' }],
    ['a weak If-Range', { Range: 'bytes=0-1', 'If-Range': `W/${etag}` }],
    [
      'more ranges than are answered',
      { Range: `bytes=${Array.from({ length: 33 }, (_, at) => `${at * 9}-${at * 9}`)}` },
    ],
  ] as const) {
    const whole = await get(asked);
    t.equal(whole.status, 200, what);
    t.same(whole.bytes, content, what);
  }
  t.equal((await get({ Range: 'bytes=0-1,3-4', 'If-None-Match': etag })).status, 304);
  for (const outside of [`bytes=${size}-`, `bytes=${size}-,-0`, 'bytes=9-5']) {
    const refused = await get({ Range: outside });
    t.equal(refused.status, 416, outside);
    t.equal(refused.headers['Content-Range'], `bytes */${size}`, outside);
  }
  for (const ignored of ['bytes=5-2', 'bytes=0-1', 'bytes=0-1,3-4', `bytes=${size}-`]) {
    const head = await get({ Range: ignored }, 'HEAD');
    t.equal(head.status, 200, `HEAD ${ignored}`);
    t.equal(head.headers['Content-Length'], String(size));
  }
});

t.test('a part of content that changes while it is sent breaks off, and is never glued to the other', async (t) => {
  const objectStore = new MemoryObjectStore();
  const registry = await start(t, { objectStore });
  const headers = await callerOf(registry);
  await send(registry, 'PUT', '/depot/bare', { headers, body: `a\nfile\n${'x'.repeat(1000)}` });
  const get = objectStore.get.bind(objectStore);
  let opened = 0;
  objectStore.get = async (key, options) => {
    if (key.startsWith('depot/files/')) {
      opened += 1;
      if (opened === 2) await objectStore.put(key, Buffer.from('y'.repeat(1007)));
    }
    return get(key, options);
  };
  const ask = (range: string) => send(registry, 'GET', '/depot/files/a/file', { headers: { Range: range } });
  await t.rejects(ask('bytes=0-9,500-509'), { message: /changed/ });
  const { headers: found } = await send(registry, 'GET', '/depot/files/a/file');
  afterHead(objectStore, 'depot/files/', (key) => objectStore.put(key, Buffer.from('z'.repeat(1007))));
  const { status, text } = await send(registry, 'GET', '/depot/files/a/file', {
    headers: { Range: 'bytes=0-9', 'If-Range': found.ETag as string },
  });
  t.same([status, text], [200, 'z'.repeat(1007)], 'a client that knows the older state gets all of the newer one');
});

t.test('what is rendered of a newer document is not given for the older one when that comes back', async (t) => {
  const objectStore = new MemoryObjectStore();
  const registry = await start(t, { objectStore });
  const key = 'depot/documents/a.json';
  // its ETags are hashes of the content, as those of S3 are, and other hands than ours bring the same bytes back
  const restore = (index: string) => objectStore.put(key, Buffer.from(JSON.stringify({ files: [], index })));
  const read = async () => (await send(registry, 'GET', '/depot/index/a')).text;
  await restore('one');
  afterHead(objectStore, key, () => restore('two'));
  t.equal(await read(), 'two', 'written between the look and the read');
  t.equal(await read(), 'two');
  await restore('one');
  t.equal(await read(), 'one');
});

t.test('a document that grows: parts, a digest of the whole, and an ETag of its own', async (t) => {
  const registry = await start(t);
  const headers = await callerOf(registry);
  for (const file of ['one', 'two', 'three']) {
    await send(registry, 'PUT', '/depot/bare', { headers, body: `a\n${file}\n` });
  }
  const index = 'one 6\ntwo 6\nthree 8\n';
  const md5 = createHash('md5').update(index).digest('hex');
  const get = (asked: Record<string, string>) => send(registry, 'GET', '/depot/index/a', { headers: asked });
  const whole = await get({ 'Accept-Encoding': 'gzip' });
  t.equal(whole.text, index);
  t.match(whole.headers, { ETag: `"${md5}"`, 'Repr-Digest': digestOf(index), 'Accept-Ranges': 'bytes' });
  const part = await get({ Range: 'bytes=6-', 'Accept-Encoding': 'gzip' });
  t.equal(part.status, 206);
  t.equal(part.text, index.slice(6));
  t.match(part.headers, { ETag: `"${md5}"`, 'Repr-Digest': digestOf(index), 'Content-Range': `bytes 6-19/20` });
  t.equal((await get({ Range: 'bytes=6-', 'If-None-Match': `"${md5}"` })).status, 304);
  t.equal((await get({ Range: 'bytes=6-', 'If-Range': '"older"' })).text, index);
  const past = await get({ Range: 'bytes=20-' });
  t.same([past.status, past.headers['Content-Range']], [416, 'bytes */20']);
  t.equal((await get({ Range: 'bytes=0-2,6-8' })).status, 206);
  for (const Range of ['bytes=6-', 'bytes=20-', 'bytes=5-2']) {
    const { status, headers: told } = await send(registry, 'HEAD', '/depot/index/a', { headers: { Range } });
    t.same([status, told['Content-Length'], told['Content-Range']], [200, '20', undefined], `HEAD: ${Range}`);
  }
  for (const file of ['1', '2', '3']) {
    const body = `a\n${file.repeat(500)}\n`;
    t.equal((await send(registry, 'PUT', '/depot/bare', { headers, body })).status, 201);
  }
  const long = await get({ 'Accept-Encoding': 'gzip' });
  t.equal(long.headers['Content-Encoding'], undefined, 'what a protocol wants sent as it is, is never packed');
  t.equal(long.text.length, 20 + 3 * 505);
});

t.test('no date is told, and none believed, while a second change of the same second could be missed', async (t) => {
  const objectStore = new MemoryObjectStore({ now: () => new Date(storedAt) });
  let storedAt = Date.now();
  const registry = await start(t, { objectStore });
  const headers = await callerOf(registry);
  const upload = (file: string) => send(registry, 'PUT', '/depot/bare', { headers, body: `a\n${file}\n` });
  const future = new Date(Date.now() + 100_000).toUTCString();
  await upload('fresh');
  for (const path of ['/depot/index/a', '/depot/files/a/fresh']) {
    for (const method of ['GET', 'HEAD']) {
      const fresh = await send(registry, method, path);
      t.equal(fresh.headers['Last-Modified'], undefined, `${method} ${path}`);
    }
    const asked = await send(registry, 'GET', path, { headers: { 'If-Modified-Since': future } });
    t.equal(asked.status, 200, 'a date is not believed');
    const ranged = { Range: 'bytes=0-0', 'If-Range': new Date(storedAt).toUTCString() };
    t.equal((await send(registry, 'GET', path, { headers: ranged })).status, 200);
    const etag = (await send(registry, 'GET', path)).headers.ETag as string;
    t.equal((await send(registry, 'GET', path, { headers: { 'If-None-Match': etag } })).status, 304, 'an ETag is');
  }
  storedAt = Date.now() - 3_500;
  await upload('old');
  for (const path of ['/depot/index/a', '/depot/files/a/old']) {
    const date = (await send(registry, 'GET', path)).headers['Last-Modified'] as string;
    t.equal(date, new Date(storedAt).toUTCString(), path);
    const since = async (time: string) =>
      (await send(registry, 'GET', path, { headers: { 'If-Modified-Since': time } })).status;
    t.equal(await since(date), 304, 'its own date');
    t.equal(await since(new Date(storedAt - 1000).toUTCString()), 200, 'a second before');
    const ranged = { Range: 'bytes=0-0', 'If-Range': date };
    t.equal((await send(registry, 'GET', path, { headers: ranged })).status, 206);
  }
});

t.test('an answer that was remembered without a date gets one as soon as it has one', async (t) => {
  const { anon, writer, registry } = await npmWorld(t);
  t.equal((await writer.publish('a', '1.0.0')).status, 201);
  for (let count = 0; count < 3; count++) t.equal((await anon.get('/a')).headers['Last-Modified'], undefined);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  // the memory of answers is asked only of documents that were looked at a moment ago
  await registry.getStorage().head(documentKey('a'));
  t.ok((await anon.get('/a')).headers['Last-Modified']);
});

t.test('a folder is 404 where paths are files', async (t) => {
  const registry = await start(t);
  for (const path of ['/depot/files/a/', '/depot/files/a/b/', '/depot/index/a/', '/depot/nowhere/']) {
    t.equal((await send(registry, 'GET', path)).status, 404, path);
  }
});

t.test('a form that Express and multer have read before us', async (t) => {
  const registry = await start(t);
  const form = multipart([
    { name: 'name', value: 'a' },
    { name: 'content', filename: 'f', value: 'bytes' },
  ]);
  /** What multer does, as far as others see it. */
  const asMulter: express.RequestHandler = async (req, _res, next) => {
    for await (const _chunk of req);
    req.body = Object.assign(Object.create(null), { name: 'a' });
    Object.assign(req, { file: { fieldname: 'content', originalname: 'f', buffer: Buffer.from('bytes') } });
    next();
  };
  const expected = { fields: [['name', 'a']], files: [['content', 'f', 'bytes']] };
  const byHand: express.RequestHandler = async (req, res) => {
    const { method, path, headers } = req;
    const answer = await send(registry, method, path, { headers, body: req });
    res.status(answer.status).end(answer.text);
  };
  for (const [what, before, handler, result] of [
    ['nothing before', undefined, toNodeListener(registry), expected],
    ['multer', asMulter, toNodeListener(registry), expected],
    ['multer, and the request handed over by hand', asMulter, byHand, expected],
  ] as const) {
    const app = express();
    if (before) app.use(before);
    app.use(handler as express.RequestHandler);
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const headers = { 'Content-Type': form.contentType };
    const response = await fetch(`http://127.0.0.1:${port}/depot/echo`, { method: 'POST', headers, body: form.bytes });
    t.same(await response.json(), result, what);
    server.closeAllConnections();
    server.close();
  }
  const urlencoded = express();
  urlencoded.use(express.urlencoded({ extended: true }), toNodeListener(registry) as express.RequestHandler);
  const server = urlencoded.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const body = new URLSearchParams([
    ['name', 'a'],
    ['list', '1'],
    ['list', '2'],
    ['deep[x]', 'y'],
  ]);
  const response = await fetch(`http://127.0.0.1:${port}/depot/echo`, { method: 'POST', body });
  t.same(await response.json(), {
    fields: [
      ['name', 'a'],
      ['list', '1', '2'],
      ['deep[x]', 'y'],
    ],
    files: [],
  });
  server.closeAllConnections();
  server.close();
});

t.test('what runs as the operator, as an import does, frees its body and its staging like a request', async (t) => {
  const registry = await start(t);
  const run = (path: string, body: unknown) =>
    registry.getRegistry('depot')!.runAsOperator({ method: 'PUT', path, body }, { userId: 'import' });
  await t.rejects(run('/careless', Readable.from([randomBytes(700_000)])), { kind: 'internal' } as never);
  t.same(await storedKeys(registry), []);
  const unread = Readable.from([Buffer.from('x')]);
  await t.rejects(run('/nowhere', unread), { kind: 'notFound' } as never);
  t.equal(unread.destroyed, true);
  await run('/bare', Readable.from([Buffer.from('a\nfile\n')]));
  t.equal((await send(registry, 'GET', '/depot/files/a/file')).text, 'a\nfile\n');
});

t.test('a document that was never there is told from one that was deleted', async (t) => {
  const storage = (await start(t)).getStorage();
  t.equal(await storage.presence('depot/documents/a.json'), 'absent');
  await storage.update('depot/documents/a.json', () => ({ n: 1 }));
  t.equal(await storage.presence('depot/documents/a.json'), 'present');
  await storage.update('depot/documents/a.json', () => null);
  t.equal(await storage.presence('depot/documents/a.json'), 'deleted');
});
