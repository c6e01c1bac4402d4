import { createHash, randomBytes } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { plainAgent } from '../../../ts/core/objectstore/s3/helpers.agent.js';

const KIB = 1024;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const drained = (response: http.ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

/** Answers to `/SIZE/PIECE` with as many bytes, a piece at a time; small ones reach the client one by one. */
const startServer = async (bytes: Buffer) => {
  const sockets = new Set<unknown>();
  const server = http.createServer(async (request, response) => {
    sockets.add(request.socket);
    const [size = 0, piece = 0] = (request.url ?? '').slice(1).split('/').map(Number);
    response.writeHead(200, { 'Content-Length': size });
    for (let at = 0; at < size && !response.destroyed; at += piece) {
      response.write(bytes.subarray(at, Math.min(size, at + piece)));
      if (piece < 64 * KIB) await delay(1);
      if (response.writableNeedDrain) await drained(response);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, sockets, port: (server.address() as AddressInfo).port };
};

t.test('an agent with buffers of its own', async (t) => {
  const bytes = randomBytes(24 * KIB * KIB);
  const { server, sockets, port } = await startServer(bytes);
  const agent = plainAgent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => {
    agent.destroy();
    server.close();
  });
  const open = (path: string): Promise<http.IncomingMessage> =>
    new Promise((resolve, reject) => {
      http.get({ host: '127.0.0.1', port, agent, path }, resolve).on('error', reject);
    });
  const get = async (path: string, pauseMs = 0): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of await open(path)) {
      chunks.push(chunk);
      if (pauseMs > 0) await delay(pauseMs);
    }
    return Buffer.concat(chunks);
  };

  const cases: [number, number][] = [
    [0, 1],
    [1, 1],
    [20 * KIB, 1 * KIB],
    [300 * KIB, 20 * KIB],
    [2 * KIB * KIB, 50 * KIB],
    [bytes.length, 256 * KIB],
    [5, 5],
    [bytes.length, bytes.length],
  ];
  for (const [size, piece] of cases) {
    const got = await get(`/${size}/${piece}`);
    t.equal(sha256(got), sha256(bytes.subarray(0, size)), `${size} bytes, ${piece} at a time`);
  }
  const slow = await get(`/${bytes.length}/${256 * KIB}`, 2);
  t.equal(sha256(slow), sha256(bytes), 'and what is read slowly is not written over');
  t.equal(sockets.size, 1, 'on one connection');

  const unread = await open(`/${bytes.length}/${64 * KIB}`);
  await delay(300);
  const held = unread.readableLength + unread.socket.readableLength;
  t.ok(held < KIB * KIB, `a reader that waits is waited for: ${held} bytes are held`);
  unread.destroy();
});
