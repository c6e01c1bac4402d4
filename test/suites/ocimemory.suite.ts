import { createHash } from 'node:crypto';
import t from 'tap';
import { type IRepository, pullBlob, pushBlob, pushModes, verifyBlob } from '../support/oci/blobs.js';
import { Noise } from '../support/oci/noise.js';
import type { OciStore } from '../support/oci/store.js';
import { forgetPeak, memoryOf } from '../support/process-watch.js';

const MIB = 1024 ** 2;
const RANGE = 64 * MIB;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Parts one after the other, as a client that resumes; compared as a whole. */
const pullByRanges = async (from: IRepository, blob: Noise): Promise<boolean> => {
  const hash = createHash('sha256');
  for (let at = 0; at < blob.size; at += RANGE) {
    await pullBlob(from, blob.digest, { hash, range: [at, Math.min(blob.size, at + RANGE) - 1] });
  }
  return `sha256:${hash.digest('hex')}` === blob.digest;
};

/** How far the server's memory rises above that of the idle server while one big layer goes up and comes down. */
export const ociMemorySuite = (store: OciStore, about: { size: number; allowed: number }): void => {
  const { size, allowed } = about;
  const title = `a layer of ${size / MIB} MiB costs less than ${allowed} MiB of memory: ${store.label}`;
  t.test(title, { timeout: 900_000 }, async (t) => {
    const server = await store.start(t);
    const repository = await server.open('memory/big');
    t.teardown(() => repository.connection.destroy());
    const cold = await memoryOf(server.pid);
    // what every first request costs is not the transfer's
    for (const [seed, mode] of pushModes.entries()) {
      const warm = new Noise(100 + seed, MIB);
      await pushBlob(repository, warm, mode);
      await verifyBlob(repository, warm.digest, warm.size);
    }
    await pause(1000);
    const idle = (await memoryOf(server.pid)).now;
    t.comment(`idle: ${cold.now.toFixed(0)} MiB after the start, ${idle.toFixed(0)} MiB after a few small requests`);
    const watch = async (what: string, work: () => Promise<void>): Promise<void> => {
      await forgetPeak(server.pid);
      const began = performance.now();
      await work();
      const rate = size / 1e3 / (performance.now() - began);
      const above = (await memoryOf(server.pid)).peak - idle;
      t.ok(above < allowed, `${what}: ${above.toFixed(0)} MiB above idle at ${rate.toFixed(0)} MB/s`);
    };
    for (const [seed, mode] of pushModes.entries()) {
      const blob = new Noise(seed, size);
      t.equal(blob.digest.length, 71); // hashed before the clock runs
      await watch(`up, ${mode}`, () => pushBlob(repository, blob, mode));
      if (seed === 0) {
        await watch('down, whole', () => verifyBlob(repository, blob.digest, size));
        await watch('down, by ranges', async () => {
          t.ok(await pullByRanges(repository, blob), 'the ranges make up the blob');
        });
      } else {
        await verifyBlob(repository, blob.digest, size);
      }
    }
  });
};
