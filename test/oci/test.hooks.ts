import t from 'tap';
import type { IStorageHookContext, IStorageHooks } from '../../ts/index.js';
import { type Actor, ociWorld, refusal } from '../support/oci/actors.js';
import { content, descriptorOf, image, MANIFEST } from '../support/oci/samples.js';
import { FaultObjectStore } from '../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

type THook = keyof IStorageHooks;
type TTold = Pick<IStorageHookContext, 'key' | 'phase'> & { hook: THook } & NonNullable<
    IStorageHookContext['metadata']
  >;
const NAMES: THook[] = ['beforePut', 'afterPut', 'beforeDelete', 'afterDelete', 'beforeGet', 'afterGet'];
const blob = content('the bytes of a layer');
const big = content(Buffer.alloc(700_000, 'big'));
const one = image('one');
const hex = ({ digest }: { digest: string }): string => digest.slice(7);

/** A registry whose hooks write down what they hear, and refuse what `refuses` says. */
const listening = async (t: Parameters<typeof ociWorld>[0]) => {
  const told: (TTold & { actor: string | undefined })[] = [];
  const control: { refuses?: (told: TTold) => boolean } = {};
  const hooks = Object.fromEntries(
    NAMES.map((hook) => [
      hook,
      async ({ key, phase, metadata, actor, protocol }: IStorageHookContext) => {
        const heard = { hook, key, phase, ...metadata, actor: actor?.userId } as TTold & { actor: string | undefined };
        if (protocol === 'oci') told.push(heard);
        return control.refuses?.(heard) ? { allowed: false, reason: 'Quota exceeded' } : { allowed: true };
      },
    ]),
  ) as unknown as IStorageHooks;
  const world = await ociWorld(t, { storageHooks: hooks });
  const heard = (): string[] =>
    told.splice(0).map(({ hook, phase, key }) => `${hook}${phase ? ` ${phase}` : ''} ${key}`);
  return { ...world, told, control, heard };
};

t.test('a manifest that is there though its tag was refused is told as put', async (t) => {
  const told: string[] = [];
  const note = (hook: string) => async (context: IStorageHookContext) => {
    const { metadata, protocol } = context;
    if (protocol === 'oci' && metadata?.version === 'v1') told.push(`${hook} ${metadata.kind}`);
    return { allowed: true };
  };
  const names = ['beforePut', 'afterPut', 'afterAbort'];
  const hooks = Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as IStorageHooks;
  const store = new FaultObjectStore(new MemoryObjectStore());
  const more = { storage: { objectStore: store }, oci: { immutableTags: ['v*'] }, storageHooks: hooks };
  const { writer, admin } = await ociWorld(t, more);
  const two = image('two');
  await writer.pushImage('a', 'base', one);
  await writer.pushImage('a', 'other', image('three'));
  for (const part of [two.config, ...two.layers]) await writer.pushBlob('a', part);
  // the tag is set elsewhere when the manifest of this push is there
  let isFirst = true;
  store.after = async ({ verb, key }) => {
    if (verb !== 'put' || !key.startsWith('oci/manifests/') || !isFirst) return;
    isFirst = false;
    await admin.pushManifest('a', 'v1', one);
    told.length = 0;
  };
  t.equal((await writer.pushManifest('a', 'v1', two)).status, 403);
  t.equal((await writer.get(`/a/manifests/${two.digest}`)).status, 200, 'it is there by its digest');
  t.same(told, ['afterPut artifact', 'afterAbort document']);
  t.equal((await writer.pushManifest('a', two.digest, two)).status, 201);
  t.same(told.splice(2), [], 'and has been counted when it is pushed again');
});

t.test('a blob: its digest, size, repository and who pushes it, once, whatever the way', async (t) => {
  const { writer, told, heard } = await listening(t);
  const key = `oci/blobs/sha256/${hex(blob)}`;
  const about = {
    key,
    digest: blob.digest,
    size: blob.bytes.byteLength,
    packageName: 'a/b',
    kind: 'artifact',
    actor: 'ann',
  };
  const ways: [string, () => Promise<unknown>][] = [
    ['PUT', () => writer.pushBlob('a/b', blob)],
    ['POST', () => writer.send('POST', `/a/b/blobs/uploads/?digest=${blob.digest}`, { body: blob.bytes })],
  ];
  for (const [way, push] of ways) {
    await push();
    t.match(told[0], { hook: 'beforePut', phase: 'commit', ...about }, way);
    const isNew = way === 'PUT';
    t.same(heard(), [`beforePut commit ${key}`, ...(isNew ? [`afterPut commit ${key}`] : [])], way);
  }
  const location = await writer.begin('a/b');
  await writer.patch(location, blob.bytes.subarray(0, 5), '0-4');
  await writer.patch(location, blob.bytes.subarray(5), `5-${blob.bytes.byteLength - 1}`);
  t.match(told, [{ hook: 'beforePut', phase: 'start', packageName: 'a/b', digest: undefined }], 'the beginning only');
  t.match(told[0], { key: /^oci\/uploads\//, contentType: 'application/octet-stream', size: 5, kind: 'artifact' });
  heard();
  await writer.finish(location, blob.digest);
  t.match(told[0], { hook: 'beforePut', phase: 'commit', ...about }, 'chunks');
  heard();

  await writer.send('POST', `/c/blobs/uploads/?mount=${blob.digest}&from=a/b`);
  t.match(
    told[0],
    { ...about, hook: 'beforePut', key: `oci/links/sha256/${hex(blob)}/c`, packageName: 'c' },
    'a mount',
  );
  heard();
  await writer.pushBlob('a/b', big);
  t.match(told, [
    { hook: 'beforePut', phase: 'start', size: big.bytes.byteLength, digest: big.digest },
    { hook: 'beforePut', phase: 'commit', size: big.bytes.byteLength, digest: big.digest },
    { hook: 'afterPut', digest: big.digest },
  ]);
});

t.test('manifests, tags and deletes', async (t) => {
  const { admin, told, heard } = await listening(t);
  await admin.pushImage('a', 'v1', one);
  const manifestKey = `oci/manifests/a/${one.digest}`;
  const put = told.filter(({ key }) => key === manifestKey);
  t.match(put[0], {
    hook: 'beforePut',
    digest: one.digest,
    size: one.bytes.byteLength,
    packageName: 'a',
    version: 'v1',
    contentType: MANIFEST,
    kind: 'artifact',
  });
  t.match(
    told.find(({ kind }) => kind === 'document'),
    {
      hook: 'beforePut',
      key: 'oci/tags/a/tags.json',
      version: 'v1',
      packageName: 'a',
      contentType: 'application/json',
    },
  );
  heard();
  t.equal((await admin.pushManifest('a', 'v1', one)).status, 201);
  t.same(heard(), [], 'what is there already');
  t.equal((await admin.pushManifest('a', `${one.digest}?tag=v1&tag=v2`, one)).status, 201);
  t.same(heard(), ['beforePut commit oci/tags/a/tags.json', 'afterPut commit oci/tags/a/tags.json'], 'a further tag');
  t.equal((await admin.delete('/a/manifests/v2')).status, 202);
  t.match(told[0], { hook: 'beforeDelete', version: 'v2' });
  heard();
  const tagged = image('tagged');
  await admin.pushImage('a', 'tagged', tagged);
  heard();
  await admin.delete(`/a/manifests/${tagged.digest}`);
  t.match(told[0], { hook: 'beforeDelete', packageName: 'a', digest: tagged.digest, kind: 'artifact' });
  t.match(told[0], { version: tagged.digest, size: tagged.bytes.byteLength });
  t.match(told[1], { hook: 'beforeDelete', key: 'oci/tags/a/tags.json', packageName: 'a', version: tagged.digest });
  heard();
  await admin.delete('/a/manifests/v1');
  t.match(told[0], { hook: 'beforeDelete', key: 'oci/tags/a/tags.json', packageName: 'a', version: 'v1' });
  heard();
  await admin.delete(`/a/manifests/${one.digest}`);
  t.match(told[0], { hook: 'beforeDelete', key: manifestKey, packageName: 'a', digest: one.digest });
  t.same(heard(), [`beforeDelete ${manifestKey}`, `afterDelete ${manifestKey}`]);
  await admin.delete(`/a/blobs/${one.config.digest}`);
  t.match(told[0], {
    hook: 'beforeDelete',
    packageName: 'a',
    digest: one.config.digest,
    size: one.config.bytes.length,
  });
});

t.test('beforePut refuses: 403 DENIED with its reason, and nothing is left', async (t) => {
  const { writer, control, stored } = await listening(t);
  await writer.pushBlob('other', content('there before'));
  await writer.pushBlob('other', blob);
  await writer.pushImage('a', 'v0', image('zero'));
  await writer.pushImage('ready', 'v0', one);
  const before = await stored();
  const unchanged = async (what: string) =>
    t.same(
      (await stored()).filter((key) => !key.startsWith('oci/uploads/')),
      before,
      what,
    );
  const denied = async (answer: ReturnType<Actor['get']>, what: string) => {
    const { status, text } = await answer;
    t.equal(status, 403, what);
    t.match(JSON.parse(text), { errors: [{ code: 'DENIED', message: 'Quota exceeded' }] }, what);
    await unchanged(what);
  };
  for (const phase of ['start', 'commit']) {
    control.refuses = (heard) => heard.hook === 'beforePut' && heard.phase === phase;
    await denied(writer.pushBlob('a', big), `PUT ${phase}`);
    await denied(writer.send('POST', `/a/blobs/uploads/?digest=${big.digest}`, { body: big.bytes }), `POST ${phase}`);
    const streamed = new Blob([big.bytes]).stream();
    await denied(writer.send('POST', `/a/blobs/uploads/?digest=${big.digest}`, { body: streamed }), `stream ${phase}`);
  }
  await denied(writer.pushBlob('a', blob), 'bytes that another repository has');
  await denied(writer.send('POST', `/a/blobs/uploads/?mount=${blob.digest}&from=other`), 'a mount');
  await denied(writer.pushManifest('ready', 'v1', one), 'a tag');
  const other = image('one', { annotations: { a: 'b' } });
  await denied(writer.pushManifest('ready', other.digest, other), 'a manifest by digest');
  const signature = image('one', { subject: descriptorOf(MANIFEST, one) });
  await denied(writer.pushManifest('ready', signature.digest, signature), 'a referrer');
  const location = await writer.begin('a');
  await writer.patch(location, big.bytes);
  await denied(writer.finish(location, big.digest), 'an upload in pieces');
  control.refuses = ({ hook, phase }) => hook === 'beforePut' && phase === 'start';
  const second = await writer.begin('a');
  await denied(writer.patch(second, big.bytes), 'its first piece');
  t.equal((await writer.get(second)).headers.Range, '0-0');
  control.refuses = ({ kind }) => kind === 'document';
  await denied(writer.pushManifest('ready', 'v2', other), 'the tag of a new manifest: not even the manifest is there');
  control.refuses = undefined;
  t.equal((await writer.finish(second, big.digest, big.bytes)).status, 201, 'and then it goes on');
});

t.test('beforeGet refuses: 403 for HEAD and parts as well, by tag and by digest, and for nobody else', async (t) => {
  const { writer, anon, control } = await listening(t);
  await writer.pushImage('a', 'v1', one);
  await writer.pushImage('a', 'v2', image('two'));
  for (const caller of [anon, writer]) for (const tag of ['v1', 'v2']) await caller.get(`/a/manifests/${tag}`);
  control.refuses = ({ hook, version, digest }) =>
    hook === 'beforeGet' && (version === 'v1' || digest === one.digest || digest === one.config.digest);
  for (const path of ['/a/manifests/v1', `/a/manifests/${one.digest}`, `/a/blobs/${one.config.digest}`]) {
    t.equal(refusal(await anon.get(path)), '403 DENIED', path);
    t.equal((await anon.head(path)).status, 403);
    t.equal((await anon.get(path, { range: 'bytes=0-0' })).status, 403);
    t.equal((await anon.get(path, { 'if-none-match': `"${path.split('/').at(-1)}"` })).status, 403);
  }
  t.equal((await anon.get('/a/manifests/v2')).status, 200);
  t.equal((await anon.get(`/a/blobs/${one.layers[0]!.digest}`)).status, 200);
});

t.test('beforeDelete refuses: all stays, tags and lists of referrers too', async (t) => {
  const { admin, control, stored } = await listening(t);
  const signature = image('sig', { subject: descriptorOf(MANIFEST, one) });
  await admin.pushImage('a', 'v1', one);
  await admin.pushImage('a', 'sig', signature);
  const before = await stored();
  const targets = [`/a/manifests/${one.digest}`, `/a/manifests/${signature.digest}`, `/a/blobs/${one.config.digest}`];
  for (const kind of ['artifact', 'document']) {
    control.refuses = (heard) => heard.hook === 'beforeDelete' && heard.kind === kind;
    for (const target of kind === 'artifact' ? targets : ['/a/manifests/v1', ...targets.slice(0, 2)]) {
      t.equal(refusal(await admin.delete(target)), '403 DENIED', `${kind} ${target}`);
      t.same(await stored(), before);
      t.equal((await admin.get(target)).status, 200);
    }
  }
  t.same(await admin.tags('a'), ['sig', 'v1']);
  const { manifests } = (await admin.get(`/a/referrers/${one.digest}`)).json() as { manifests: { digest: string }[] };
  t.same(
    manifests.map(({ digest }) => digest),
    [signature.digest],
  );
});

t.test('whatever was allowed has one outcome: a part of an upload too, which is no blob yet', async (t) => {
  const open = new Map<string, number>();
  const note = (by: number) => async (context: IStorageHookContext) => {
    const { protocol, key, operationId } = context;
    const name = `${key} ${operationId}`;
    if (protocol === 'oci') open.set(name, (open.get(name) ?? 0) + by);
    return { allowed: true };
  };
  const [asked, told] = [note(1), note(-1)];
  const hooks = { beforePut: asked, afterPut: told, afterAbort: told } as unknown as IStorageHooks;
  const { writer } = await ociWorld(t, { storageHooks: hooks });
  const settled = (what: string): void => {
    t.ok(open.size > 0, what);
    t.same([...new Set(open.values())], [0], what);
    open.clear();
  };
  const upload = await writer.begin('a');
  t.equal((await writer.patch(upload, blob.bytes.subarray(0, 5))).status, 202);
  settled('a chunk that came');
  const other = await writer.begin('a');
  t.equal((await writer.patch(other, 'x', '5-5')).status, 416);
  open.clear();
  t.equal((await writer.finish(upload, blob.digest, blob.bytes.subarray(5), `5-${blob.bytes.length - 1}`)).status, 201);
  settled('the whole');
});
