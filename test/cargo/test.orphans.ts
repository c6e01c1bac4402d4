import t from 'tap';
import { crateKey, documentKey, documentNameOf, foldName, indexPath, ownerOf } from '../../ts/cargo/keys.cargo.js';
import { cargoWorld, publishes } from '../support/cargo/actors.js';

t.test('a key tells its crate', async (t) => {
  for (const name of ['a', 'ab', 'abc', 'Foo-Bar', 'foo_bar', 'index']) {
    t.equal(documentNameOf(documentKey(name)), foldName(name));
    t.equal(ownerOf(crateKey(name, '1.0.0')), name);
  }
  t.equal(documentKey('Foo_Bar'), documentKey('foo-bar'));
  t.equal(documentNameOf('cargo/index/fo/ob/foo-bar'), undefined, 'a key in the wrong folder is none');
  t.same(['a', 'ab', 'abc', 'abcd'].map(indexPath), ['1/a', '2/ab', '3/a/abc', 'ab/cd/abcd']);
});

t.test('what a killed publish left behind is swept by age, what a document names is not', async (t) => {
  const { registry, writer, anon, stored } = await cargoWorld(t);
  await publishes(t, writer, 'Foo_Bar', '1.0.0');
  const named = await stored();
  const { store } = registry.getStorage();
  const first = crateKey('Foo_Bar', '1.0.0');
  const own = `${first}.2f6a7a4e-9c3b-4f0d-8f5e-0c8a4e5b6d7f`;
  for (const key of [crateKey('Foo_Bar', '2.0.0'), own, crateKey('none', '1.0.0')]) {
    await store.put(key, Buffer.from('x'), { immutable: true });
  }
  const cargo = registry.getRegistry('cargo');
  t.equal(await cargo?.sweepOrphans(), 0, 'young ones may be part of a publish under way');
  t.match(await cargo?.collectGarbage({ graceMs: 0, dryRun: true }), { removed: { crates: 3 }, bytes: 3 });
  t.equal((await stored()).length, 5, 'a dry run deletes nothing');
  t.match(await cargo?.collectGarbage({ graceMs: 0 }), { removed: { crates: 3 }, bytes: 3 });
  t.same(await stored(), named);
  t.equal((await anon.download('Foo_Bar', '1.0.0')).status, 200);
  await publishes(t, writer, 'Foo_Bar', '2.0.0');
  t.equal((await anon.download('Foo_Bar', '2.0.0')).status, 200, 'its key was swept, so it lies at another');
});

t.test('once a day the listing is compared with the documents', async (t) => {
  const { registry, writer } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '1.0.0');
  const [chore] = registry.getRegistry('cargo')?.chores() ?? [];
  t.match(chore, { name: 'Listing crates whose listing was missed', everyMs: 86_400_000 });
  t.same(await chore?.work({ signal: new AbortController().signal }), { crates: 0 });
});
