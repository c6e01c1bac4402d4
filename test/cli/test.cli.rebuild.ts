import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { SmartRegistry } from '../../ts/index.js';
import { oneLine, run } from '../support/cli.js';
import { npmWorld } from '../support/npm/actors.js';
import { send, temporaryFolder } from '../support/registry.js';

const found = async (registry: SmartRegistry): Promise<string[]> => {
  const { objects } = (await send(registry, 'GET', '/npm/-/v1/search?text=')).json() as {
    objects: { package: { name: string } }[];
  };
  return objects.map((object) => object.package.name).sort();
};

t.test('listings are rebuilt while the server runs', async (t) => {
  const cwd = await temporaryFolder(t);
  const storage = { directory: join(cwd, 'data') };
  const { registry, writer, admin } = await npmWorld(t, { storage });
  await writer.publish('kept', '1.0.0');
  await writer.publish('removed-by-hand', '1.0.0');
  await writer.publish('unpublished', '1.0.0');
  await admin.delete(`/unpublished/-rev/${(await admin.packument('unpublished'))._rev}`);
  t.same(await found(registry), ['kept', 'removed-by-hand']);
  const { store } = registry.getStorage();
  for await (const item of store.list({ prefix: 'npm/packages/removed-by-hand/' })) {
    if ('key' in item) await store.delete(item.key);
  }
  const rebuilt = await run(['rebuild', 'npm'], { cwd });
  t.match(rebuilt, { code: 0, out: 'npm: rebuilt from 2 documents\n' });
  // the server looks at the store once a second
  while ((await found(registry)).length > 1) await delay(50);
  t.same(await found(registry), ['kept']);

  const all = await run(['rebuild'], { cwd });
  t.equal(all.code, 0);
  t.match(all.out, /^npm: rebuilt from 2 documents$/m);
  const wrong = await run(['rebuild', 'ivy'], { cwd });
  t.equal(wrong.code, 2);
  oneLine(t, wrong, /"ivy" is not enabled; enabled are: oci, npm/);
});

t.test('the library rebuilds them too', async (t) => {
  const { registry, writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const progress: unknown[] = [];
  const counts = await registry.rebuildListings({ progress: (...args) => progress.push(args) });
  t.same([...counts], [['npm', 1]]);
  t.same(progress.at(-1), ['npm', 1]);
  t.same(await found(registry), ['a']);
  await t.rejects(registry.rebuildListings({ protocols: ['pypi'] }), { kind: 'invalid' } as unknown as Error);
  const early = new SmartRegistry({
    storage: { objectStore: registry.getStorage().store },
    auth: { jwtSecret: 'x', tokenStore: 'memory' },
  });
  await t.rejects(early.rebuildListings(), /init/);
});
