import t from 'tap';
import { documentKey, ownerOf, tarballKey } from '../../ts/npm/keys.npm.js';
import { npmWorld } from '../support/npm/actors.js';
import { startRegistry, storedKeys } from '../support/registry.js';

t.test('a key tells its package', async (t) => {
  for (const name of ['a', '@s/a', 'index.json']) {
    t.equal(ownerOf(documentKey(name)), name);
    t.equal(ownerOf(tarballKey(name, '1.0.0')), name);
  }
});

t.test('what a killed publish left behind is swept by age, what a document names is not', async (t) => {
  const registry = await startRegistry(t, { npm: { enabled: true } });
  const { store } = registry.getStorage();
  const artifact = { key: tarballKey('@s/a', '1.0.0'), size: 1, sha1: '', sha512: '', writeId: '' };
  const document = {
    _id: '@s/a',
    _rev: '1-0',
    versions: {},
    _registry: { artifacts: { '1.0.0': artifact }, deleted: {} },
  };
  await store.put(documentKey('@s/a'), Buffer.from(JSON.stringify(document)));
  const named = [tarballKey('@s/a', '1.0.0'), documentKey('@s/a')];
  const orphans = [tarballKey('@s/a', '2.0.0'), `${tarballKey('@s/a', '1.0.0')}.5f1c`, tarballKey('none', '1.0.0')];
  for (const key of [named[0] as string, ...orphans]) await store.put(key, Buffer.from('x'), { immutable: true });
  t.equal(await registry.getRegistry('npm')?.sweepOrphans(), 0, 'young ones may be part of a publish under way');
  t.equal((await storedKeys(registry)).length, 5);
  const collect = (options: object) => registry.getRegistry('npm')?.collectGarbage(options);
  t.match(await collect({}), { removed: { tarballs: 0 }, bytes: 0 }, 'nor by a collection without a grace period');
  t.match(await collect({ graceMs: 0, dryRun: true }), { removed: { tarballs: 3 }, bytes: 3 });
  t.equal((await storedKeys(registry)).length, 5, 'a dry run deletes nothing');
  t.equal(await registry.getRegistry('npm')?.sweepOrphans({ olderThanMs: 0 }), 3);
  t.same((await storedKeys(registry)).sort(), named.sort());
});

t.test('a chore lists packages whose listing was missed', async (t) => {
  const { registry, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  await registry.getStorage().settled();
  const [chore, ...others] = registry.getRegistry('npm')!.chores();
  t.same([chore?.name, others], ['Listing packages whose listing was missed', []]);
  t.same(await chore?.work({ signal: new AbortController().signal }), { packages: 0 }, 'none was');
});
