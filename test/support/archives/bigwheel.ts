/**
 * Run as a process of its own by test.memory.ts: passes a wheel through the reader of zips and prints
 * `{ before, peak, cpu }`: bytes of memory before and at the largest, and seconds of CPU. Arguments: a file with the
 * wheel without the content of its last file, the place where that belongs, and its length.
 */
import { readFileSync } from 'node:fs';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import type { IZipFacts } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { BLOCK } from './blocks.js';

const [file, place, length] = process.argv.slice(2) as [string, string, string];
const [at, size] = [Number(place), Number(length)];
const bytes = readFileSync(file);

async function* wheel(): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes.subarray(0, at);
  for (let sent = 0; sent < size; sent += BLOCK.length) yield BLOCK;
  yield bytes.subarray(at);
}

const rules = {
  noun: 'The wheel',
  maxUnpackedSize: 2 * size,
  links: 'refuse',
  names: 'utf8',
  unpacks: 'all',
  wanted: (path: string) => (path.endsWith('/METADATA') ? 100_000 : undefined),
} as const;

const before = process.memoryUsage().rss;
const { user, system } = process.cpuUsage();
let facts: IZipFacts | undefined;
// not `maxRSS`: a child process starts with its parent's
let peak = before;
let passed = 0;
for await (const _ of inspectZip(wheel(), rules, (found) => (facts = found))) {
  passed += 1;
  if (passed % 16 === 0) peak = Math.max(peak, process.memoryUsage.rss());
}
peak = Math.max(peak, process.memoryUsage.rss());
const used = process.cpuUsage();
if (facts?.entries.size !== 10_002 || facts.texts.size !== 1) throw new Error('the wheel was not read');
console.log(JSON.stringify({ before, peak, cpu: (used.user + used.system - user - system) / 1e6 }));
