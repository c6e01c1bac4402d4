import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { crcOfBlocks } from '../../support/archives/blocks.js';
import { type IZipPart, zipOf } from '../../support/archives/zips.js';
import { temporaryFolder } from '../../support/registry.js';

const MIB = 1024 * 1024;
const SIZE = 500 * MIB;
const CRC = crcOfBlocks(SIZE);
const ALLOWED = 64 * MIB;
/** Content whose end is searched is copied once, chunk by chunk; the collector needs a moment to notice. */
const ALLOWED_BEHIND = 96 * MIB;

/** A wheel without the content of its last file, and the place where that belongs. */
const frame = (behind: boolean): { bytes: Buffer; at: number } => {
  const sizes = { packedSize: SIZE, size: SIZE, crc: CRC };
  const big: IZipPart = behind
    ? { name: 'demo/big.so', stored: true, descriptor: 'signed', central: sizes }
    : { name: 'demo/big.so', stored: true, local: sizes, central: sizes };
  const parts: IZipPart[] = [
    { name: 'demo-1.0.dist-info/METADATA', content: 'Name: demo\n' },
    ...Array.from({ length: 10_000 }, (_, at) => ({ name: `demo/a/folder/of/a/package/${at}.py`, content: `${at}` })),
    big,
  ];
  const start = zipOf(parts).indexOf('PK\x01\x02');
  const bytes = zipOf(parts, { end: { start: start + SIZE } });
  if (!behind) return { bytes, at: start };
  bytes.writeUInt32LE(CRC, start - 12);
  bytes.writeUInt32LE(SIZE, start - 8);
  bytes.writeUInt32LE(SIZE, start - 4);
  return { bytes, at: start - 16 };
};

t.setTimeout(280_000);

t.test('a wheel of 500 MiB with 10,000 files costs little memory', async (t) => {
  const folder = await temporaryFolder(t);
  const child = fileURLToPath(new URL('../../support/archives/bigwheel.ts', import.meta.url));
  for (const behind of [false, true]) {
    const { bytes, at } = frame(behind);
    const file = join(folder, 'frame');
    await writeFile(file, bytes);
    const { stdout } = await promisify(execFile)(process.execPath, ['--import=tsx', child, file, `${at}`, `${SIZE}`]);
    const { before, peak, cpu } = JSON.parse(stdout) as { before: number; peak: number; cpu: number };
    const extra = ((peak - before) / MIB).toFixed(0);
    const form = behind ? 'sizes behind the content' : 'sizes before the content';
    t.comment(`${form}: ${extra} MiB more at the peak, ${cpu.toFixed(2)} s of CPU`);
    t.ok(peak - before < (behind ? ALLOWED_BEHIND : ALLOWED), `${form}: ${extra} MiB`);
  }
});
