import t from 'tap';
import { parseSearch } from '../../ts/cargo/wire/wire.search.js';
import { type CargoActor, cargoWorld, publishes } from '../support/cargo/actors.js';
import { clockOf } from '../support/clock.js';

interface IFound {
  crates: { name: string; max_version: string; description: string | null; keywords: string[] }[];
  meta: { total: number };
}

const find = async (actor: CargoActor, query: string): Promise<IFound> =>
  (await actor.get(`/api/v1/crates?${query}`)).json() as unknown as IFound;

const names = async (actor: CargoActor, query: string): Promise<string[]> =>
  (await find(actor, query)).crates.map(({ name }) => name);

t.test('search finds crates by name, keyword and description, the name first', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const publish = (name: string, metadata: object) => publishes(t, writer, name, '1.0.0', { metadata });
  await publish('http-client', { description: 'talks to servers' });
  await publish('Other_Thing', { description: 'uses http-client inside' });
  await publish('tagged', { keywords: ['http-client', 'x'.repeat(300)] });
  t.same(await names(anon, 'q=http-client&per_page=10'), ['http-client', 'tagged', 'Other_Thing']);
  t.same(await names(anon, 'q=HTTP_CLIENT'), ['http-client', 'tagged', 'Other_Thing'], 'in any spelling');
  t.same(await names(anon, 'q=other-thing'), ['Other_Thing']);
  t.same(await names(anon, 'q=zzz'), []);
  const { crates, meta } = await find(anon, 'q=http-client');
  t.equal(meta.total, 3);
  t.same(crates[1]?.keywords, ['http-client', 'x'.repeat(256)], 'a keyword is cut: each search that finds it has it');
  t.match(crates[0], { name: 'http-client', max_version: '1.0.0', description: 'talks to servers' });
});

t.test('the crate of exactly this name comes first, then those with shorter names', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  for (const name of ['log', 'log-x', 'log-log-log-log', 'x-log-and-more']) await publishes(t, writer, name, '1.0.0');
  const found = await names(anon, 'q=log');
  t.same([found[0], found.length], ['log', 4]);
  t.equal((await names(anon, 'q=log_x'))[0], 'log-x');
});

t.test('the answer has pages', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  for (let at = 10; at < 25; at++) await publishes(t, writer, `crate-${at}`, '1.0.0');
  const first = await find(anon, 'q=crate');
  t.same([first.crates.length, first.meta.total], [10, 15], 'cargo prints how many more there are');
  const second = await names(anon, 'q=crate&per_page=10&page=2');
  t.equal(second.length, 5);
  t.notOk(second.some((name) => first.crates.some((crate) => crate.name === name)));
  t.equal((await names(anon, 'q=crate&per_page=100')).length, 15);
  for (const odd of ['per_page=0', 'per_page=-1', 'per_page=x', 'page=0', 'page=x']) {
    t.equal((await names(anon, `q=crate&${odd}`)).length, 10, odd);
  }
  t.equal((await find(anon, '')).meta.total, 15, 'no text: all of them');
  t.match(
    parseSearch((name) => ({ q: 'crate', per_page: '1000', page: '3' })[name]),
    { size: 100, from: 200 },
    'a page has at most 100',
  );
});

t.test('without a text the crates that changed last come first', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  const tick = clockOf(registry);
  for (const name of ['first', 'second', 'third']) {
    await publishes(t, writer, name, '1.0.0');
    tick(1000);
  }
  t.same(await names(anon, ''), ['third', 'second', 'first']);
  t.equal((await writer.yank('first', '1.0.0')).status, 200);
  t.same(await names(anon, ''), ['first', 'third', 'second']);
});

t.test('a backport does not change what search shows of a crate', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '2.0.0', { metadata: { description: 'new' } });
  await publishes(t, writer, 'fyk', '1.0.1', { metadata: { description: 'old' } });
  t.match((await find(anon, 'q=fyk')).crates, [{ max_version: '2.0.0', description: 'new' }]);
});

t.test('search shows what the caller may read', async (t) => {
  const { anon, writer, tokenOf, registry } = await cargoWorld(t, {
    auth: { anonymousScopes: ['cargo:crate:open-a:read'] },
  });
  for (const name of ['Open-A', 'open-b', 'open-c', 'open_d']) await publishes(t, writer, name, '1.0.0');
  t.same(await find(anon, 'q=open').then(({ crates, meta }) => [crates.map(({ name }) => name), meta.total]), [
    ['Open-A'],
    1,
  ]);
  const limited = await tokenOf({ scopes: ['cargo:crate:open-c:read', 'cargo:crate:open_d:read'] });
  t.same((await names(limited, 'q=open')).sort(), ['Open-A', 'open-c', 'open_d']);
  const other = await tokenOf({ scopes: ['cargo:crate:open-d:read'] });
  t.same(await names(other, 'q=open'), ['Open-A'], 'another spelling is another name');
  t.equal((await names(writer, 'q=open')).length, 4);
  const counts = await registry.rebuildListings();
  t.equal(counts.get('cargo'), 4);
  t.same((await names(writer, 'q=open')).sort(), ['Open-A', 'open-b', 'open-c', 'open_d'], 'also after a rebuild');
});

t.test('a crate says when it was made and when it changed, and is found by each of its keywords', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  const tick = clockOf(registry);
  await publishes(t, writer, 'Fyk', '1.0.0', {
    metadata: { keywords: ['one', 'two'], homepage: 'https://example.org' },
  });
  tick(60_000);
  await publishes(t, writer, 'Fyk', '1.1.0', { metadata: { keywords: ['two', 'three'] } });
  t.same((await find(anon, 'q=three')).crates, [
    {
      id: 'Fyk',
      name: 'Fyk',
      max_version: '1.1.0',
      description: null,
      keywords: ['two', 'three'],
      homepage: null,
      documentation: null,
      repository: null,
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:01:00.000Z',
    },
  ]);
  t.same(await names(anon, 'q=two'), ['Fyk']);
  t.same(await names(anon, 'q=one'), [], 'of the highest version');
});

t.test('a publish that was interrupted is repaired under the one name that its crate has', async (t) => {
  const { anon, writer, registry } = await cargoWorld(t);
  await publishes(t, writer, 'Foo_Bar', '1.0.0');
  const { listing, catalog } = (registry.getRegistry('cargo') as unknown as { parts: IParts }).parts;
  const marker = await listing.mark('Foo_Bar');
  t.equal(await catalog.repair(0), 0, 'its row is there already');
  t.equal((await find(anon, 'q=foo')).meta.total, 1);
  await listing.unmark(marker);
});

interface IParts {
  listing: { mark(name: string): Promise<string>; unmark(id: string): Promise<void> };
  catalog: { repair(olderThanMs: number): Promise<number> };
}
