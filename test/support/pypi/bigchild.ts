/**
 * Run as a process of its own by test/pypi/test.memory.ts: uploads a wheel of so many bytes and prints by how much the
 * process grew at its largest. Arguments: data directory, bytes.
 */
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { SmartRegistry, streamToBuffer } from '../../../ts/index.js';
import { BLOCK, crcOfBlocks } from '../archives/blocks.js';
import { type IZipPart, zipOf } from '../archives/zips.js';
import { multipart } from '../multipart.js';
import { contentOf, fieldsOf } from './actors.js';
import { metadataOf, wheel } from './distributions.js';

const [directory, bytesText] = process.argv.slice(2) as [string, string];
const SIZE = Number(bytesText);

const tell = (message: string, fields?: object) => console.error(message, fields);
const registry = new SmartRegistry({
  logger: { info: () => {}, warn: tell, error: tell },
  storage: { directory },
  auth: {
    jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
    tokenStore: 'memory',
    anonymousScopes: ['pypi:*:*:*'],
  },
  pypi: { enabled: true },
});
await registry.init();

const post = async (body: unknown, contentType: string): Promise<void> => {
  const headers = { 'content-type': contentType };
  const response = await registry.handleRequest({ method: 'POST', path: '/pypi/', headers, query: {}, body });
  const text = (await streamToBuffer(response.body)).toString();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
};

/** A wheel without the content of its last file, and the place where that belongs. */
const frame = (): { bytes: Buffer; at: number } => {
  const sizes = { packedSize: SIZE, size: SIZE, crc: crcOfBlocks(SIZE) };
  const parts: IZipPart[] = [
    { name: 'big-1.0.dist-info/METADATA', content: metadataOf('big', '1.0') },
    { name: 'big-1.0.dist-info/WHEEL', content: 'Wheel-Version: 1.0' },
    { name: 'big-1.0.dist-info/RECORD', content: '' },
    { name: 'big/big.so', stored: true, local: sizes, central: sizes },
  ];
  const at = zipOf(parts).indexOf('PK\x01\x02');
  return { bytes: zipOf(parts, { end: { start: at + SIZE } }), at };
};

async function* form(): AsyncGenerator<Buffer> {
  const { bytes, at } = frame();
  const file = { ...wheel('big', '1.0'), bytes: Buffer.alloc(0) };
  const { sha256_digest: _, md5_digest: __, ...fields } = fieldsOf(file);
  const { head } = multipart([]);
  const rest = multipart(Object.entries(fields).map(([name, value]) => ({ name, value })));
  // the parts without the closing boundary
  yield rest.bytes.subarray(0, rest.bytes.lastIndexOf('\r\n--'));
  yield head('content', contentOf(file).filename as string);
  yield bytes.subarray(0, at);
  for (let sent = 0; sent < SIZE; sent += BLOCK.length) yield BLOCK;
  yield bytes.subarray(at);
  yield rest.tail;
}

// what the first request loads is not what a large one costs
const small = wheel('small', '1.0');
const first = multipart([
  ...Object.entries(fieldsOf(small)).map(([name, value]) => ({ name, value })),
  contentOf(small),
]);
await post(first.bytes, first.contentType);
for (let round = 0; round < 3; round++) {
  await setTimeout(50);
  global.gc?.();
}

const before = process.memoryUsage().rss;
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 5);
await post(Readable.from(form(), { objectMode: false }), first.contentType);
clearInterval(watch);
// the system's own figure misses no peak; it counts from the start of the process
peak = Math.max(peak, process.resourceUsage().maxRSS * 1024);
process.stdout.write(JSON.stringify({ before, peak }));
await registry.destroy();
