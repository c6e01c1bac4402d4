import { randomBytes } from 'node:crypto';
import t from 'tap';
import { readLinkKey } from '../../../ts/core/storage/content/classes.contentlinks.js';
import { RegistryError, type SmartRegistry, toReadableStream } from '../../../ts/index.js';
import { composerWorld } from '../../support/composer/actors.js';
import { packageZip } from '../../support/composer/packages.js';
import { type INpmWorld, npmWorld } from '../../support/npm/actors.js';
import { publishOf } from '../../support/npm/packages.js';
import { type Actor, ociWorld } from '../../support/oci/actors.js';
import { content, descriptorOf, image, MANIFEST } from '../../support/oci/samples.js';
import { ANY_AGE } from '../../support/oci/stored.js';
import { quotaOf } from '../../support/quota.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const accountOf = (name: string): string => name.split('/')[0] as string;

/** What each account has in the store, counted there. */
const stored = async (registry: SmartRegistry, account: string): Promise<number> => {
  const sizes = new Map<string, number>();
  const blobs = new Map<string, number>();
  const links = new Set<string>();
  for await (const info of registry.getStorage().list({ prefix: '' })) {
    if (!('key' in info)) continue;
    const { key, size } = info;
    const npm = /^npm\/packages\/(.+)\/[^/]+\.(?:tgz|sigstore)(?:\.[0-9a-f-]{36})?$/.exec(key);
    if (npm && accountOf(npm[1]!) === account) sizes.set(key, size);
    const manifest = /^oci\/manifests\/(.+)\/sha256:[^/]+$/.exec(key);
    if (manifest && accountOf(manifest[1]!) === account) sizes.set(key, size);
    const blob = /^oci\/blobs\/(sha256\/[0-9a-f]+)/.exec(key);
    if (blob) blobs.set(blob[1]!, size);
    const link = key.startsWith('oci/links/') ? readLinkKey('oci/links', key) : null;
    if (link && accountOf(link.owner) === account) links.add(`${link.path} ${link.owner}`);
  }
  for (const link of links) sizes.set(link, blobs.get(link.split(' ')[0]!) ?? Number.NaN);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
};

const LIMIT = 3_000_000;
const noise = (size: number) => ({ 'noise.bin': randomBytes(size) });

const npmQuota = async (t: Parameters<typeof npmWorld>[0], storage?: object, limit = LIMIT) => {
  const quota = quotaOf(limit);
  const { storageHooks } = quota;
  const world = await npmWorld(t, { storageHooks, ...(storage && { storage: storage as never }) });
  return { ...quota, ...world };
};

t.test(
  'Composer: a quota that hooks keep reserves nothing for uploads that are done, refused or replaced',
  async (t) => {
    const { used, reserved, untold, storageHooks } = quotaOf(1_000_000);
    const { writer, admin } = await composerWorld(t, { storageHooks });
    // a stream: the hooks are asked before the first byte, when the digest that the key is made of is not known
    const push = (version: string, size: number) =>
      writer.put(
        '/packages/acme/lib',
        toReadableStream(packageZip('acme/lib', version, {}, { 'noise.bin': randomBytes(size) })),
      );
    const agrees = (what: string) => {
      t.equal(reserved.size, 0, `${what}: nothing is reserved any more`);
      t.same(untold(), [], `${what}: one outcome for all that was allowed`);
    };
    t.equal((await push('1.0.0', 400_000)).status, 201);
    agrees('an upload');
    t.equal((await push('1.0.0', 400_000)).status, 409);
    agrees('other bytes');
    t.match(await push('1.1.0', 700_000), { status: 403, text: /quota exceeded/ });
    agrees('too much');
    for (let at = 0; at < 13; at++) t.equal((await push('dev-main', 20_000)).status, 201);
    agrees('pushes of a branch, of which the last eleven are kept');
    t.equal(used('acme') < 400_000 + 12 * 30_000, true);
    await Promise.all(Array.from({ length: 8 }, () => push('dev-main', 20_000)));
    agrees('pushes at once');
    t.equal((await admin.delete('/packages/acme/lib')).status, 200);
    agrees('a delete');
    t.equal(used('acme'), 0);
  },
);

t.test('npm: a quota that hooks keep is what the store holds, whatever happens', async (t) => {
  const { writer, admin, registry, used, reserved, untold } = await npmQuota(t);
  const agrees = async (what: string, isEmpty = false) => {
    t.equal(used('@team'), await stored(registry, '@team'), what);
    t.equal(used('@team') === 0, isEmpty, what);
    t.equal(reserved.size, 0, `${what}: nothing is reserved any more`);
    t.same(untold(), [], `${what}: one outcome for all that was allowed`);
  };
  t.equal((await writer.publish('@team/a', '1.0.0')).status, 201);
  await agrees('a small package');
  t.equal((await writer.publish('@team/a', '2.0.0', { files: noise(600_000) })).status, 201);
  await agrees('a large one, which is asked about twice');
  t.equal((await writer.publish('@team/a', '2.0.0', { files: noise(600_000) })).status, 403);
  await agrees('the same version again');
  const document = await publishOf('@team/a', '3.0.0', { files: noise(700_000) });
  const attachment = Object.values(document._attachments)[0]!;
  attachment.data = `${attachment.data.slice(0, -100)}${'A'.repeat(100)}`;
  t.equal((await writer.put('/@team%2fa', document)).status, 400);
  await agrees('a broken upload');
  const all = await Promise.all(
    Array.from({ length: 8 }, (_, at) => writer.publish(`@team/b${at}`, '1.0.0', { files: noise(700_000) })),
  );
  t.same(
    all.map(({ status }) => status).sort(),
    [201, 201, 201, 403, 403, 403, 403, 403],
    'of eight at once those that fit',
  );
  await agrees('at the limit');
  t.ok(used('@team') <= LIMIT);
  t.match(await writer.publish('@team/c', '1.0.0', { files: noise(700_000) }), { status: 403, text: /quota exceeded/ });
  const again = await Promise.all(
    Array.from({ length: 4 }, async () => writer.put('/@team%2fd', await publishOf('@team/d', '1.0.0'))),
  );
  t.equal(again.filter(({ status }) => status === 201).length, 1, 'one of four wins');
  await agrees('the same version from four clients at once');

  const { _rev } = await admin.packument('@team/a');
  t.equal((await admin.delete(`/@team%2fa/-rev/${_rev}`)).status, 200);
  await agrees('a package is unpublished');
  for (const name of ['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'd']) {
    const { _rev } = await admin.packument(`@team/${name}`).catch(() => ({ _rev: '' }));
    await admin.delete(`/@team%2f${name}/-rev/${_rev}`);
  }
  await agrees('all are', true);
  t.equal((await writer.publish('@team/c', '1.0.0', { files: noise(700_000) })).status, 201, 'there is room again');
});

t.test('npm: a store that fails in the middle of a publish takes nothing off the quota', async (t) => {
  const store = new FaultObjectStore(new MemoryObjectStore());
  const { writer, registry, used, reserved }: INpmWorld & ReturnType<typeof quotaOf> = await npmQuota(
    t,
    { objectStore: store },
    100_000_000,
  );
  await writer.publish('@team/a', '1.0.0', { files: noise(400_000) });
  let version = 0;
  for (const verbAt of ['put', 'compose'] as const) {
    for (let at = 1; at < 8; at++) {
      version++;
      let calls = 0;
      store.before = ({ verb }) => {
        if (verb === verbAt && ++calls === at) throw new RegistryError('unavailable', 'The disk is full');
      };
      const { status } = await writer.publish('@team/a', `2.${version}.0`, { files: noise(300_000) });
      store.before = undefined;
      t.ok(status === 201 || status === 503, `${verbAt} ${at}: ${status}`);
      t.equal(reserved.size, 0, `${verbAt} ${at}`);
      if (status === 503) t.equal((await writer.publish('@team/a', `2.${version}.0`)).status, 201, 'the retry');
    }
  }
  let served = 0;
  for (const one of Object.keys((await writer.packument('@team/a')).versions)) {
    served += (await writer.get(`/@team%2fa/-/a-${one}.tgz`)).bytes.byteLength;
  }
  t.equal(used('@team'), served, 'what can be downloaded is what is counted');
  t.ok(served <= (await stored(registry, '@team')), 'the store may hold orphans beside it');
});

const ociQuota = async (t: Parameters<typeof ociWorld>[0]) => {
  const quota = quotaOf(LIMIT);
  const world = await ociWorld(t, {
    storageHooks: quota.storageHooks,
    oci: { untaggedManifests: { deleteAfterMs: 0 } },
  });
  const agrees = async (t: { equal(a: unknown, b: unknown, c: string): unknown }, what: string) => {
    for (const account of ['team', 'other']) {
      t.equal(quota.used(account), await stored(world.registry, account), `${what}: ${account}`);
    }
    t.equal(quota.reserved.size, 0, `${what}: nothing is reserved any more`);
    t.equal(quota.untold().join('\n'), '', `${what}: one outcome for all that was allowed`);
  };
  return { ...quota, ...world, agrees };
};

const pushChunks = async (actor: Actor, name: string, { bytes, digest }: ReturnType<typeof content>) => {
  const location = await actor.begin(name);
  const half = bytes.byteLength >> 1;
  await actor.patch(location, bytes.subarray(0, half), `0-${half - 1}`);
  return actor.finish(location, digest, bytes.subarray(half), `${half}-${bytes.byteLength - 1}`);
};

t.test(
  'OCI: each repository pays for what it has, until it loses it, to a client or to the garbage collection',
  async (t) => {
    const { writer, admin, used, agrees } = await ociQuota(t);
    const big = content(randomBytes(900_000));
    const other = content(randomBytes(400_000));
    t.equal((await writer.pushBlob('team/a', big)).status, 201);
    t.equal(used('team'), big.bytes.byteLength);
    await agrees(t, 'a large blob');
    await writer.pushBlob('team/a', big);
    await agrees(t, 'the same once more');
    t.equal((await writer.pushBlob('other/a', big)).status, 201);
    t.equal(used('other'), big.bytes.byteLength, 'bytes that are there already are new to this repository');
    await agrees(t, 'the same for another repository');
    await writer.send('POST', `/team/b/blobs/uploads/?mount=${big.digest}&from=team/a`);
    await agrees(t, 'a mount');
    await writer.send('POST', `/team/b/blobs/uploads/?mount=${big.digest}&from=team/a`);
    await agrees(t, 'the same mount');
    t.equal((await pushChunks(writer, 'team/a', other)).status, 201);
    await agrees(t, 'chunks');
    const broken = await writer.finish(await writer.begin('team/a'), other.digest, randomBytes(400_000));
    t.equal(broken.status, 400);
    await agrees(t, 'a digest that is wrong');
    const location = await writer.begin('team/a');
    await writer.patch(location, randomBytes(500_000), '0-499999');
    await agrees(t, 'an upload under way');
    await writer.delete(location);
    await agrees(t, 'and given up');
    const { status, text } = await writer.pushBlob('team/a', content(randomBytes(900_000)));
    t.equal(status, 403);
    t.match(text, /quota exceeded/);
    await agrees(t, 'the limit');
    const [first, second] = await Promise.all([1, 2].map(() => writer.pushBlob('team/c', content('the same'))));
    t.same([first?.status, second?.status], [201, 201]);
    await agrees(t, 'the same blob twice at once');

    const named = image('named', { layers: [descriptorOf(MANIFEST, big)] });
    await writer.pushBlob('team/a', named.config);
    t.equal((await writer.pushManifest('team/a', 'v1', named)).status, 201);
    await writer.pushManifest('team/a', 'v2', named);
    await agrees(t, 'an image');
    const before = used('team');
    await admin.registry.collectGarbage({ ...ANY_AGE, dryRun: true });
    t.equal(used('team'), before, 'a dry run removes nothing');
    await admin.registry.collectGarbage(ANY_AGE);
    t.equal(used('team'), named.bytes.byteLength + named.config.bytes.byteLength + big.bytes.byteLength);
    t.equal(used('other'), 0);
    await agrees(t, 'what no manifest names is collected');
    await admin.delete(`/team/a/blobs/${named.config.digest}`);
    await agrees(t, 'a blob is deleted');
    await admin.delete('/team/a/manifests/v1');
    await admin.delete('/team/a/manifests/v2');
    await admin.registry.collectGarbage(ANY_AGE);
    t.equal(used('team'), 0);
    await agrees(t, 'and all the rest');
  },
);

t.test('OCI: a hook may keep a blob from the garbage collection, and hears what became of each', async (t) => {
  const kept = content('kept');
  const gone = content('gone');
  const wanted = image('wanted');
  const told: string[] = [];
  let push: (() => Promise<unknown>) | undefined;
  const { admin, registry } = await ociWorld(t, {
    storageHooks: {
      beforeDelete: async ({ metadata, operationId }) => {
        await push?.();
        push = undefined;
        told.push(`ask ${metadata?.digest} ${metadata?.size} ${operationId}`);
        return { allowed: metadata?.digest !== kept.digest };
      },
      afterDelete: async ({ metadata, operationId, key }) =>
        void told.push(`gone ${metadata?.digest} ${metadata?.packageName} ${key} ${operationId}`),
      afterAbort: async ({ metadata, operation, operationId }) => {
        if (operation === 'delete') told.push(`kept ${metadata?.digest} ${operationId}`);
      },
    },
  });
  for (const blob of [kept, gone, wanted.config, ...wanted.layers]) await admin.pushBlob('a/b', blob);
  // in the middle of the collection
  push = () => admin.pushManifest('a/b', 'v1', wanted);
  const [report] = await registry.collectGarbage(ANY_AGE);
  t.equal(report?.removed.links, 1);
  for (const { digest } of [kept, ...wanted.layers]) {
    t.equal((await admin.get(`/a/b/blobs/${digest}`)).status, 200, digest);
  }
  t.equal((await admin.get(`/a/b/blobs/${gone.digest}`)).status, 404);
  const of = (digest: string) => told.filter((line) => line.includes(digest)).map((line) => line.split(' '));
  const [asked, outcome, ...rest] = of(gone.digest);
  t.same(asked?.slice(0, 3), ['ask', gone.digest, String(gone.bytes.byteLength)]);
  t.same(outcome?.slice(0, 4), ['gone', gone.digest, 'a/b', `oci/links/sha256/${gone.digest.slice(7)}/a:b`]);
  t.equal(outcome?.[4], asked?.[3], 'one write, one id');
  t.same(rest, []);
  t.same(of(kept.digest).length, 1, 'refused, and that is all');
  const [layerAsked, layerKept] = of(wanted.layers[0]!.digest);
  t.same([layerKept?.[0], layerKept?.[2]], ['kept', layerAsked?.[3]], 'allowed to go, and named by then');
  t.not(layerAsked?.[3], asked?.[3], 'each delete has an id of its own');
});
