/**
 * Run as a program: streams one artifact of the given size into a registry and out again, and prints what it cost.
 * `gigabyte.ts <folder> <MiB>` -> `{ ok, seconds, idleMiB, peakMiB }`
 */
import { createHash } from 'node:crypto';
import { iterate } from '../../ts/core/base/helpers.streams.js';
import { SmartRegistry, toReadableStream } from '../../ts/index.js';
import { shelf } from './shelf.js';

const [directory = '', mebibytes = '1024'] = process.argv.slice(2);
const MIB = 1024 * 1024;
const anonymousScopes = ['shelf:*:*:*'];
const registry = new SmartRegistry({
  storage: { directory },
  auth: { jwtSecret: 'a-secret-of-the-tests-that-is-long', tokenStore: 'memory', anonymousScopes },
  registries: [shelf],
});
await registry.init();
const path = '/shelf/big/blob';
const plain = { path, headers: {}, query: {} };
await registry.handleRequest({ ...plain, path: '/shelf/small/x', method: 'PUT', body: toReadableStream('x') });

const idle = process.memoryUsage().rss;
const started = Date.now();
let sent = 0;
const pattern = Buffer.alloc(256 * 1024, 'smartregistry ');
const sentHash = createHash('sha256');
const body = new ReadableStream<Uint8Array>(
  {
    pull(controller) {
      if (sent >= Number(mebibytes) * MIB) return controller.close();
      sentHash.update(pattern);
      sent += pattern.length;
      controller.enqueue(Buffer.from(pattern));
    },
  },
  { highWaterMark: 0 },
);
const put = await registry.handleRequest({ ...plain, method: 'PUT', body });
const get = await registry.handleRequest({ ...plain, method: 'GET' });
const gotHash = createHash('sha256');
let received = 0;
for await (const chunk of iterate(get.body as ReadableStream<Uint8Array>)) {
  gotHash.update(chunk);
  received += chunk.length;
}
const ok =
  put.status === 201 && get.status === 200 && received === sent && gotHash.digest('hex') === sentHash.digest('hex');
const seconds = (Date.now() - started) / 1000;
// kilobytes on every platform, by getrusage
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
await registry.destroy();
console.log(JSON.stringify({ ok, seconds, idleMiB: Math.round(idle / MIB), peakMiB }));
