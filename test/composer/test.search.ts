import t from 'tap';
import { composerWorld } from '../support/composer/actors.js';

t.test('search finds names, descriptions and keywords, of a type, page by page', async (t) => {
  const { writer, anon } = await composerWorld(t);
  await writer.publish('acme/logger', '1.0.0', { description: 'Writes lines', keywords: ['psr-3'] });
  await writer.publish('acme/app', '1.0.0', { description: 'An app with a logger', type: 'project' });
  await writer.publish('acme/old', '1.0.0', { description: 'Gone', abandoned: 'acme/logger' });
  const find = async (query: string) => (await anon.get(`/search.json?${query}`)).json() as unknown as ISearch;
  t.same(await find('q=logger'), {
    results: [
      { name: 'acme/logger', description: 'Writes lines' },
      { name: 'acme/app', description: 'An app with a logger' },
    ],
    total: 2,
  });
  t.same((await find('q=acme/logger')).results[0]?.name, 'acme/logger');
  t.same(
    (await find('q=psr-3')).results.map(({ name }) => name),
    ['acme/logger'],
  );
  t.same(
    (await find('q=logger&type=project')).results.map(({ name }) => name),
    ['acme/app'],
  );
  t.equal((await find('q=logger&type=PROJECT')).total, 1, 'types have no case');
  await writer.publish('acme/app', '1.0.1', { description: 'An app with a logger', type: 'project', abandoned: false });
  t.notOk('abandoned' in ((await find('q=acme/app')).results[0] as object), 'Composer takes any value for a warning');
  t.match((await find('q=old')).results, [{ name: 'acme/old', abandoned: 'acme/logger' }]);
  t.same(await find('q=nothing-like-it'), { results: [], total: 0 });
  const first = await find('q=&per_page=2');
  t.match(first, { total: 3, next: 'http://composer.example.org/composer/search.json?q=&per_page=2&page=2' });
  t.equal(first.results.length, 2);
  const second = await find('q=&per_page=2&page=2');
  t.equal(second.results.length, 1);
  t.notOk(second.next);
  t.notOk((await find('q=&per_page=3')).next, 'the page that ends with the last hit is the last one');
  await writer.publish('acme/second', '1.0.0', { type: 'project' });
  t.equal(
    (await find('q=&per_page=1&type=project')).next,
    'http://composer.example.org/composer/search.json?q=&type=project&per_page=1&page=2',
    'the next page has the same filter',
  );
  t.same((await find('q=&per_page=nonsense&page=-1')).total, 4);
});

interface ISearch {
  results: { name: string; description: string }[];
  total: number;
  next?: string;
}

t.test('the package of exactly this name comes first', async (t) => {
  const { writer, anon } = await composerWorld(t);
  for (const name of ['acme/log', 'log/log-log', 'acme/log-log-log']) await writer.publish(name, '1.0.0');
  const found = async (query: string) =>
    ((await anon.get(`/search.json?q=${query}`)).json() as unknown as ISearch).results.map(({ name }) => name);
  for (const query of ['log', 'acme/log', 'acme%20log']) t.equal((await found(query))[0], 'acme/log', query);
  t.equal((await found('log')).length, 3);
});

t.test('search and providers show only what the caller may read', async (t) => {
  const { writer, anon } = await composerWorld(t, { auth: { anonymousScopes: ['composer:package:open/*:read'] } });
  await writer.publish('open/log', '1.0.0', { provide: { 'psr/log-implementation': '1.0' } });
  await writer.publish('closed/log', '1.0.0', {
    replace: { 'psr/log-implementation': '*', 'Old/Name': 'self.version' },
  });
  t.match((await anon.get('/search.json?q=log')).json(), { results: [{ name: 'open/log' }], total: 1 });
  const providers = async (who: typeof anon, name: string) =>
    ((await who.get(`/providers/${name}.json`)).json() as { providers: unknown }).providers;
  t.same(await providers(anon, 'psr/log-implementation'), [
    { name: 'open/log', description: 'The package open/log', type: 'library' },
  ]);
  t.match(await providers(writer, 'psr/log-implementation'), [{ name: 'closed/log' }, { name: 'open/log' }]);
  t.match(await providers(writer, 'old/name'), [{ name: 'closed/log' }]);
  t.match(await providers(writer, 'OLD/Name'), [{ name: 'closed/log' }], 'names have no case');
  t.same(await providers(writer, 'ext-redis'), []);
  t.same(await providers(writer, '__proto__'), []);
  await writer.publish('open/plugin', '1.0.0', { type: 'Composer-Plugin', description: null, provide: { 'x/y': '1' } });
  t.same(await providers(anon, 'x/y'), [{ name: 'open/plugin', description: '', type: 'composer-plugin' }]);
});

t.test('a page of a search has 15 hits', async (t) => {
  const { writer, anon } = await composerWorld(t);
  for (let at = 10; at < 26; at++) await writer.publish(`acme/p${at}`, '1.0.0');
  const { results, total, next } = (await anon.get('/search.json?q=acme')).json() as unknown as ISearch;
  t.same([results.length, total], [15, 16]);
  t.match(next, /\?q=acme&page=2$/);
  t.equal(((await anon.get(`/search.json?${next?.split('?')[1]}`)).json() as unknown as ISearch).results.length, 1);
});

t.test('what listings show is from the newest stable version', async (t) => {
  const { writer, admin, anon } = await composerWorld(t);
  const description = async () =>
    ((await anon.get('/search.json?q=lib')).json() as unknown as ISearch).results[0]?.description;
  await writer.publish('acme/lib', 'dev-main', { description: 'of the branch' });
  t.equal(await description(), 'of the branch');
  await writer.publish('acme/lib', '1.0.0', { description: 'of 1.0.0' });
  await writer.publish('acme/lib', '2.0.0-beta1', { description: 'of the beta' });
  t.equal(await description(), 'of 1.0.0');
  await admin.delete('/packages/acme/lib/1.0.0');
  t.equal(await description(), 'of the beta');
  await admin.delete('/packages/acme/lib');
  t.equal(await description(), undefined);
});
