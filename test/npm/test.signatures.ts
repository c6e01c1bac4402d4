import { createHash, createPublicKey, verify } from 'node:crypto';
import t, { type Test } from 'tap';
import { type IRegistryConfig, RegistryError } from '../../ts/index.js';
import type { INpmDocument, INpmSignature } from '../../ts/npm/interfaces.npm.js';
import { documentKey, signingKeysKey } from '../../ts/npm/keys.npm.js';
import { type Actor, CORGI, type IPackument, npmWorld } from '../support/npm/actors.js';
import { publishOf } from '../support/npm/packages.js';
import { temporaryFolder } from '../support/registry.js';

interface IKey {
  expires: string | null;
  keyid: string;
  keytype: string;
  scheme: string;
  key: string;
}

const keysOf = async (actor: Actor): Promise<IKey[]> =>
  ((await actor.get('/-/npm/v1/keys')).json() as unknown as { keys: IKey[] }).keys;

/** As `npm audit signatures` and corepack do it. */
const isGood = (keys: IKey[], name: string, version: string, dist: object): boolean => {
  const { integrity, signatures } = dist as { integrity: string; signatures?: INpmSignature[] };
  const [signature] = signatures ?? [];
  const key = keys.find(({ keyid }) => keyid === signature?.keyid);
  if (!signature || !key) return false;
  const pem = `-----BEGIN PUBLIC KEY-----\n${key.key}\n-----END PUBLIC KEY-----`;
  return verify('sha256', Buffer.from(`${name}@${version}:${integrity}`), pem, Buffer.from(signature.sig, 'base64'));
};

const signaturesOf = (packument: IPackument): unknown =>
  Object.fromEntries(
    Object.entries(packument.versions).map(([version, { dist }]) => [
      version,
      (dist as { signatures?: unknown }).signatures,
    ]),
  );

t.test('each version is signed, wherever it is shown', async (t) => {
  const { anon, writer } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('@s/a', version);
  const keys = await keysOf(anon);
  const packument = (await anon.get('/@s%2fa')).json() as unknown as IPackument;
  const corgi = (await anon.get('/@s%2fa', { accept: CORGI })).json() as unknown as IPackument;
  for (const version of ['1.0.0', '1.1.0']) {
    const dist = packument.versions[version]!.dist;
    t.ok(isGood(keys, '@s/a', version, dist), version);
    t.notOk(isGood(keys, '@s/a', '1.2.0', dist), 'it is about this version');
    t.notOk(isGood(keys, '@s/b', version, dist), 'of this package');
    t.notOk(isGood(keys, '@s/a', version, { ...dist, integrity: 'sha512-AAAA' }), 'with these bytes');
    t.same(corgi.versions[version]!.dist, dist);
    t.same((await anon.get(`/@s%2fa/${version}`)).json().dist, dist);
  }
});

t.test('the keys are as clients expect them', async (t) => {
  const { anon } = await npmWorld(t, { auth: { anonymousScopes: [] } });
  const answer = await anon.get('/-/npm/v1/keys');
  t.equal(answer.status, 200, 'also where strangers may read nothing else');
  const [key, ...others] = await keysOf(anon);
  t.equal(others.length, 0);
  const spki = Buffer.from(key!.key, 'base64');
  t.same(key, {
    expires: null,
    keyid: `SHA256:${createHash('sha256').update(spki).digest('base64').replace('=', '')}`,
    keytype: 'ecdsa-sha2-nistp256',
    scheme: 'ecdsa-sha2-nistp256',
    key: spki.toString('base64'),
  });
  const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  t.equal(asymmetricKeyType, 'ec');
  t.equal(asymmetricKeyDetails?.namedCurve, 'prime256v1');
  t.notMatch(answer.text, 'PRIVATE');
});

const world = (t: Test, storage: IRegistryConfig['storage']) => npmWorld(t, { storage });

t.test('replicas that need the key at once agree on one, which outlives them', async (t) => {
  const storage = { directory: await temporaryFolder(t) };
  const replicas = await Promise.all(Array.from({ length: 4 }, () => world(t, storage)));
  const published = await Promise.all(replicas.map(({ writer }, n) => writer.publish(`a${n}`, '1.0.0')));
  t.ok(published.every(({ status }) => status === 201));
  const [keys, ...others] = await Promise.all(replicas.map(({ anon }) => keysOf(anon)));
  for (const other of others) t.same(other, keys);
  const later = await world(t, storage);
  t.same(await keysOf(later.anon), keys);
  for (let n = 0; n < replicas.length; n++) {
    const { versions } = await later.anon.packument(`a${n}`);
    t.ok(isGood(keys!, `a${n}`, '1.0.0', versions['1.0.0']!.dist), `a${n}`);
  }
});

t.test('signatures that a client sends are not taken for ours', async (t) => {
  const { anon, writer } = await npmWorld(t);
  const document = await publishOf('a', '1.0.0');
  const forged = [{ keyid: 'SHA256:mine', sig: 'AAAA' }];
  (document.versions['1.0.0']!.dist as Record<string, unknown>).signatures = forged;
  t.equal((await writer.put('/a', document)).status, 201);
  const { versions } = await anon.packument('a');
  t.ok(isGood(await keysOf(anon), 'a', '1.0.0', versions['1.0.0']!.dist));
  t.equal((versions['1.0.0']!.dist as unknown as { signatures: unknown[] }).signatures.length, 1);
});

/** Versions as they were stored before there were signatures. */
const withoutSignatures = (document: INpmDocument | null): INpmDocument => {
  const versions = Object.entries(document!.versions).map(([version, { dist, ...manifest }]) => {
    const { signatures, ...rest } = dist;
    return [version, { ...manifest, dist: rest }];
  });
  return { ...document!, versions: Object.fromEntries(versions) as INpmDocument['versions'] };
};

t.test('versions from before are signed when they are served, and for good by the next publish', async (t) => {
  const storage = { directory: await temporaryFolder(t) };
  const { registry, anon, writer } = await world(t, storage);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('a', version);
  await registry.getStorage().update<INpmDocument>(documentKey('a'), withoutSignatures);
  const keys = await keysOf(anon);
  const manifest = (await anon.get('/a/1.0.0')).json();
  t.ok(isGood(keys, 'a', '1.0.0', manifest.dist as object), 'one version');
  const served = await anon.packument('a');
  for (const version of ['1.0.0', '1.1.0']) t.ok(isGood(keys, 'a', version, served.versions[version]!.dist), version);
  t.same(manifest.dist, served.versions['1.0.0']!.dist, 'signed once');
  t.equal((await writer.put('/-/package/a/dist-tags/old', '"1.0.0"')).status, 200);
  t.same(signaturesOf(await anon.packument('a')), signaturesOf(served), 'a change leaves the signatures as they were');
  t.equal((await writer.publish('a', '2.0.0')).status, 201);
  const other = await world(t, storage);
  const stored = await other.anon.packument('a');
  t.match(signaturesOf(stored), signaturesOf(served) as object, 'every process shows the same ones now');
  t.ok(isGood(keys, 'a', '2.0.0', stored.versions['2.0.0']!.dist));
});

t.test('if the key is lost there is a new one, and what the old one signed is signed again', async (t) => {
  const storage = { directory: await temporaryFolder(t) };
  const before = await world(t, storage);
  await before.writer.publish('a', '1.0.0');
  const [old] = await keysOf(before.anon);
  await before.registry.getStorage().update(signingKeysKey, () => null);
  const { anon } = await world(t, storage);
  const keys = await keysOf(anon);
  t.not(keys[0]!.keyid, old!.keyid);
  t.ok(isGood(keys, 'a', '1.0.0', (await anon.packument('a')).versions['1.0.0']!.dist));
});

t.test('a key that is damaged is an error: what was signed is not served as if it never had been', async (t) => {
  const storage = { directory: await temporaryFolder(t) };
  const before = await world(t, storage);
  await before.writer.publish('a', '1.0.0');
  await before.registry.getStorage().update(signingKeysKey, () => ({ keys: [] }));
  const { anon } = await world(t, storage);
  for (const path of ['/a', '/a/1.0.0', '/-/npm/v1/keys']) t.equal((await anon.get(path)).status, 500, path);
});

t.test('keys that were replaced are still shown, so that what they signed can be verified', async (t) => {
  const storage = { directory: await temporaryFolder(t) };
  const before = await world(t, storage);
  await before.writer.publish('a', '1.0.0');
  const [old] = await keysOf(before.anon);
  const { dist } = (await before.anon.packument('a')).versions['1.0.0']!;
  const other = await npmWorld(t);
  await keysOf(other.anon);
  const fresh = await other.registry.getStorage().read<{ keys: object[] }>(signingKeysKey);
  await before.registry
    .getStorage()
    .update<{ keys: object[] }>(signingKeysKey, (current) => ({ keys: [...fresh!.value.keys, ...current!.keys] }));
  const { anon, writer } = await world(t, storage);
  const keys = await keysOf(anon);
  t.same(keys[1], old);
  await writer.publish('a', '1.1.0');
  const { versions } = await anon.packument('a');
  t.same(versions['1.0.0']!.dist, dist);
  t.equal((versions['1.1.0']!.dist as unknown as { signatures: INpmSignature[] }).signatures[0]!.keyid, keys[0]!.keyid);
  t.ok(isGood(keys, 'a', '1.1.0', versions['1.1.0']!.dist));
});

t.test(
  'a registry that cannot store its key serves packages without signatures, and signs them when it can',
  async (t) => {
    const { FaultObjectStore } = await import('../support/store/fault-objectstore.js');
    const { MemoryObjectStore } = await import('../support/store/memory-objectstore.js');
    const store = new FaultObjectStore(new MemoryObjectStore());
    const { anon, writer, registry } = await npmWorld(t, { storage: { objectStore: store }, logger: false });
    await writer.publish('a', '1.0.0');
    const signed = (await anon.get('/a')).json() as unknown as IPackument;
    // as a store of a release without signatures
    await store.delete(signingKeysKey);
    await registry.getStorage().update<INpmDocument>(documentKey('a'), (document) => {
      const { dist, ...manifest } = document!.versions['1.0.0']!;
      const { signatures: _, ...others } = dist;
      return { ...document!, versions: { '1.0.0': { ...manifest, dist: others } } } as INpmDocument;
    });
    const later = await npmWorld(t, { storage: { objectStore: store }, logger: false });
    store.before = ({ verb }) => {
      if (verb === 'put') throw new RegistryError('unavailable', 'the disk is full');
    };
    const answer = await later.anon.get('/a');
    t.equal(answer.status, 200);
    t.same(signaturesOf(answer.json() as unknown as IPackument), { '1.0.0': undefined });
    store.reset();
    t.equal((await later.anon.get('/a/1.0.0')).status, 200);
    t.equal(store.count('put'), 0, 'for a moment it is not tried again: readers do not wait for it');
    t.equal((await later.anon.get('/-/npm/v1/keys')).status, 503);
    store.before = undefined;
    const third = await npmWorld(t, { storage: { objectStore: store }, logger: false });
    const keys = await keysOf(third.anon);
    const packument = (await third.anon.get('/a')).json() as unknown as IPackument;
    t.ok(isGood(keys, 'a', '1.0.0', packument.versions['1.0.0']!.dist));
    t.ok(signed.versions['1.0.0']);
    // the process that could not sign tries again some seconds later, and gives nothing that it rendered meanwhile
    const storage = later.registry.getStorage();
    Object.defineProperty(storage, 'now', { value: () => new Date(Date.now() + 60_000) });
    for (const path of ['/a', '/a/1.0.0']) {
      const answer = (await later.anon.get(path)).json() as unknown as IPackument & IPackument['versions'][string];
      t.ok(isGood(keys, 'a', '1.0.0', (answer.versions?.['1.0.0'] ?? answer).dist), path);
    }
  },
);
