import t from 'tap';
import { npmWorld } from '../support/npm/actors.js';

t.test('a package that is published while the search index is built is found at once', async (t) => {
  const { store } = (await npmWorld(t)).registry.getStorage();
  const rows = Array.from({ length: 4000 }, (_, n) => {
    const name = `package-${n}`;
    const entry = { name, version: '1.0.0', rev: 1, date: '2026-01-01', keywords: ['old'], links: {}, maintainers: [] };
    return [name, 1, entry];
  });
  await store.put('npm/catalog/base.json', Buffer.from(JSON.stringify(rows)));
  const { anon, writer } = await npmWorld(t, { storage: { objectStore: store } });
  const totalOf = async (text: string) => (await anon.get(`/-/v1/search?text=${text}`)).json().total;

  const found = [totalOf('package-1')];
  for (let n = 0; n < 40; n++) {
    t.equal((await writer.publish(`newcomer${n}x`, '1.0.0')).status, 201);
    // not waited for: the next package is published while this search waits for the index
    found.push(totalOf(`newcomer${n}x`));
  }
  const totals = await Promise.all(found);
  t.same(totals.slice(1), Array(40).fill(1), 'who waited for what another search had begun looks again');
});
