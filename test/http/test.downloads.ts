import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { streamOfSource, takeSource } from '../../ts/core/base/helpers.streams.js';
import type { DirectoryObjectStore } from '../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { takeBuffer } from '../../ts/http/helpers.buffers.js';
import { type IExchange, sendResponse } from '../../ts/http/helpers.noderesponse.js';
import { toNodeListener } from '../../ts/http/index.js';
import type { IResponse } from '../../ts/index.js';
import { handler, listenWith } from '../support/http/host.js';
import { makeDirectory, openStore } from '../support/store/objectstore-directory.js';
import { manyTurns, until } from '../support/waiting.js';

const MIB = 1024 * 1024;
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const serve = async (store: DirectoryObjectStore, key: string, signal?: AbortSignal): Promise<IResponse> => {
  const found = await store.get(key, { signal });
  if (!found || found === 'notModified') return { status: 404, headers: {} };
  return { status: 200, headers: { 'Content-Length': String(found.info.size) }, body: found.body };
};

/** Downloads, taking a rest of `pause` ms after each chunk; how many bytes came, and their hash. */
const download = async (port: number, path: string, pause = 0): Promise<{ size: number; hash: string }> => {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ port, path, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
  });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of response) {
    hash.update(chunk);
    size += chunk.length;
    if (pause) await delay(pause);
  }
  return { size, hash: hash.digest('hex') };
};

t.test('many downloads at once, fast and slow ones, each get their own bytes', { timeout: 120_000 }, async (t) => {
  const store = await openStore(await makeDirectory(t));
  // lengths around those of the buffers that are used again and again
  const sizes = [256 * 1024 + 1, 512 * 1024, 512 * 1024 + 1, 3 * MIB + 7, 5 * MIB];
  const contents = sizes.map((size) => randomBytes(size));
  for (const [index, bytes] of contents.entries()) await store.put(`o/${index}`, bytes, { immutable: true });
  const port = await listenWith(t, toNodeListener(handler(({ path, signal }) => serve(store, path.slice(1), signal))));
  const downloads = Array.from({ length: 40 }, async (_, turn) => {
    const index = turn % contents.length;
    const got = await download(port, `/o/${index}`, turn % 4 === 0 ? 1 : 0);
    t.same(got, { size: sizes[index], hash: sha(contents[index] as Buffer) }, `${turn}: object ${index}`);
  });
  await Promise.all(downloads);
});

t.test('clients that leave in the middle free the file, and spoil nobody else', { timeout: 60_000 }, async (t) => {
  const store = await openStore(await makeDirectory(t));
  const bytes = randomBytes(24 * MIB);
  await store.put('o', bytes, { immutable: true });
  const port = await listenWith(t, toNodeListener(handler(({ signal }) => serve(store, 'o', signal))));
  const openFiles = async () => (await readdir('/proc/self/fd')).length;
  const before = await openFiles();
  for (let turn = 0; turn < 10; turn++) {
    await new Promise<void>((resolve, reject) => {
      const request = http.get({ port, path: '/', host: '127.0.0.1', agent: false }, (response) => {
        response.once('data', () => {
          request.destroy();
          resolve();
        });
      });
      request.on('error', reject);
    });
  }
  t.same(await download(port, '/'), { size: bytes.length, hash: sha(bytes) });
  for (let tries = 0; tries < 100 && (await openFiles()) > before; tries++) await delay(50);
  t.ok((await openFiles()) <= before, 'no file is left open');
});

t.test('an object that became shorter breaks the connection, never a short success', async (t) => {
  let left = 3;
  const source = { read: async (room: Uint8Array) => (left-- > 0 ? room.byteLength : 0), close: async () => {} };
  const answer = (): IResponse => ({
    status: 200,
    headers: { 'Content-Length': String(4 * MIB) },
    body: streamOfSource(source, 1024),
  });
  const port = await listenWith(t, toNodeListener(handler(answer)));
  await t.rejects(download(port, '/'), { code: 'ECONNRESET' });
});

t.test('a buffer is used for the next download only when its bytes have left', async (t) => {
  const written: { bytes: Buffer; sent: () => void }[] = [];
  const response = Object.assign(new EventEmitter(), {
    destroyed: false,
    headersSent: false,
    writableLength: 0,
    socket: null,
    writeHead: () => undefined,
    write: (bytes: Buffer, sent: () => void) => void written.push({ bytes, sent }),
    end: () => undefined,
  });
  const request = { method: 'GET', httpVersionMajor: 1, complete: true };
  let chunks = 2;
  let isClosed = false;
  const source = {
    read: async (room: Uint8Array) => (chunks-- > 0 ? room.byteLength : 0),
    close: async () => {
      isClosed = true;
    },
  };
  const exchange = { request, response, idleTimeoutMs: 1000 } as unknown as IExchange;
  const sending = sendResponse(exchange, { status: 200, headers: {}, body: streamOfSource(source, 1024) });
  await until(() => written.length === 2);
  const [first, second] = written as [(typeof written)[0], (typeof written)[0]];
  t.not(first.bytes.buffer, second.bytes.buffer);
  first.sent();
  await until(() => isClosed);
  await sending;
  // as many as are kept, and more
  const others = Array.from({ length: 40 }, takeBuffer);
  t.notOk(
    others.some(({ buffer }) => buffer === second.bytes.buffer),
    'the socket has not taken all of it yet',
  );
  second.sent();
  await manyTurns();
  const free = [takeBuffer(), takeBuffer()].map(({ buffer }) => buffer);
  t.ok(free.includes(first.bytes.buffer) && free.includes(second.bytes.buffer), 'then both are free');
});

t.test('a stream whose reading has begun keeps its source to itself', async (t) => {
  let closed = 0;
  const make = () =>
    streamOfSource({ read: async (room) => room.fill(1).byteLength, close: async () => void closed++ }, 10);
  const untouched = make();
  const source = takeSource(untouched);
  t.ok(source && 'read' in source);
  t.equal(takeSource(untouched), undefined, 'once only');
  const begun = make();
  const reader = begun.getReader();
  t.equal((await reader.read()).value?.byteLength, 10);
  reader.releaseLock();
  t.equal(takeSource(begun), undefined);
  await begun.cancel();
  t.equal(closed, 1);
});
