import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import t from 'tap';
import tar from 'tar-stream';
import { temporaryFolder } from '../support/registry.js';

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
/** Of bytes in use, without garbage. */
const ALLOWED = 32 * MIB;

/** A publish document in berry's order, with a tarball of 200 MiB in it; never whole in memory. */
const writeDocument = async (file: string): Promise<void> => {
  const out = createWriteStream(file);
  out.write('{"_attachments":{"big-1.0.0.tgz":{"data":"');
  const pack = tar.pack();
  pack.entry({ name: 'package/package.json' }, '{"name":"big","version":"1.0.0"}');
  const filling = (async () => {
    const entry = pack.entry({ name: 'package/big.bin', size: SIZE });
    const block = randomBytes(MIB);
    for (let written = 0; written < SIZE; written += MIB) {
      if (!entry.write(block)) await once(entry, 'drain');
    }
    entry.end(null);
    pack.finalize();
  })();
  let rest: Buffer = Buffer.alloc(0);
  await pipeline(pack, createGzip({ level: 0 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      const bytes = Buffer.concat([rest, chunk]);
      const cut = bytes.length - (bytes.length % 3);
      rest = bytes.subarray(cut);
      if (!out.write(bytes.toString('base64', 0, cut))) await once(out, 'drain');
    }
  });
  await filling;
  out.write(rest.toString('base64'));
  out.end('","end":0}},"name":"big","versions":{"1.0.0":{"name":"big","version":"1.0.0"}}}');
  await once(out, 'close');
};

t.setTimeout(280_000);

t.test('a tarball of 200 MiB costs little memory', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'document.json');
  await writeDocument(file);
  const child = fileURLToPath(new URL('../support/npm/bigchild.ts', import.meta.url));
  for (const form of ['stream', 'object']) {
    const data = join(folder, form);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import=tsx', '--expose-gc', child, file, data, form],
      { maxBuffer: MIB },
    );
    const { inUse, resident } = JSON.parse(stdout) as { inUse: number; resident: number };
    const shown = `${form}: ${(inUse / MIB).toFixed(0)} MiB more in use, ${(resident / MIB).toFixed(0)} MiB more resident`;
    t.comment(shown);
    t.ok(inUse < ALLOWED, shown);
    // and garbage is collected while the bytes come, instead of at the end
    t.ok(resident < SIZE, shown);
  }
});
