import t from 'tap';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1 } from '../support/composer/packages.js';

t.test('a sweep removes zips that no document names, and no other', async (t) => {
  const { registry, writer, anon, stored } = await composerWorld(t);
  const zips = [1, 2].map((a) => packageZip('acme/lib', 'dev-main', { a }));
  for (const zip of zips) await writer.put('/packages/acme/lib', zip);
  await writer.publish('acme/lib', '1.0.0');
  const named = await stored();
  const { store } = registry.getStorage();
  const orphans = ['composer/packages/acme/lib/0000.zip', 'composer/packages/acme/none/1111.zip'];
  for (const key of orphans) await store.put(key, Buffer.from('an orphan'));
  const dry = await registry.collectGarbage({ graceMs: -1000, dryRun: true });
  t.match(dry, [{ protocol: 'composer', removed: { zips: 2 }, bytes: 18 }]);
  t.equal((await stored()).length, named.length + 2, 'a dry run removes nothing');
  t.match(await registry.collectGarbage({ graceMs: -1000 }), [
    { protocol: 'composer', removed: { zips: 2 }, bytes: 18 },
  ]);
  t.same(await stored(), named);
  for (const zip of zips) t.equal((await anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).status, 200);
});

t.test('the listing is made anew from the documents', async (t) => {
  const { registry, writer, admin, anon } = await composerWorld(t);
  await writer.publish('acme/lib', '1.0.0', { provide: { 'acme/api': '1.0' } });
  await writer.publish('acme/gone', '1.0.0');
  await admin.put('/packages/acme/lib/filter/malware', { constraint: '*' });
  await admin.delete('/packages/acme/gone');
  const listings = async () =>
    Promise.all(
      ['/packages.json', '/filter.json', '/search.json?q=acme', '/providers/acme/api.json'].map(
        async (path) => (await anon.get(path)).text,
      ),
    );
  const before = await listings();
  t.same(await registry.rebuildListings(), new Map([['composer', 2]]));
  t.same(await listings(), before);
});

t.test('once a day the listing is compared with the documents', async (t) => {
  const { registry, writer } = await composerWorld(t);
  await writer.publish('acme/lib', '1.0.0');
  const [chore] = registry.getRegistry('composer')?.chores() ?? [];
  t.match(chore, { name: 'Listing packages whose listing was missed', everyMs: 86_400_000 });
  t.same(await chore?.work({ signal: new AbortController().signal }), { packages: 0 });
});
