/**
 * Run as a process of its own by test/npm/test.memory.ts: publishes a document from a file and prints how many bytes
 * were in use at most, before and meanwhile, and the resident size. Arguments: file, data directory, `stream` or
 * `object`.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { SmartRegistry, streamToBuffer } from '../../../ts/index.js';
import { publishOf } from './packages.js';

const [file, directory, form] = process.argv.slice(2) as [string, string, string];

const tell = (message: string, fields?: object) => console.error(message, fields);
const registry = new SmartRegistry({
  logger: { info: () => {}, warn: tell, error: tell },
  storage: { directory },
  auth: {
    jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
    tokenStore: 'memory',
    anonymousScopes: ['npm:*:*:*'],
  },
  npm: { enabled: true },
});
await registry.init();

const put = async (name: string, body: unknown): Promise<number> => {
  const response = await registry.handleRequest({ method: 'PUT', path: `/npm/${name}`, headers: {}, query: {}, body });
  const text = (await streamToBuffer(response.body)).toString();
  if (response.status !== 201) throw new Error(`${response.status} ${text}`);
  return response.status;
};

// what the first request loads is not what a large one costs
await put('small', JSON.stringify(await publishOf('small', '1.0.0')));

const body = async (): Promise<unknown> => {
  if (form === 'stream') return Readable.toWeb(createReadStream(file, { highWaterMark: 64 * 1024 }));
  const text = await readFile(file, 'latin1');
  const start = text.indexOf('"data":"') + 8;
  const data = text.slice(start, text.indexOf('"', start));
  const versions = { '1.0.0': { name: 'big', version: '1.0.0' } };
  return { name: 'big', versions, _attachments: { 'big-1.0.0.tgz': { data } } };
};
const large = await body();
// what reading the file left behind is no part of the publish
for (let round = 0; round < 3; round++) {
  await setTimeout(50);
  global.gc?.();
}

/**
 * Bytes in use. Garbage does not count: how much of it there is at a time depends on how busy the machine is, because
 * V8 frees buffers in threads of its own. The second collection completes what the first one has found.
 */
const inUse = (): number => {
  global.gc?.();
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
const before = inUse();
const resident = process.memoryUsage().rss;
let peak = before;
// a few times a second, because each look takes tens of milliseconds; a body that is held is held for seconds
const watch = setInterval(() => {
  peak = Math.max(peak, inUse());
}, 250);
await put('big', large);
clearInterval(watch);
// the system's own figure misses no peak; it counts from the start of the process, in which `object` read the file
const mostResident = form === 'stream' ? process.resourceUsage().maxRSS * 1024 : process.memoryUsage().rss;
process.stdout.write(JSON.stringify({ inUse: peak - before, resident: mostResident - resident }));
await registry.destroy();
