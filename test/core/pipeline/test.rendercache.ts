import t from 'tap';
import { RenderCache } from '../../../ts/core/pipeline/serving/classes.rendercache.js';
import { PUBLIC_URL, Rendering } from '../../../ts/core/pipeline/serving/classes.rendering.js';
import { ofKind } from '../../support/expect.js';

type TMake = Parameters<RenderCache['get']>[1];
const rendering = (cost: number) => ({ cost }) as unknown as NonNullable<Awaited<ReturnType<TMake>>>;

t.test(
  'what was made of a newer version than was asked for is kept as that, and not under the older name',
  async (t) => {
    const cache = new RenderCache(1_000_000);
    const newer = rendering(10);
    const found = await cache.get('older', async (keepAs) => {
      keepAs('newer');
      return newer;
    });
    t.equal(found, newer, 'the caller gets what is there now');
    t.equal(cache.peek('older'), undefined, 'a later write may bring the older content back');
    t.equal(cache.peek('newer'), newer);
  },
);

t.test('it is made once for all that wait, and again after a failure', async (t) => {
  const cache = new RenderCache(1_000_000);
  let made = 0;
  const make: TMake = async () => {
    if (++made === 1) throw new Error('the store is away');
    return rendering(10);
  };
  const first = await Promise.allSettled([cache.get('a', make), cache.get('a', make)]);
  t.same(
    first.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.equal(made, 1);
  t.equal(await cache.get('a', make), await cache.get('a', make));
  t.equal(made, 2);
  t.equal(await cache.get('b', async () => null), null);
  t.equal(cache.peek('b'), undefined, 'nothing is kept of what is absent');
});

t.test('an ETag of a protocol is not for a body with links: two hosts would have it for different bytes', async (t) => {
  const rendered = { contentType: 'text/plain', etag: 'mine' };
  t.throws(() => Rendering.of({ ...rendered, body: `see ${PUBLIC_URL}/a` }, 'http://x'), ofKind('internal'));
  t.equal(Rendering.of({ ...rendered, body: 'no link' }, 'http://x').etag, 'mine');
  const [here, there] = ['http://x', 'http://y'].map((url) =>
    Rendering.of({ contentType: 'text/plain', body: `see ${PUBLIC_URL}/a` }, url),
  ) as [Rendering, Rendering];
  t.not(here.etag, there.etag);
  t.equal(here.linkedTo('http://y').etag, there.etag);
});
