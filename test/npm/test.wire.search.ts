import t from 'tap';
import { SearchIndex } from '../../ts/core/listing/search/classes.searchindex.js';
import type { INpmSearchEntry } from '../../ts/npm/interfaces.npm.js';
import { isOwnForm, loginForm } from '../../ts/npm/wire/wire.loginpage.js';
import {
  byDate,
  closeness,
  parsePage,
  parseSearchText,
  qualifies,
  renderHit,
  searchFields,
} from '../../ts/npm/wire/wire.search.js';
import { parseTokenRequest, renderToken } from '../../ts/npm/wire/wire.tokens.js';
import { refusal } from '../support/npm/packages.js';

const entry = (name: string, more: Partial<INpmSearchEntry> = {}): INpmSearchEntry => ({
  name,
  version: '1.0.0',
  rev: 1,
  date: '2026-01-01T00:00:00.000Z',
  keywords: [],
  links: {},
  maintainers: [{ name: 'ann', email: 'ann@example.org' }],
  ...more,
});

/** A listing that a test writes to. */
class Source {
  public version = 0;
  public map = new Map<string, INpmSearchEntry>();
  private readonly log: string[] = [];

  public async entries() {
    return this.map;
  }

  public changedSince(version: number) {
    return new Set(this.log.slice(version));
  }

  public put(...entries: INpmSearchEntry[]) {
    for (const item of entries) this.map.set(item.name, item);
    this.changed(entries.map(({ name }) => name));
  }

  public drop(name: string) {
    this.map.delete(name);
    this.changed([name]);
  }

  private changed(names: string[]) {
    this.log.push(...names);
    this.version = this.log.length;
  }
}

const indexOf = (source: Source) =>
  new SearchIndex<INpmSearchEntry>(source, { fields: searchFields, closeness, compare: byDate });

const names = async (index: SearchIndex<INpmSearchEntry>, text: string) =>
  (await index.search(parseSearchText(text).text, { most: Number.POSITIVE_INFINITY })).map((hit) => hit.name);

t.test('the name comes first, then keywords, then the description', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  t.same(await names(index, 'x'), []);
  source.put(
    entry('described', { description: 'knows express very well, express, express' }),
    entry('tagged', { keywords: ['express'] }),
    entry('express-session'),
    entry('express'),
    entry('@scope/express'),
    entry('expresso'),
    entry('unrelated', { description: 'of other things' }),
  );
  const found = await names(index, 'express');
  t.same(found.slice(0, 2), ['express', '@scope/express']);
  t.equal(found.indexOf('unrelated'), -1);
  t.ok(found.indexOf('express-session') < found.indexOf('tagged'));
  t.ok(found.indexOf('tagged') < found.indexOf('described'));
  t.ok((await names(index, 'EXPRES')).slice(0, 2).includes('express'), 'a beginning is enough');
  t.equal((await names(index, 'exprss'))[0], 'express', 'a letter may be missing');
  t.same(await names(index, '@scope/express'), ['@scope/express', ...(await names(index, '@scope/express')).slice(1)]);
  t.same(await names(index, 'express session'), ['express-session'], 'all words count');
  t.equal((await names(index, 'unrelated nonsense'))[0], 'unrelated', 'rather some of it than nothing');
  t.equal((await names(index, '')).length, 7);
});

t.test('a package whose name has capitals is found by its name', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  source.put(
    entry('jsonstream-next', { description: 'jsonstream', keywords: ['jsonstream'] }),
    entry('tool', { keywords: ['jsonstream'], description: 'jsonstream' }),
    entry('x', { keywords: ['jsonstream'], description: 'jsonstream' }),
    entry('JSONStream'),
    entry('@Team/JSON.Stream'),
  );
  t.equal((await names(index, 'JSONStream'))[0], 'JSONStream');
  t.equal(closeness('JSONStream', 'jsonstream'), closeness('jsonstream', 'jsonstream'));
  t.equal(closeness('@Team/JSON.Stream', 'json.stream'), closeness('@team/json.stream', 'json.stream'));
  t.equal(qualifies(entry('@Team/a'), parseSearchText('scope:@Team')), true);
  t.equal(qualifies(entry('@Teams/a'), parseSearchText('scope:@Team')), false);
});

t.test('the index follows the catalog', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  source.put(
    ...Array.from({ length: 50 }, (_, number) => entry(`package-${number}`)),
    entry('constructor'),
    entry('tostring'),
  );
  t.equal((await names(index, 'package')).length, 50);
  t.same(await names(index, 'constructor'), ['constructor']);
  source.put(entry('newcomer'));
  t.same(await names(index, 'newcomer'), ['newcomer']);
  source.put(entry('newcomer', { rev: 2, description: 'a gadget' }));
  t.same(await names(index, 'gadget'), ['newcomer']);
  source.drop('newcomer');
  t.same(await names(index, 'gadget'), []);
  source.put(entry('newcomer', { rev: 3, description: 'a widget' }));
  t.same(await names(index, 'widget'), ['newcomer']);
  t.equal((await names(index, '')).length, 53);
});

t.test('answers to what nobody else asks are not kept for ever', async (t) => {
  const index = indexOf(new Source());
  for (let count = 0; count < 10_000; count++) await names(index, `nothing${count}`);
  const { answers } = (index as unknown as { answers: { answers: Map<string, unknown> } }).answers;
  t.ok(answers.size > 0 && answers.size < 5000, String(answers.size));
});

t.test('a text of hundreds of words costs no more than one of a few', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  const words = Array.from({ length: 100 }, (_, number) => `w${number.toString(36)}`);
  source.put(
    ...Array.from({ length: 2000 }, (_, number) =>
      entry(`package-${number}`, { description: words.slice(number % 50, (number % 50) + 50).join(' ') }),
    ),
  );
  const cost = async (text: string) => {
    const before = process.cpuUsage();
    t.ok((await names(index, text)).length > 0, text.slice(0, 20));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  // on a busy machine the index takes longer than a search waits for it
  while ((await names(index, 'w0')).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const few = await cost(words.slice(0, 16).join(' '));
  const many = await cost(words.join(' '));
  t.ok(many < 3 * few + 50, `${many} ms of CPU instead of ${few}`);
});

t.test('qualifiers narrow a search', async (t) => {
  t.match(parseSearchText('foo keywords:a,b+c author:Ann scope:@s maintainer:bob x:y'), {
    text: 'foo x:y',
    keywords: [['a', 'b'], ['c']],
    author: 'ann',
    scope: 's',
    maintainer: 'bob',
  });
  const item = entry('@s/a', {
    keywords: ['B', 'C'],
    author: { name: 'Eve', email: 'eve@example.org' },
    publisher: { name: 'ann' },
  });
  const fits: [string, boolean][] = [
    ['', true],
    ['keywords:b', true],
    ['keywords:x,b', true],
    ['keywords:b+c', true],
    ['keywords:b+x', false],
    ['keywords:x', false],
    ['author:eve', true],
    ['author:eve@example.org', true],
    ['author:ann', true],
    ['author:bob', false],
    ['scope:s', true],
    ['scope:@s', true],
    ['scope:t', false],
    ['maintainer:ann', true],
    ['maintainer:ann@example.org', true],
    ['maintainer:eve', false],
    ['keyword:b', true],
    ['keyword:x', false],
    ['keywords:-', true],
    ['keywords:,', true],
    ['keywords:b,-c', false],
    ['keywords:-x', true],
    ['is:insecure', false],
    ['not:insecure', true],
    ['is:unstable', false],
    ['not:stable', true],
  ];
  for (const [text, expected] of fits) t.equal(qualifies(item, parseSearchText(text)), expected, text);
  const both = entry('a', { version: '0.1.0', deprecated: true });
  for (const [text, expected] of [
    ['is:unstable,deprecated', true],
    ['is:deprecated,insecure', false],
    ['not:deprecated', false],
    ['not:insecure,unstable', false],
  ] as const) {
    t.equal(qualifies(both, parseSearchText(text)), expected, text);
  }
  t.equal(qualifies(entry('a', { version: '10.0.0' }), parseSearchText('is:unstable')), false);
  for (const [text, exact] of [
    ['x', true],
    ['x boost-exact:false', false],
    ['x boost-exact:true', true],
    ['x boost-exact:', true],
  ] as const) {
    t.same([parseSearchText(text).boostExact, parseSearchText(text).text], [exact, 'x'], text);
  }
  t.equal(parseSearchText(`${'x'.repeat(510)} y z`).text, `${'x'.repeat(510)} y`, 'what is behind 512 characters');
  t.same(parsePage('5000', '250'), { from: 5000, size: 250 });
  t.same(parsePage('5001', '251'), { from: 5000, size: 250 });
  t.same(parsePage('5', '1000'), { from: 5, size: 250 });
  t.same(parsePage('20001', '20'), { from: 5000, size: 20 }, 'nobody pages that far');
  t.same(parsePage('x', '-1'), { from: 0, size: 20 });
  t.same(parsePage(undefined, '0'), { from: 0, size: 0 });
});

t.test('without words, the newest package comes first', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  const dated = (name: string, day: number) => entry(name, { date: `2026-01-0${day}T00:00:00.000Z` });
  source.put(dated('b', 2), dated('d', 4), dated('a', 1), dated('c', 3));
  t.same(await names(index, ''), ['d', 'c', 'b', 'a']);
  t.equal(byDate(dated('x', 1), dated('y', 1)), 0);
});

t.test('how well a name fits what was typed', async (t) => {
  for (const [name, text, expected] of [
    ['express', 'express', 100],
    ['@scope/express', '@scope/express', 100],
    ['@scope/express', 'express', 10],
    ['@scope/express', 'scope express', 10],
    ['@express/other', 'express', 1],
    ['express-session', 'express', 1 + 7 / 15],
    ['@scope/expresso', 'express', 1 + 7 / 8],
    ['other', 'express', 1],
  ] as const) {
    t.equal(closeness(name, text), expected, `${name} for ${text}`);
  }
});

t.test('people are found by their names', async (t) => {
  const source = new Source();
  const index = indexOf(source);
  const [author, publisher, other] = ['Wilhelmina', 'Bartholomew', 'Maximiliane'].map((name) => ({ name }));
  source.put(
    entry('by', { author, maintainers: [] }),
    entry('from', { publisher, maintainers: [] }),
    entry('kept', { maintainers: [{ name: 'x' }, other!] }),
  );
  t.same(await names(index, 'wilhelmina'), ['by']);
  t.same(await names(index, 'bartholomew'), ['from']);
  t.same(await names(index, 'maximiliane'), ['kept']);
  source.put(entry('described', { description: 'wilhelmina', maintainers: [] }));
  t.same(await names(index, 'wilhelmina'), ['described', 'by'], 'behind what it is described by');
});

t.test('a hit has the shape that npm and pnpm can read', async (t) => {
  const hit = renderHit({ entry: entry('@s/a', { publisher: { name: 'ann' } }), score: 0.5 }) as { package: object };
  t.match(hit, {
    package: {
      name: '@s/a',
      scope: 's',
      publisher: { username: 'ann', email: '' },
      maintainers: [{ username: 'ann', email: 'ann@example.org' }],
    },
    score: { final: 0.5, detail: { quality: Number, popularity: Number, maintenance: Number } },
    searchScore: 0.5,
  });
  const whole = entry('a', {
    description: 'd',
    keywords: ['k'],
    license: 'MIT',
    links: { homepage: 'https://example.org' },
    author: { name: 'Jo' },
    publisher: { name: 'ann', email: 'ann@example.org' },
  });
  t.same(renderHit({ entry: whole, score: 0.25 }), {
    package: {
      name: 'a',
      scope: 'unscoped',
      version: '1.0.0',
      description: 'd',
      keywords: ['k'],
      date: '2026-01-01T00:00:00.000Z',
      license: 'MIT',
      links: { homepage: 'https://example.org' },
      author: { name: 'Jo' },
      publisher: { username: 'ann', email: 'ann@example.org' },
      maintainers: [{ username: 'ann', email: 'ann@example.org' }],
    },
    score: { final: 0.25, detail: { quality: 0.25, popularity: 0.25, maintenance: 0.25 } },
    searchScore: 0.25,
  });
  const bare = JSON.parse(JSON.stringify(renderHit({ entry: entry('a', { maintainers: [] }), score: 1 })));
  t.notOk(Object.hasOwn(bare.package, 'publisher'), 'pnpm refuses an empty publisher');
  t.same(bare.package.maintainers, []);
});

t.test('a token keeps every restriction that was asked for', async (t) => {
  const password = 'p';
  const cases: [object, object][] = [
    [{}, { readonly: undefined }],
    [
      { readonly: true, name: 'ci' },
      { readonly: true, name: 'ci' },
    ],
    [
      { name: null, description: 'robot', expires: 2 },
      { name: 'robot', expiresIn: 172_800 },
    ],
    [{ packages: ['a', '@s/b'] }, { scopes: ['npm:package:a:*', 'npm:package:@s/b:*'] }],
    [{ packages: ['JSONStream', 'events'] }, { scopes: ['npm:package:JSONStream:*', 'npm:package:events:*'] }],
    [
      { scopes: ['@s', 't'], packages_and_scopes_permission: 'read-only' },
      { scopes: ['npm:package:@s/*:read', 'npm:package:@t/*:read'] },
    ],
    [{ packages_all: true, packages_and_scopes_permission: 'read-write' }, { scopes: ['npm:package:*:*'] }],
    [{ packages_all: false, packages: ['a'] }, { scopes: ['npm:package:a:*'] }],
    [{ packages_and_scopes_permission: 'read-only' }, { readonly: true }],
    [{ packages_and_scopes_permission: 'no-access' }, { scopes: [] }],
    [{ cidr_whitelist: [], orgs: [] }, {}],
    [{ cidr_whitelist: null, orgs: null, packages: null, scopes: null, expires: null }, { scopes: undefined }],
    [{ packages: 'a' }, { scopes: ['npm:package:a:*'] }],
    [{ packages: Array(200).fill('a') }, { scopes: Array(200).fill('npm:package:a:*') }],
    [{ packages: ['a'], scopes: ['s'] }, { scopes: ['npm:package:a:*', 'npm:package:@s/*:*'] }],
    [
      { packages: ['a'], readonly: true, packages_and_scopes_permission: 'read-only' },
      { scopes: ['npm:package:a:read'], readonly: true },
    ],
    [
      { packages: ['a'], packages_and_scopes_permission: null },
      { scopes: ['npm:package:a:*'], readonly: undefined },
    ],
    [{ packages_all: 'yes', packages: ['a'] }, { scopes: ['npm:package:a:*'] }],
    [{ packages: ['a'], packages_and_scopes_permission: 'no-access' }, { scopes: [] }],
    [{ readonly: 'true' }, { readonly: undefined }],
    [{ name: '', description: 'robot' }, { name: 'robot' }],
    [{ name: 'ci', description: 'robot' }, { name: 'ci' }],
    [{ name: 5, description: '' }, { name: undefined }],
    [{ expires: 1 }, { expiresIn: 86_400 }],
  ];
  for (const [body, expected] of cases)
    t.match(parseTokenRequest({ password, ...body }), expected, JSON.stringify(body));
  const bad: unknown[] = [
    null,
    [],
    {},
    { password: 5 },
    { password, cidr_whitelist: ['10.0.0.0/8'] },
    { password, orgs: ['o'] },
    { password, packages: ['*'] },
    { password, packages: ['a*'] },
    { password, packages: [5] },
    { password, packages: ['.a'] },
    { password, scopes: ['a*b'] },
    { password, scopes: ['*'] },
    { password, scopes: ['@s/a'] },
    { password, expires: 0 },
    { password, expires: -1 },
    { password, expires: 1.5 },
    { password, expires: '1' },
    { password, cidr_whitelist: '10.0.0.0/8' },
    { password, orgs: 'o' },
    { password, packages: Array(201).fill('a') },
    { password, packages_and_scopes_permission: '' },
    { password, packages_and_scopes_permission: 'read-write-stage-only' },
  ];
  for (const body of bad) t.throws(() => parseTokenRequest(body), refusal('invalid'), JSON.stringify(body));
  t.match(
    renderToken({
      id: 'k',
      userId: 'ann',
      protocol: 'npm',
      hint: 'abcdef',
      scopes: [],
      readonly: true,
      createdAt: new Date(0),
    }),
    { token: 'abcdef', key: 'k', readonly: true, created: '1970-01-01T00:00:00.000Z', cidr_whitelist: null },
  );
  const info = { id: 'k', userId: 'ann', protocol: 'npm', hint: 'h', scopes: [], readonly: false } as const;
  const times = { createdAt: new Date(0), expiresAt: new Date(1000) };
  t.same(renderToken({ ...info, scopes: [], ...times, name: 'ci' }), {
    token: 'h',
    key: 'k',
    cidr_whitelist: null,
    readonly: false,
    created: '1970-01-01T00:00:00.000Z',
    updated: '1970-01-01T00:00:00.000Z',
    name: 'ci',
    expires: '1970-01-01T00:00:01.000Z',
  });
  t.notOk('expires' in renderToken({ ...info, scopes: [], createdAt: new Date(0) }));
});

t.test('the login page trusts nobody', async (t) => {
  const page = loginForm({ host: 'npm.example.org', username: '"><script>', error: '<b>', create: false });
  t.notMatch(page, /<script|<b>/);
  t.match(page, '&quot;&gt;&lt;script&gt;');
  t.notMatch(loginForm({ host: '<script>.example.org', create: true }), /<script/);
  t.match(loginForm({ host: 'x', username: `a&b'c"d<e>f`, create: false }), 'value="a&amp;b&#39;c&quot;d&lt;e&gt;f"');
  const publicUrl = 'https://npm.example.org/npm';
  const host = 'npm.example.org';
  const cases: [object, boolean][] = [
    [{}, true],
    [{ site: 'same-origin' }, true],
    [{ site: 'none' }, true],
    [{ site: 'cross-site' }, false],
    [{ site: 'same-site' }, false],
    [{ origin: 'https://npm.example.org' }, true],
    [{ origin: 'https://evil.example.org' }, false],
    [{ origin: 'null' }, false],
    // a proxy that passes its own host on
    [{ host: 'inside:5000', origin: 'https://npm.example.org' }, true],
    [{ host: 'inside:5000', origin: 'http://npm.example.org' }, false],
  ];
  for (const [headers, own] of cases) t.equal(isOwnForm({ host, publicUrl, ...headers }), own, JSON.stringify(headers));
});
