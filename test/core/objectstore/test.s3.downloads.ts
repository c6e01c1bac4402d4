import * as http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { toNodeListener } from '../../../ts/http/index.js';
import type { IResponse } from '../../../ts/index.js';
import { handler, listenWith } from '../../support/http/host.js';
import { bytesOf, sha256, streamOf } from '../../support/store/objectstore-bytes.js';
import { startS3Server } from '../../support/store/s3-server.js';

const MIB = 1024 ** 2;
// around the length from which on a body goes past the parser
const SIZES = [1 * MIB, 4 * MIB, 5 * MIB + 1, 9 * MIB + 7, 16 * MIB];
const server = await startS3Server();
const skip = server ? false : 'no S3 server here';
t.teardown(async () => server?.stop());

const serve = async (store: S3ObjectStore, key: string, signal?: AbortSignal): Promise<IResponse> => {
  const found = await store.get(key, { signal });
  if (!found || found === 'notModified') return { status: 404, headers: {} };
  return { status: 200, headers: { 'Content-Length': String(found.info.size) }, body: found.body };
};

/** Rests for `pause` ms after each chunk, and leaves after `enough` bytes; the bytes. */
const download = async (port: number, path: string, pause: number, enough: number): Promise<Buffer> => {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get({ port, path, host: '127.0.0.1', agent: false }, resolve).on('error', reject);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= enough) break;
    if (pause > 0) await delay(pause);
  }
  return Buffer.concat(chunks);
};

t.test('many downloads share buffers and get their own bytes each', { skip, timeout: 120_000 }, async (t) => {
  const store = new S3ObjectStore(server!.config);
  await store.init();
  t.teardown(() => store.destroy());
  await Promise.all(SIZES.map((size, seed) => store.put(`o/${seed}`, streamOf(size, { seed }))));
  const hashes = SIZES.map((size, seed) => sha256(bytesOf(size, seed)));
  const port = await listenWith(t, toNodeListener(handler(({ path, signal }) => serve(store, path.slice(1), signal))));
  const inUse = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const before = inUse();
  const downloads = Array.from({ length: 60 }, async (_, turn) => {
    const index = turn % SIZES.length;
    const leaves = turn % 6 === 5;
    const bytes = await download(
      port,
      `/o/${index}`,
      turn % 4 === 0 ? 1 : 0,
      leaves ? MIB / 2 : Number.POSITIVE_INFINITY,
    );
    if (!leaves) t.equal(sha256(bytes), hashes[index], `${turn}: object ${index}`);
  });
  await Promise.all(downloads);
  for (let tries = 0; tries < 100 && inUse() > before; tries++) await delay(20);
  t.ok(inUse() <= before, `${inUse()} sockets, ${before} before`);
});
