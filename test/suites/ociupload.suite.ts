import type { Test } from 'tap';
import { noise } from '../support/noise.js';
import { digestOf } from '../support/oci/images.js';
import { OciProbe } from '../support/oci/probe.js';
import type { TOciServer } from '../support/oci/server.js';
import { OciUpload, received } from '../support/oci/upload.js';

const step = 300_000;
const repository = 'team/http/uploads';

/** An upload in chunks that breaks off and goes on: what the specification promises to a client that asks. */
export const uploadSuite = (t: Test, server: TOciServer, label: string): void => {
  const probe = new OciProbe(server.origin, server.admin);

  t.test(`chunks with a gap and an overlap, ${label}`, async (t) => {
    const bytes = noise(`${label} chunks`, 3 * step + 7);
    const upload = new OciUpload(probe, repository);
    const begun = await upload.begin();
    t.equal(begun.status, 202);
    t.ok(upload.location, 'there is a place to send it to');
    const first = await upload.patch(bytes.subarray(0, step), 0);
    t.equal(first.status, 202, 'the first chunk');
    t.equal(received(first), step);
    const gap = await upload.patch(bytes.subarray(2 * step, 3 * step), 2 * step);
    t.equal(gap.status, 416, 'a gap is refused');
    const overlap = await upload.patch(bytes.subarray(step - 10, 2 * step), step - 10);
    t.equal(overlap.status, 416, 'an overlap too');
    const asked = await upload.status();
    t.equal(asked.status, 204, 'the upload is still there');
    t.equal(received(asked), step, 'and as long as before');
    t.equal((await upload.patch(bytes.subarray(step, 2 * step), step)).status, 202, 'the right chunk is taken');
    const done = await upload.finish(digestOf(bytes), bytes.subarray(2 * step), 2 * step);
    t.equal(done.status, 201, 'the last one comes with the digest', { answer: done.bytes.toString() });
    t.equal(done.headers.get('docker-content-digest'), digestOf(bytes));
    t.equal(digestOf((await probe.blob(repository, digestOf(bytes))).bytes), digestOf(bytes), 'the blob is whole');
    t.equal((await upload.status()).status, 404, 'the upload is over');
  });

  for (const kind of ['chunk', 'stream'] as const) {
    t.test(`a ${kind} that breaks off in the middle, ${label}`, async (t) => {
      const bytes = noise(`${label} ${kind}`, 3 * step);
      const upload = new OciUpload(probe, repository);
      await upload.begin();
      t.equal((await upload.patch(bytes.subarray(0, step), 0)).status, 202, 'the first chunk');
      await upload.breakOff(
        bytes.subarray(step, step + 100_000),
        kind === 'chunk' ? { 'content-length': step, 'content-range': `${step}-${2 * step - 1}` } : {},
      );
      let asked = await upload.status();
      for (let tries = 0; asked.status !== 204 && tries < 20; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100)); // the registry may not have noticed yet
        asked = await upload.status();
      }
      t.equal(asked.status, 204, 'the upload is still there');
      const have = received(asked);
      t.ok(have >= step && have <= step + 100_000, `it has ${have} bytes: no less than it said, no more than it got`);
      t.equal((await upload.patch(bytes.subarray(have), have)).status, 202, 'the rest is taken from there');
      const done = await upload.finish(digestOf(bytes));
      t.equal(done.status, 201, 'and the digest is right', { answer: done.bytes.toString() });
      t.equal(digestOf((await probe.blob(repository, digestOf(bytes))).bytes), digestOf(bytes), 'the blob is whole');
    });
  }

  t.test(`a wrong digest, and an upload that is given up, ${label}`, async (t) => {
    const bytes = noise(`${label} wrong`, 1000);
    const upload = new OciUpload(probe, repository);
    await upload.begin();
    await upload.patch(bytes, 0);
    const wrong = await upload.finish(digestOf(Buffer.from('something else')));
    t.equal(wrong.status, 400, 'a wrong digest is refused');
    t.match(wrong.bytes.toString(), /DIGEST_INVALID/);
    t.equal((await probe.blob(repository, digestOf(bytes))).status, 404, 'nothing is stored');
    const other = new OciUpload(probe, repository);
    await other.begin();
    t.equal((await probe.request(other.location, { method: 'DELETE' })).status, 204, 'an upload can be given up');
    t.equal((await other.status()).status, 404, 'it is gone then');
  });
};

/** The server ends in the middle of an upload, by the hardest signal; the client goes on with the next one. */
export const restartSuite = (t: Test, start: () => Promise<TOciServer & { pid: number }>, label: string): void => {
  t.test(`the server is killed in mid-upload, ${label}`, async (t) => {
    const bytes = noise(`${label} restart`, 3 * step);
    const first = await start();
    const before = new OciUpload(new OciProbe(first.origin, first.admin), repository);
    await before.begin();
    t.equal((await before.patch(bytes.subarray(0, step), 0)).status, 202, 'the first chunk');
    const broken = before.breakOff(bytes.subarray(step, 2 * step), { 'content-length': 2 * step });
    await new Promise((resolve) => setTimeout(resolve, 150));
    process.kill(first.pid, 'SIGKILL');
    await broken;
    await first.stop();

    const second = await start();
    t.teardown(() => second.stop());
    const probe = new OciProbe(second.origin, second.admin);
    const after = new OciUpload(probe, repository);
    const { pathname, search } = new URL(before.location, first.origin);
    after.location = pathname + search;
    const asked = await after.status();
    t.equal(asked.status, 204, 'the next one knows the upload');
    const have = received(asked);
    t.ok(have >= step && have <= 2 * step, `it has ${have} bytes: no less than was acknowledged`);
    t.equal((await after.patch(bytes.subarray(have), have)).status, 202, 'the rest is taken from there');
    const done = await after.finish(digestOf(bytes));
    t.equal(done.status, 201, 'and the digest is right', { answer: done.bytes.toString() });
    t.equal(digestOf((await probe.blob(repository, digestOf(bytes))).bytes), digestOf(bytes), 'the blob is whole');
  });
};
