import t from 'tap';
import { MAX_LISTED } from '../../ts/composer/wire/wire.root.js';
import { ComposerActor, composerWorld } from '../support/composer/actors.js';
import { send } from '../support/registry.js';

t.test('packages.json has absolute links, and the packages of the caller', async (t) => {
  const { writer, anon } = await composerWorld(t);
  await writer.publish('b/two', '1.0.0');
  await writer.publish('a/one', 'dev-main');
  const url = 'http://composer.example.org/composer';
  const answer = await anon.get('/packages.json');
  t.match(answer.headers, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache', ETag: /^"/ });
  t.same(answer.json(), {
    packages: [],
    'metadata-url': `${url}/p2/%package%.json`,
    list: `${url}/packages/list.json`,
    search: `${url}/search.json?q=%query%&type=%type%`,
    'providers-api': `${url}/providers/%package%.json`,
    'notify-batch': `${url}/downloads`,
    'security-advisories': { metadata: true, 'api-url': `${url}/security-advisories` },
    filter: { metadata: true, lists: { malware: { enabled: true } }, 'summary-url': `${url}/filter.json` },
    'available-packages': ['a/one', 'b/two'],
  });
  t.equal((await anon.get('/packages.json', { 'if-none-match': answer.headers.ETag as string })).status, 304);
});

t.test('the links follow the public URL', async (t) => {
  const at = { composer: { enabled: true, registryUrl: 'https://packages.example.org/php/' } };
  const { anon, writer } = await composerWorld(t, at);
  await writer.publish('a/one', '1.0.0');
  t.match((await anon.get('/packages.json')).json(), { list: 'https://packages.example.org/php/packages/list.json' });
  t.match(await anon.versions('a/one'), [{ dist: { url: /^https:\/\/packages\.example\.org\/php\/dists\/a\/one\// } }]);

  const { registry } = await composerWorld(t);
  const below = await send(registry, 'GET', '/composer/packages.json', {
    headers: { host: 'h.example.org' },
    prefix: '/tools',
  });
  t.match(below.json(), { 'metadata-url': 'http://h.example.org/tools/composer/p2/%package%.json' });
  const hosts = await Promise.all(
    ['one.example.org', 'two.example.org'].map((host) =>
      send(registry, 'GET', '/composer/packages.json', { headers: { host } }),
    ),
  );
  t.match(
    hosts.map((answer) => answer.json().list),
    [/one\.example\.org/, /two\.example\.org/],
    'one for each host',
  );
});

t.test('a caller sees only what it may read, and never the answer to another', async (t) => {
  const { registry, writer, anon, tokenOf } = await composerWorld(t, { auth: { anonymousScopes: [] } });
  await writer.publish('a/one', '1.0.0');
  await writer.publish('b/two', '1.0.0');
  const some = await tokenOf({ scopes: ['composer:package:a/*:read'] });
  for (let turn = 0; turn < 2; turn++) {
    t.match((await writer.get('/packages.json')).json(), { 'available-packages': ['a/one', 'b/two'] });
    t.same((await some.get('/packages.json')).json()['available-packages'], ['a/one']);
    t.same((await some.get('/packages/list.json')).json(), { packageNames: ['a/one'] });
    t.equal((await anon.get('/packages.json')).status, 401);
  }
  const none = await tokenOf({ scopes: ['composer:package:c/*:read'] });
  const { 'available-packages': list, 'available-package-patterns': patterns } = (
    await none.get('/packages.json')
  ).json();
  t.equal(list, undefined, 'an empty list would mean: any package may be here');
  t.same(patterns, ['-/-'], 'a pattern that no name matches');
  t.ok(registry);
});

t.test('an empty registry', async (t) => {
  const { anon } = await composerWorld(t);
  const root = (await anon.get('/packages.json')).json();
  t.same([root['available-packages'], root['available-package-patterns']], [undefined, ['-/-']]);
  t.same((await anon.get('/packages/list.json')).json(), { packageNames: [] });
});

t.test('with many packages, packages.json has a pattern for each vendor', async (t) => {
  const { registry, anon } = await composerWorld(t);
  const actor = new ComposerActor(registry);
  t.same((await actor.get('/packages/list.json')).json(), { packageNames: [] });
  const { catalog } = (registry.getRegistry('composer') as unknown as { parts: IParts }).parts;
  const document = { changedAt: '2026-01-01T00:00:00.000Z', deleted: [], versions: [version] };
  const names = ['a-b', 'a', 'a.b', 'z'].flatMap((vendor) =>
    Array.from({ length: Math.ceil((MAX_LISTED + 1) / 4) }, (_, at) => `${vendor}/p${at}`),
  );
  const note = (some: string[]) =>
    Promise.all(some.map((name) => catalog.note(name, { ...document, name }, undefined, 1)));
  await note(names.slice(0, MAX_LISTED));
  const list = (await anon.get('/packages.json')).json();
  t.equal((list['available-packages'] as string[]).length, 2000, 'as many as that are named');
  t.notOk(Object.hasOwn(list, 'available-package-patterns'));
  await note(names.slice(MAX_LISTED));
  const root = (await anon.get('/packages.json')).json();
  t.same(root['available-package-patterns'], ['a-b/*', 'a.b/*', 'a/*', 'z/*']);
  t.notOk(Object.hasOwn(root, 'available-packages'));
});

interface IParts {
  catalog: { note(name: string, document: object, marker: undefined, revision: number): Promise<void> };
}
const version = { version: '1.0.0', normalized: '1.0.0.0', manifest: {}, publishedAt: '2026-01-01T00:00:00.000Z' };

t.test('notices of the configuration, and lists that are announced', async (t) => {
  const composer = {
    enabled: true,
    warning: 'We move on Friday',
    info: 'Hello',
    filterLists: ['malware', 'typosquatting'],
  };
  const { anon } = await composerWorld(t, { composer });
  t.match((await anon.get('/packages.json')).json(), {
    warning: 'We move on Friday',
    info: 'Hello',
    filter: { lists: { malware: { enabled: true }, typosquatting: { enabled: true } } },
  });
  const none = await composerWorld(t, { composer: { enabled: true, filterLists: [] } });
  t.notOk(Object.hasOwn((await none.anon.get('/packages.json')).json(), 'filter'));
  await t.rejects(composerWorld(t, { composer: { enabled: true, filterLists: ['advisories'] } }), {
    name: 'ConfigError',
    field: 'composer.filterLists',
  });
});

t.test('the start page says how to use the registry', async (t) => {
  const { registry } = await composerWorld(t);
  const lines = (url: string) => registry.getRegistry('composer')?.clientSetup(url);
  const upload = (url: string) => [
    '# Composer has no command for uploads:',
    `curl --fail-with-body -u token:YOUR-TOKEN -T FILE.zip '${url}/packages/VENDOR/PACKAGE?version=1.0.0'`,
  ];
  t.same(lines('http://x.example.org:8080/php//'), [
    '# in the folder of composer.json:',
    'composer config secure-http false',
    'composer config repositories.private composer http://x.example.org:8080/php',
    'composer config --auth http-basic.x.example.org:8080 token YOUR-TOKEN',
    ...upload('http://x.example.org:8080/php'),
  ]);
  t.same(lines('https://x.example.org/php'), [
    '# in the folder of composer.json:',
    'composer config repositories.private composer https://x.example.org/php',
    'composer config --auth http-basic.x.example.org token YOUR-TOKEN',
    ...upload('https://x.example.org/php'),
  ]);
});

t.test('fields of the configuration are checked', async (t) => {
  const wrong: [object, RegExp][] = [
    [{ filterlists: ['malware'] }, /composer\.filterlists is unknown; did you mean filterLists/],
    [{ filterLists: 'malware' }, /composer\.filterLists must be a list of names/],
    [{ filterLists: [''] }, /composer\.filterLists/],
    [{ warning: true }, /composer\.warning must be a non-empty string/],
    [{ info: '' }, /composer\.info must be a non-empty string/],
    [{ features: { anything: true } }, /composer\.features/],
  ];
  for (const [fields, message] of wrong) {
    const composer = { enabled: true, ...fields } as { enabled: true };
    await t.rejects(composerWorld(t, { composer }), { name: 'ConfigError', message });
  }
});

t.test('packages/list.json: filter and vendor', async (t) => {
  const { writer, anon } = await composerWorld(t);
  for (const name of ['acme/lib', 'acme/app', 'acme-x/lib', 'other/acme']) await writer.publish(name, '1.0.0');
  const names = async (query: string) => (await anon.get(`/packages/list.json${query}`)).json().packageNames;
  t.same(await names(''), ['acme-x/lib', 'acme/app', 'acme/lib', 'other/acme']);
  t.same(await names('?filter=acme/*'), ['acme/app', 'acme/lib']);
  t.same(await names('?filter=*/lib'), ['acme-x/lib', 'acme/lib']);
  t.same(await names('?vendor=acme'), ['acme/app', 'acme/lib']);
  t.same(await names('?vendor=acme&filter=acme/l*'), ['acme/lib'], 'as `composer search ^acme/l` asks');
  t.same(await names('?filter=ACME/APP'), ['acme/app']);
  t.same(await names('?filter=lib'), []);
  t.same(await names(`?filter=${'*a'.repeat(100)}`), [], 'many stars take no time');
  t.same(await names('?vendor=ACME'), ['acme/app', 'acme/lib']);
  t.same(await names('?vendor=acm'), []);
  for (const query of ['?vendor=', '?filter=', '?vendor=&filter='])
    t.equal(((await names(query)) as string[]).length, 4, query);
  for (const name of ['vendor', 'filter']) {
    t.same(await names(`?${name}=${'a'.repeat(256)}`), []);
    const answer = await anon.get(`/packages/list.json?${name}=${'a'.repeat(257)}`);
    t.equal(answer.status, 400);
    t.match(answer.json(), { message: `The query parameter "${name}" is longer than 256 characters` });
  }
  t.equal((await anon.get('/packages/list.json')).headers['Content-Type'], 'application/json');
});
