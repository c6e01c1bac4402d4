import t from 'tap';
import type { IStorageHookContext } from '../../ts/index.js';
import { ociWorld, refusal } from '../support/oci/actors.js';
import { content, digestOf, nowhere } from '../support/oci/samples.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

const gate = (): { open(): void; opened: Promise<void> } => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
};

const MIB = 1024 * 1024;
const whole = content(Buffer.alloc(700_000, 'some bytes of a layer '));
const [one, two, three] = [
  whole.bytes.subarray(0, 300_000),
  whole.bytes.subarray(300_000, 300_001),
  whole.bytes.subarray(300_001),
];
const empty = content('');
/** the keys that a blob of one repository has */
const keysOf = (name: string, digest: string): string[] => {
  const [algorithm, hex] = digest.split(':') as [string, string];
  const link = `oci/links/${algorithm}/${hex}/${name.replaceAll('/', ':')}`;
  return [`oci/blobs/${algorithm}/${hex}`, link];
};

t.test('POST, then PUT with the whole body', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const begun = await writer.send('POST', '/a/b/blobs/uploads/');
  t.equal(begun.status, 202);
  const id = begun.headers['Docker-Upload-UUID'];
  t.match(begun.headers, {
    Location: `/v2/a/b/blobs/uploads/${id}`,
    Range: '0-0',
    'Content-Length': '0',
    'OCI-Chunk-Min-Length': `${5 * MIB}`,
  });
  t.same(await stored(), [`oci/uploads/${id}.start`]);
  const made = await writer.finish(begun.headers.Location!, whole.digest, whole.bytes);
  t.match(made, {
    status: 201,
    headers: {
      Location: `/v2/a/b/blobs/${whole.digest}`,
      'Docker-Content-Digest': whole.digest,
      'Content-Length': '0',
    },
  });
  t.same(await stored(), keysOf('a/b', whole.digest), 'nothing of the upload is left');
  t.same((await writer.get(made.headers.Location!)).bytes, whole.bytes);
  t.equal(refusal(await writer.get(begun.headers.Location!)), '404 BLOB_UPLOAD_UNKNOWN');
});

t.test('a single POST with a digest', async (t) => {
  const { writer, stored } = await ociWorld(t);
  for (const path of ['/a/blobs/uploads/', '/b/blobs/uploads']) {
    const made = await writer.send('POST', `${path}?digest=${whole.digest}`, { body: whole.bytes });
    t.match(made, { status: 201, headers: { 'Docker-Content-Digest': whole.digest } });
    t.same((await writer.get(made.headers.Location!)).bytes, whole.bytes);
  }
  const before = await stored();
  const wrong = await writer.send('POST', `/a/blobs/uploads/?digest=${nowhere}`, { body: whole.bytes });
  t.equal(refusal(wrong), '400 DIGEST_INVALID');
  t.same(await stored(), before);
});

t.test('one PATCH that streams, as docker, podman and crane do', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const location = await writer.begin('a');
  const body = new Blob([whole.bytes]).stream();
  const patched = await writer.send('PATCH', location, {
    body,
    headers: { 'content-type': 'application/octet-stream' },
  });
  t.match(patched, {
    status: 202,
    headers: { Location: location, Range: `0-${whole.bytes.byteLength - 1}`, 'Content-Length': '0' },
  });
  t.match(await writer.get(location), {
    status: 204,
    headers: { Range: `0-${whole.bytes.byteLength - 1}`, Location: location },
  });
  t.equal((await writer.finish(location, whole.digest)).status, 201);
  t.same(await stored(), keysOf('a', whole.digest));
});

t.test('chunks with Content-Range, in both spellings, the last one with the PUT', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const location = await writer.begin('a');
  t.equal((await writer.patch(location, one, '0-299999')).headers.Range, '0-299999');
  t.equal((await writer.patch(location, two, 'bytes 300000-300000/700000')).headers.Range, '0-300000');
  t.equal((await writer.finish(location, whole.digest, three, '300001-699999')).status, 201);
  t.same(await stored(), keysOf('a', whole.digest));
  t.same((await writer.get(`/a/blobs/${whole.digest}`)).bytes, whole.bytes);
});

t.test('mixed: a stream, a chunk with a range, the rest with the PUT and without a range', async (t) => {
  const { writer } = await ociWorld(t);
  const location = await writer.begin('a');
  await writer.send('PATCH', location, { body: new Blob([one]).stream() });
  await writer.patch(location, two, '300000-300000');
  t.equal((await writer.finish(location, whole.digest, three)).status, 201);
  t.same((await writer.get(`/a/blobs/${whole.digest}`)).bytes, whole.bytes);
});

t.test('the empty blob, in every way', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const ways: Record<string, (name: string) => Promise<number>> = {
    put: async (name) => (await writer.finish(await writer.begin(name), empty.digest)).status,
    post: async (name) => (await writer.send('POST', `/${name}/blobs/uploads/?digest=${empty.digest}`)).status,
    patched: async (name) => {
      const location = await writer.begin(name);
      const { status, headers } = await writer.send('PATCH', location, { body: new Blob([]).stream() });
      t.same([status, headers.Range], [202, '0-0'], 'never 0--1');
      return (await writer.finish(location, empty.digest)).status;
    },
    zero: async (name) => {
      const location = await writer.begin(name);
      t.equal((await writer.patch(location, Buffer.alloc(0))).headers.Range, '0-0');
      t.equal((await writer.get(location)).headers.Range, '0-0');
      return (await writer.finish(location, empty.digest, Buffer.alloc(0))).status;
    },
  };
  for (const [name, way] of Object.entries(ways)) {
    t.equal(await way(name), 201, name);
    t.match(await writer.get(`/${name}/blobs/${empty.digest}`), {
      status: 200,
      text: '',
      headers: { 'Content-Length': '0' },
    });
  }
  t.same(
    (await stored()).filter((key) => key.startsWith('oci/uploads')),
    [],
  );
});

t.test('sha512, with the hint, without it, and with the wrong one', async (t) => {
  const { writer } = await ociWorld(t);
  const digest = digestOf(whole.bytes, 'sha512');
  for (const [hint, name] of [
    ['', 'none'],
    ['?digest-algorithm=sha512', 'right'],
    ['?digest-algorithm=sha256', 'other'],
  ] as const) {
    const location = await writer.begin(name, hint);
    await writer.patch(location, one);
    await writer.patch(location, Buffer.concat([two, three]));
    t.equal(
      refusal(await writer.finish(location, digest.replace(/.$/, digest.endsWith('0') ? '1' : '0'))),
      '400 DIGEST_INVALID',
    );
    t.equal((await writer.finish(location, digest)).status, 201, name);
    t.match(await writer.head(`/${name}/blobs/${digest}`), {
      status: 200,
      headers: { 'Docker-Content-Digest': digest },
    });
    t.equal(
      refusal(await writer.get(`/${name}/blobs/${whole.digest}`)),
      '404 BLOB_UNKNOWN',
      'it is not there by the other digest',
    );
  }
  t.equal((await writer.send('POST', `/post/blobs/uploads/?digest=${digest}`, { body: whole.bytes })).status, 201);
  t.equal(refusal(await writer.send('POST', '/a/blobs/uploads/?digest-algorithm=md5')), '400 DIGEST_INVALID');
});

t.test('another process goes on with the upload and finishes it', async (t) => {
  const world = await ociWorld(t);
  const location = await world.admin.begin('a');
  await world.admin.patch(location, one, '0-299999');
  const { admin: there } = await world.another();
  t.match(await there.get(location), { status: 204, headers: { Range: '0-299999' } });
  await there.patch(location, two, '300000-300000');
  t.equal((await world.admin.get(location)).headers.Range, '0-300000', 'and the first one sees it');
  t.equal(refusal(await there.finish(location, nowhere)), '400 DIGEST_INVALID');
  t.equal((await there.finish(location, whole.digest, three, '300001-699999')).status, 201);
  t.same((await world.admin.get(`/a/blobs/${whole.digest}`)).bytes, whole.bytes);
  t.same(await world.stored(), keysOf('a', whole.digest));
});

t.test('a last chunk that says not where it belongs, at a process that has not seen the others', async (t) => {
  const world = await ociWorld(t);
  const begun = await world.admin.begin('a');
  await (await world.another()).admin.patch(begun, one);
  const rest = whole.bytes.subarray(one.byteLength);
  const refused = await world.admin.finish(begun, whole.digest, rest);
  t.equal(refusal(refused), '416 BLOB_UPLOAD_INVALID');
  t.equal(refused.headers.Range, '0-299999', 'now the client knows');
  t.equal((await world.admin.finish(begun, whole.digest, rest, '300000-699999')).status, 201);
});

t.test('a wrong digest stores no blob and keeps the session', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const location = await writer.begin('a');
  const before = await stored();
  t.equal(refusal(await writer.finish(location, nowhere, whole.bytes)), '400 DIGEST_INVALID', 'the whole body');
  t.equal(refusal(await writer.finish(location, nowhere)), '400 DIGEST_INVALID', 'no body at all');
  t.same(await stored(), before);
  t.match(await writer.get(location), { status: 204, headers: { Range: '0-0' } });
  await writer.patch(location, one);
  t.equal(refusal(await writer.finish(location, nowhere)), '400 DIGEST_INVALID', 'after chunks');
  t.equal((await writer.get(location)).headers.Range, '0-299999');
  t.equal((await writer.finish(location, digestOf(one))).status, 201);
  t.same(await stored(), keysOf('a', digestOf(one)));
});

t.test('gaps and overlaps are 416, say where the upload is, and break nothing', async (t) => {
  const { writer } = await ociWorld(t);
  const location = await writer.begin('a');
  const expectRefused = async (answer: ReturnType<typeof writer.patch>, range: string, what: string) => {
    const refused = await answer;
    t.equal(refusal(refused), '416 BLOB_UPLOAD_INVALID', what);
    t.match(refused.headers, { Range: range, Location: location, 'Docker-Upload-UUID': location.split('/').at(-1) });
  };
  await expectRefused(writer.patch(location, one, '1-300000'), '0-0', 'a gap at the beginning');
  await expectRefused(writer.finish(location, whole.digest, one, '1-300000'), '0-0', 'the same in a PUT');
  await writer.patch(location, one, '0-299999');
  await expectRefused(writer.patch(location, two, '300001-300001'), '0-299999', 'a gap');
  await expectRefused(writer.patch(location, one, '0-299999'), '0-299999', 'the same chunk again');
  await expectRefused(writer.patch(location, two, '299999-299999'), '0-299999', 'an overlap');
  await expectRefused(writer.finish(location, whole.digest, three, '300001-699999'), '0-299999', 'a gap in a PUT');
  await writer.patch(location, two, '300000-300000');
  t.equal((await writer.finish(location, whole.digest, three, '300001-699999')).status, 201);
});

t.test('a chunk that is not as long as its range says', async (t) => {
  const { writer } = await ociWorld(t);
  const location = await writer.begin('a');
  t.equal(refusal(await writer.patch(location, one, '0-299998')), '400 SIZE_INVALID');
  t.equal(refusal(await writer.patch(location, Buffer.alloc(0), '0-9')), '400 SIZE_INVALID', 'no bytes at all');
  for (const bytes of [one, Buffer.alloc(0), Buffer.concat([whole.bytes, one])]) {
    const answer = await writer.send('PATCH', location, {
      body: new Blob([bytes]).stream(),
      headers: { 'content-range': '0-699999' },
    });
    t.equal(refusal(answer), '400 SIZE_INVALID', `${bytes.byteLength} streamed`);
  }
  t.match(await writer.get(location), { status: 204, headers: { Range: '0-0' } });
  t.equal((await writer.patch(location, whole.bytes, '0-699999')).status, 202);
});

t.test('cancel, and what is no upload', async (t) => {
  const { writer, stored } = await ociWorld(t);
  const location = await writer.begin('a');
  await writer.patch(location, one);
  await writer.patch(location, two);
  t.equal(
    refusal(await writer.get(location.replace('/a/', '/b/'))),
    '404 BLOB_UPLOAD_UNKNOWN',
    'through another repository',
  );
  t.equal(refusal(await writer.delete(location.replace('/a/', '/b/'))), '404 BLOB_UPLOAD_UNKNOWN');
  t.equal((await stored()).length, 3);
  t.equal((await writer.delete(location)).status, 204);
  t.same(await stored(), []);
  const id = location.split('/').at(-1)!;
  for (const unknown of [id, 'x', '00000000-0000-0000-0000-000000000000', `${id}x`, `${id.slice(0, -1)}.`]) {
    const path = `/a/blobs/uploads/${unknown}`;
    const answers = [
      writer.get(path),
      writer.delete(path),
      writer.patch(path, one),
      writer.finish(path, whole.digest, one),
    ];
    for (const answer of await Promise.all(answers)) t.equal(refusal(answer), '404 BLOB_UPLOAD_UNKNOWN', unknown);
  }
  t.same(await stored(), []);
});

t.test('unfinished uploads expire by the age of their last chunk', async (t) => {
  const hour = 3_600_000;
  const store = new MemoryObjectStore();
  const { registry, writer } = await ociWorld(t, { storage: { objectStore: store }, oci: { uploadExpiryMs: hour } });
  const [old, going, fresh] = [await writer.begin('a'), await writer.begin('a'), await writer.begin('a')];
  await writer.patch(old, one);
  for (const [key, held] of store.objects) {
    if (!key.startsWith('oci/uploads/') || key.includes(fresh.split('/').at(-1)!)) continue;
    held.info = { ...held.info, lastModified: new Date(Date.now() - 2 * hour) };
  }
  await writer.patch(going, one);
  const chore = registry
    .getRegistry('oci')!
    .chores()
    .find(({ name }) => /upload/.test(name))!;
  t.ok(chore.everyMs <= hour);
  t.same(await chore.work({ signal: new AbortController().signal }), { uploads: 1 });
  t.equal(refusal(await writer.get(old)), '404 BLOB_UPLOAD_UNKNOWN');
  for (const location of [going, fresh]) t.equal((await writer.get(location)).status, 204);
  t.equal(store.keys('oci/uploads/').length, 3);
});

t.test('an upload without a chunk for a day is given up, if the configuration says nothing else', async (t) => {
  const hour = 3_600_000;
  const store = new MemoryObjectStore();
  const { registry, writer } = await ociWorld(t, { storage: { objectStore: store } });
  const uploads = [await writer.begin('a'), await writer.begin('a')];
  for (const [key, held] of store.objects) {
    const hours = key.includes(uploads[0]!.split('/').at(-1)!) ? 25 : 23;
    if (key.startsWith('oci/uploads/')) held.info = { ...held.info, lastModified: new Date(Date.now() - hours * hour) };
  }
  const chores = registry.getRegistry('oci')!.chores();
  const chore = chores.find(({ name }) => /upload/.test(name))!;
  t.equal(chore.everyMs, hour);
  t.same(await chore.work({ signal: new AbortController().signal }), { uploads: 1 });
  t.same(await Promise.all(uploads.map(async (at) => (await writer.get(at)).status)), [404, 204]);
});

t.test('chunks that come when the upload was given up do not get into a blob that is being placed', async (t) => {
  for (const [size, count] of [
    [10, 1],
    [10, 2],
    [6_000_000, 1],
    [12_000_000, 2],
  ] as const) {
    const [asked, go] = [gate(), gate()];
    const beforePut = async ({ phase, metadata }: IStorageHookContext) => {
      // a scanner takes its time
      if (phase === 'commit' && metadata?.digest) {
        asked.open();
        await go.opened;
      }
      return { allowed: true };
    };
    const { admin } = await ociWorld(t, { storageHooks: { beforePut } });
    const good = content(Buffer.alloc(size, 'good'));
    const other = Buffer.alloc(size / count, 'evil');
    const at = await admin.begin('a');
    const source = new TransformStream<Uint8Array, Uint8Array>();
    const feed = source.writable.getWriter();
    const late = admin.patch(at, source.readable);
    await feed.write(other.subarray(0, 1));
    for (let part = 0; part < count; part++) {
      const bytes = good.bytes.subarray((part * size) / count, ((part + 1) * size) / count);
      t.equal((await admin.patch(at, bytes)).status, 202);
    }
    const finishing = admin.finish(at, good.digest);
    await asked.opened;
    t.equal((await admin.delete(at)).status, 204);
    await feed.write(other.subarray(1));
    await feed.close();
    await late;
    go.open();
    t.equal((await finishing).status, 503, `${count} chunks of ${size} bytes`);
    t.equal((await admin.get(`/a/blobs/${good.digest}`)).status, 404);
    t.equal((await admin.pushBlob('b', good)).status, 201);
    t.same((await admin.get(`/b/blobs/${good.digest}`)).bytes.equals(good.bytes), true);
  }
});

t.test('a PUT with further bytes, after an upload that has the digest without them, is refused', async (t) => {
  const { writer } = await ociWorld(t);
  const whole = content('all that there is');
  const location = await writer.begin('a');
  await writer.patch(location, whole.bytes);
  t.equal(refusal(await writer.finish(location, whole.digest, Buffer.from('more'))), '400 DIGEST_INVALID');
  t.equal((await writer.get(`/a/blobs/${whole.digest}`)).status, 404);
});

t.test('a PUT that ends in 503 can be sent again, with or without a last chunk', async (t) => {
  const ends: Record<string, { body?: Uint8Array; range?: string }> = {
    'no chunk': {},
    'a chunk with a range': { body: three, range: '300001-699999' },
    'a chunk without a range': { body: three },
  };
  for (const [what, { body, range }] of Object.entries(ends)) {
    let met = true;
    let repeated = 0;
    for (let at = 1; met; at++) {
      const inner = new MemoryObjectStore();
      const store = new FaultObjectStore(inner);
      const { writer } = await ociWorld(t, { storage: { objectStore: store } });
      const location = await writer.begin('a');
      await writer.patch(location, one);
      await writer.patch(location, two);
      if (!body) await writer.patch(location, three);
      store.reset({ at, when: 'before' });
      const first = await writer.finish(location, whole.digest, body, range);
      met = first.status !== 201 || store.log.length >= at;
      const isPlaced = inner.keys('oci/blobs/').length > 0;
      store.reset();
      if (first.status === 201) continue;
      t.equal(first.status, 503, `${what}, fault ${at}`);
      const again = await writer.finish(location, whole.digest, body, range);
      // the store in memory spends the parts when it joins them: what failed behind that begins anew
      t.equal(again.status, isPlaced ? 404 : 201, `${what}, again after fault ${at}`);
      if (isPlaced) continue;
      repeated++;
      t.same((await writer.get(`/a/blobs/${whole.digest}`)).bytes.equals(whole.bytes), true);
      t.same(inner.keys('oci/uploads/'), [], 'nothing of the upload is left');
    }
    t.ok(repeated >= 4, `${what}: ${repeated} faults`);
  }
});

t.test('a PUT that a hook refuses ends the upload', async (t) => {
  const beforePut = async ({ phase }: IStorageHookContext) => ({ allowed: phase !== 'commit' });
  const { writer, stored } = await ociWorld(t, { storageHooks: { beforePut } });
  const location = await writer.begin('a');
  await writer.patch(location, whole.bytes);
  t.equal((await writer.finish(location, whole.digest)).status, 403);
  t.same(await stored(), []);
  t.equal((await writer.finish(location, whole.digest)).status, 404);
});
