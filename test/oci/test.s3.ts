import { randomBytes } from 'node:crypto';
import t from 'tap';
import { ociWorld, refusal } from '../support/oci/actors.js';
import { content, digestOf, image, nowhere } from '../support/oci/samples.js';
import { problemsOf } from '../support/oci/stored.js';
import { startS3Server } from '../support/store/s3-server.js';

// What a bucket does otherwise than a directory: parts, conditions on them, joins. The rest is the same code.
const MIB = 1024 * 1024;
const server = await startS3Server();
t.teardown(async () => server?.stop());
const skip = server ? false : 'no S3 server was found';
let folders = 0;
/** a folder of its own in the bucket */
const storage = () => ({ ...server!.config, directoryPath: `test-${++folders}` });

t.test('uploads on a bucket: joined there, and not read again to be hashed', { skip }, async (t) => {
  const { writer, registry, stored } = await ociWorld(t, { storage: storage() });
  const { store } = registry.getStorage();
  const reads: string[] = [];
  const get = store.get.bind(store);
  store.get = (key, options) => {
    reads.push(key);
    return get(key, options);
  };
  const whole = content(randomBytes(13 * MIB));
  const cuts = [0, 6 * MIB, 6 * MIB + 1000, 12 * MIB, 13 * MIB];
  const location = await writer.begin('a');
  for (let at = 1; at < cuts.length; at++) {
    const [start, end] = [cuts[at - 1]!, cuts[at]!];
    const chunk = whole.bytes.subarray(start, end);
    const answer =
      at % 2
        ? await writer.send('PATCH', location, { body: new Blob([chunk]).stream() })
        : await writer.patch(location, chunk, `${start}-${end - 1}`);
    t.equal(answer.headers.Range, `0-${end - 1}`);
  }
  t.equal(refusal(await writer.patch(location, Buffer.from('x'), '5-5')), '416 BLOB_UPLOAD_INVALID');
  t.equal(refusal(await writer.finish(location, nowhere)), '400 DIGEST_INVALID');
  reads.length = 0;
  t.equal((await writer.finish(location, whole.digest)).status, 201);
  t.same(
    reads.filter((key) => key.startsWith('oci/uploads/')),
    [],
  );
  t.ok((await writer.get(`/a/blobs/${whole.digest}`)).bytes.equals(whole.bytes));
  const sha512 = digestOf(whole.bytes, 'sha512');
  for (const [name, streamed] of [
    ['b', true],
    ['c', false],
  ] as const) {
    const body = streamed ? new Blob([whole.bytes]).stream() : whole.bytes;
    t.equal((await writer.send('POST', `/${name}/blobs/uploads/?digest=${sha512}`, { body })).status, 201);
    t.equal(
      refusal(await writer.send('POST', `/${name}/blobs/uploads/?digest=${nowhere}`, { body: whole.bytes })),
      '400 DIGEST_INVALID',
    );
  }
  t.ok((await writer.get(`/b/blobs/${sha512}`)).bytes.equals(whole.bytes));
  t.same(
    (await stored()).filter((key) => !/^oci\/(blobs|links)\//.test(key)),
    [],
    'nothing else is left',
  );
  t.equal((await stored()).length, 5);
});

t.test('manifests, tags and the collector on a bucket', { skip }, async (t) => {
  const { admin, registry, stored } = await ociWorld(t, { storage: storage() });
  const one = image('one');
  await admin.pushImage('a', 'v1', one);
  await Promise.all(Array.from({ length: 32 }, (_, at) => admin.pushManifest('a', `t${at}`, one)));
  t.equal((await admin.tags('a')).length, 33);
  t.equal((await admin.delete(`/a/manifests/${one.digest}`)).status, 202);
  for (const { digest } of [one.config, ...one.layers]) await admin.delete(`/a/blobs/${digest}`);
  t.equal(await registry.getRegistry('oci')!.sweepOrphans({ olderThanMs: -5000 }), 2);
  t.same(
    (await stored()).filter((key) => !key.startsWith('oci/copies/')),
    [],
  );
  await admin.pushImage('a', 'v2', one);
  t.same(await admin.tags('a'), ['v2'], 'and it can come again');
  for (const { digest, bytes } of [one.config, ...one.layers]) {
    t.same((await admin.get(`/a/blobs/${digest}`)).bytes, bytes);
  }
  t.same((await registry.collectGarbage({ graceMs: -5000 }))[0]?.removed, { manifests: 0, links: 0, blobs: 0 });
  t.same(await problemsOf(registry.getStorage()), []);
});

t.test(
  'the longest name of a repository fits into the file names of servers that keep objects as files',
  { skip },
  async (t) => {
    const { writer } = await ociWorld(t, { storage: storage() });
    const blob = content('x');
    for (const name of ['a'.repeat(255), `${'a'.repeat(127)}/${'b'.repeat(127)}`, 'tags.json/tags.json']) {
      for (const digest of [blob.digest, digestOf(blob.bytes, 'sha512')]) {
        const { status } = await writer.send('POST', `/${name}/blobs/uploads/?digest=${digest}`, { body: blob.bytes });
        t.equal(status, 201, `${name.length} ${digest.slice(0, 6)}`);
        t.equal((await writer.head(`/${name}/blobs/${digest}`)).status, 200);
      }
      t.equal((await writer.pushImage(name, 'v1', image('one'))).status, 201);
    }
  },
);
