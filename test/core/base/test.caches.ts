import t from 'tap';
import { cacheOf } from '../../../ts/core/base/helpers.caches.js';

t.test('the entry that was not used for longest goes first', async (t) => {
  const cache = cacheOf<string, number>(3);
  for (const [at, name] of ['a', 'b', 'c'].entries()) cache.set(name, at);
  cache.get('a');
  cache.set('d', 3);
  t.same([...cache.keys()].sort(), ['a', 'c', 'd']);
  t.equal(cache.get('b'), undefined);
});

t.test('no memory is reserved for entries that are not there', async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  // an array of so many elements could not be made
  const cache = cacheOf<string, number>(2 ** 40);
  cache.set('a', 1);
  t.equal(cache.get('a'), 1);
  t.ok(process.memoryUsage().arrayBuffers - before < 1_000_000);
});

t.test('an entry may have an end', async (t) => {
  const cache = cacheOf<string, number>(3, { ttl: 1 });
  cache.set('a', 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(cache.get('a'), undefined);
});
