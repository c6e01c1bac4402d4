import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { streamToBuffer } from '../../ts/index.js';
import { gemPart, gemWorld, PASSWORD } from '../support/rubygems/actors.js';
import { gemOf } from '../support/rubygems/gems.js';
import { unmarshal } from '../support/rubygems/unmarshal.js';

t.test('the JSON answers about a gem', async (t) => {
  const { anon, writer } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0'));
  await writer.push(gemOf('demo', '1.0', { platform: 'java' }));
  const newest = gemOf('demo', '1.10', {
    summary: 'newest release',
    metadata: { source_code_uri: 'https://example.org/src' },
    requiredRuby: ['>= 3.0'],
    dependencies: [
      { name: 'rack', requirements: ['>= 1.0', '< 3'] },
      { name: 'rspec', type: 'development' },
    ],
  });
  await writer.push(newest);
  await writer.push(gemOf('demo', '2.0.rc1'));
  await writer.push(gemOf('demo', '1.9'));

  const versions = (await anon.get('/api/v1/versions/demo.json')).json() as unknown as Record<string, unknown>[];
  t.same(
    versions.map(({ number, platform, prerelease }) => [number, platform, prerelease]),
    [
      ['2.0.rc1', 'ruby', true],
      ['1.10', 'ruby', false],
      ['1.9', 'ruby', false],
      ['1.0', 'ruby', false],
      ['1.0', 'java', false],
    ],
  );
  t.match(versions[1], {
    sha: newest.sha256,
    created_at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/,
    ruby_version: '>= 3.0',
    rubygems_version: '>= 0',
    authors: 'Ann',
    licenses: ['MIT'],
  });
  t.match((await anon.get('/api/v1/gems/demo.json')).json(), {
    name: 'demo',
    version: '1.10',
    info: 'newest release',
    sha: newest.sha256,
    gem_uri: 'http://gems.example.org/rubygems/gems/demo-1.10.gem',
    source_code_uri: 'https://example.org/src',
    dependencies: {
      runtime: [{ name: 'rack', requirements: '>= 1.0, < 3' }],
      development: [{ name: 'rspec', requirements: '>= 0' }],
    },
  });
  t.same((await anon.get('/api/v1/versions/demo/latest.json')).json(), { version: '1.10' });
  const version = async (path: string) => anon.get(`/api/v2/rubygems/demo/versions/${path}`);
  t.match((await version('1.10.json')).json(), { number: '1.10', dependencies: { runtime: [{ name: 'rack' }] } });
  t.match((await version('1.0.json')).json(), { platform: 'ruby' });
  t.match((await version('1.0.json?platform=java')).json(), { platform: 'java' });
  for (const path of ['9.json', '1.0.json?platform=mswin', 'x.json', '__proto__.json']) {
    t.equal((await version(path)).status, 404, path);
  }
  for (const path of ['/info/none', '/api/v1/gems/none.json', '/api/v1/versions/none.json', '/info/a%20b']) {
    t.match(await anon.get(path), { status: 404, headers: { 'Content-Type': /^text\/plain/ } }, path);
  }
});

t.test('the dependency list', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const empty = Buffer.from([4, 8, 0x5b, 0]);
  t.match(await anon.get('/api/v1/dependencies'), { status: 200, bytes: empty }, 'in an empty registry');
  t.match(await anon.get('/api/v1/dependencies?gems=none,__proto__'), { status: 200, bytes: empty });
  await writer.push(gemOf('demo', '1.0', { dependencies: [{ name: 'rack', requirements: ['~> 2'] }] }));
  t.not((await anon.get('/api/v1/dependencies?gems=demo')).bytes.length, empty.length);
  t.same((await anon.get('/api/v1/dependencies.json?gems=none,demo')).json(), [
    { name: 'demo', number: '1.0', platform: 'ruby', dependencies: [['rack', '~> 2']] },
  ]);
  const many = Array.from({ length: 201 }, (_, at) => `gem${at}`).join(',');
  t.match(await anon.get(`/api/v1/dependencies?gems=${many}`), { status: 422, text: /At most 200 gems/ });
});

t.test('an empty registry answers everything that clients look for', async (t) => {
  const { anon } = await gemWorld(t);
  for (const path of [
    '/',
    '/versions',
    '/names',
    '/specs.4.8.gz',
    '/latest_specs.4.8.gz',
    '/prerelease_specs.4.8.gz',
  ]) {
    for (const method of ['GET', 'HEAD']) t.equal((await anon.send(method, path)).status, 200, `${method} ${path}`);
  }
});

t.test('search', async (t) => {
  const { anon, writer, tokenOf } = await gemWorld(t, { auth: { anonymousScopes: ['rubygems:gem:rack*:read'] } });
  for (const name of ['rack', 'rack-test', 'sinatra']) {
    await writer.push(gemOf(name, '1.0', { summary: name === 'sinatra' ? 'built on rack' : name }));
  }
  const found = async (who: typeof anon, text: string) =>
    ((await who.get(`/api/v1/search.json?query=${text}`)).json() as unknown as { name: string }[]).map(
      ({ name }) => name,
    );
  t.same(await found(writer, 'rack'), ['rack', 'rack-test', 'sinatra']);
  t.same(await found(anon, 'rack'), ['rack', 'rack-test'], 'only what the caller may read');
  t.same(await found(await tokenOf({ scopes: ['rubygems:gem:sinatra:read'] }), 'sinatra'), ['sinatra']);
  t.same(await found(writer, 'nothing'), []);
});

t.test('signin makes an API key', async (t) => {
  const { anon } = await gemWorld(t);
  const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}` });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const signin = (fields: string, headers = basic(PASSWORD)) =>
    anon.send('POST', '/api/v1/api_key', { headers: { ...headers, ...form }, body: fields });
  const made = await signin('name=host-ann&index_rubygems=true&push_rubygem=true');
  t.equal(made.status, 200, made.text);
  t.match(made.text, /^srt_rubygems_[0-9A-Za-z]{43}$/, 'the key and nothing else');
  const pushWith = (authorization: string, version: string) =>
    anon.send('POST', '/api/v1/gems', { headers: { authorization }, body: gemOf('demo', version).bytes });
  t.equal((await pushWith(made.text, '1.0')).status, 200);
  // RubyGems 4 sends the form without its type
  const untyped = await anon.send('POST', '/api/v1/api_key', {
    headers: basic(PASSWORD),
    body: 'name=x&push_rubygem=true',
  });
  t.match(untyped.text, /^srt_rubygems_/);
  const reading = await signin('name=x&index_rubygems=true');
  t.equal((await pushWith(reading.text, '2.0')).status, 403, 'a key that is only for reading');
  for (const fields of ['name=x&show_dashboard=true', 'name=x&access_webhooks=true', 'name=x&index_rubygems=on']) {
    const key = await signin(fields);
    t.equal((await pushWith(key.text, '2.0')).status, 403, `a key for ${fields} is only for reading`);
  }
  // RubyGems before 3.6 asks for each right, and sends none if the user only presses Enter
  for (const fields of ['name=x', 'name=x&mfa=true', 'name=x&push_rubygem=false', 'name=x&push_rubygem=', '']) {
    const none = await signin(fields);
    t.equal(none.status, 422, fields);
    t.match(none.text, /^The key needs at least one right, such as push_rubygem or index_rubygems\n$/, fields);
  }
  const old = await anon.get('/api/v1/api_key', basic(PASSWORD));
  t.equal((await pushWith(old.text, '2.0')).status, 200, 'GET, as older clients do');
  t.equal((await anon.get('/api/v1/api_key')).status, 401);
  t.match(await signin('name=x', basic('wrong')), { status: 401, headers: { 'WWW-Authenticate': /^Basic/ } });
  t.equal((await signin('name=x', basic(made.text))).status, 401, 'a key makes no other key');
  t.equal((await signin('name=x', { authorization: made.text })).status, 401);
});

t.test('owners', async (t) => {
  const { anon, admin, writer } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0'));
  const path = '/api/v1/gems/demo/owners';
  t.equal((await anon.get(`${path}.yaml`)).text, '--- []\n');
  t.equal((await writer.form('POST', path, { email: 'bob' })).status, 403, 'ann is no owner, she may write all gems');
  const added = await admin.form('POST', path, { email: 'cleo' });
  t.match(added, { status: 404, text: /no user cleo/ });
  t.match(await admin.form('POST', path, {}), { status: 400, text: /email is missing/ });
  t.equal((await anon.form('POST', path, { email: 'bob' })).status, 401);
  t.equal((await admin.form('POST', '/api/v1/gems/none/owners', { email: 'bob' })).status, 404);
  t.match(await admin.form('POST', path, { email: 'bob' }), { status: 409 }, 'a user of the configuration');
});

t.test('owners of the default provider', async (t) => {
  const { anon, admin, registry } = await gemWorld(t);
  await admin.push(gemOf('demo', '1.0'));
  await registry.getAuthManager().users.create({ username: 'eve', password: PASSWORD }, { scopes: [] });
  const path = '/api/v1/gems/demo/owners';
  t.match(await admin.form('POST', path, { email: 'eve' }), { status: 200, text: /^Owner added successfully/ });
  t.match((await anon.get(`${path}.yaml`)).text, /^---\n- id: \d+\n {2}handle: eve\n {2}role: owner\n$/);
  t.match((await anon.get(`${path}.json`)).json(), [{ handle: 'eve' }]);
  t.match(await admin.form('DELETE', path, { email: 'eve' }), { status: 200, text: /^Owner removed successfully/ });
  t.equal((await anon.get(`${path}.yaml`)).text, '--- []\n');
});

t.test('how the JSON answers are sent', async (t) => {
  const { anon, writer } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0.0-rc1'));
  for (const path of [
    '/api/v1/gems/demo.json',
    '/api/v1/versions/demo.json',
    '/api/v1/versions/demo/latest.json',
    '/api/v2/rubygems/demo/versions/1.0.0-rc1.json',
    '/api/v2/rubygems/demo/versions/1.0.0.pre.rc1.json',
  ]) {
    const answer = await anon.get(path);
    t.equal(answer.headers['Content-Type'], 'application/json; charset=utf-8', path);
    t.match(answer.text, '1.0.0.pre.rc1', path);
    t.equal((await anon.get(path, { 'if-none-match': answer.headers.ETag as string })).status, 304, path);
  }
  t.same((await anon.get('/api/v1/versions/demo/latest.json')).json(), { version: '1.0.0.pre.rc1' });
  t.match(await anon.get('/'), { status: 200, text: 'gem install --source http://gems.example.org/rubygems/ GEM\n' });
});

t.test('one version that has several builds', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const linux = gemOf('demo', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] });
  const address = linux.sha256.slice(0, 8);
  await writer.pushForm([gemPart({ ...linux, filename: `demo-1.0-${address}.gem` })]);
  await writer.push(gemOf('demo', '1.0', { platform: 'java' }));
  const platform = async (query: string) => {
    const { status, text } = await anon.get(`/api/v2/rubygems/demo/versions/1.0.json${query}`);
    return status === 200 ? (JSON.parse(text) as { platform: string }).platform : status;
  };
  t.equal(await platform(''), 'x86_64-linux', 'without one for ruby the first one');
  await writer.push(gemOf('demo', '1.0'));
  t.equal(await platform(''), 'ruby');
  t.equal(await platform('?platform=java'), 'java');
  t.equal(await platform(`?platform=${address}`), 'x86_64-linux', 'by the content address');
  t.equal(await platform('?platform=x86_64-linux'), 'x86_64-linux');
  t.equal(await platform(`?platform=${'x'.repeat(100)}`), 404);
  t.equal(await platform(`?platform=${'x'.repeat(101)}`), 404);
  await writer.yank('demo', '1.0');
  t.equal(await platform(''), 'x86_64-linux', 'a yanked one is not shown');
  t.equal(await platform('?platform=ruby'), 404);
});

t.test('the specs files over the wire', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const skinny = gemOf('skinny', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] });
  await writer.pushForm([gemPart({ ...skinny, filename: `skinny-1.0-${skinny.sha256.slice(0, 8)}.gem` })]);
  for (const version of ['1.9', '1.10', '2.0.a']) await writer.push(gemOf('demo', version));
  for (const [path, versions] of [
    ['/specs.4.8.gz', ['1.9', '1.10']],
    ['/latest_specs.4.8.gz', ['1.10']],
    ['/prerelease_specs.4.8.gz', ['2.0.a']],
  ] as const) {
    const { bytes, headers } = await anon.get(path, { 'accept-encoding': 'gzip' });
    t.match(headers, { 'Content-Type': 'application/octet-stream', 'Content-Encoding': undefined }, path);
    const tuples = unmarshal(gunzipSync(bytes)) as [string, { data: string[] }, string][];
    t.same(
      tuples.map(([name, version, platform]) => [name, version.data[0], platform]),
      versions.map((version) => ['demo', version, 'ruby']),
      path,
    );
  }
});

t.test('which gems the dependency list has', async (t) => {
  const { anon, writer, registry } = await gemWorld(t, { auth: { anonymousScopes: ['rubygems:gem:a*:read'] } });
  for (const name of ['a1', 'a2', 'b']) await writer.push(gemOf(name, '1.0'));
  await writer.push(gemOf('a1', '2.0'));
  await writer.yank('a1', '1.0');
  const skinny = gemOf('a2', '2.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] });
  await writer.pushForm([gemPart({ ...skinny, filename: `a2-2.0-${skinny.sha256.slice(0, 8)}.gem` })]);
  const list = async (query: string, who = anon) => {
    const json = await who.get(`/api/v1/dependencies.json?${query}`);
    t.match(json, { status: 200, headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' } });
    const rows = (json.json() as unknown as { name: string; number: string }[]).map(
      (row) => `${row.name} ${row.number}`,
    );
    const { bytes, headers } = await who.get(`/api/v1/dependencies?${query}`);
    t.match(headers, { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-cache' });
    t.same(
      (unmarshal(bytes) as string[][][]).map(([name, number]) => `${name?.[1]} ${number?.[1]}`),
      rows,
    );
    return rows;
  };
  t.same(await list('gems=a1,a2,b'), ['a1 2.0', 'a2 1.0']);
  t.same(await list('gems=a1,a2,b', writer), ['a1 2.0', 'a2 1.0', 'b 1.0']);
  t.same(await list('gems=%20a2%20,a1,a2,,-odd'), ['a2 1.0', 'a1 2.0']);
  t.same(await list('gems=none'), []);
  t.same(await list('other=a1'), []);
  const several = await registry.handleRequest({
    method: 'GET',
    path: '/rubygems/api/v1/dependencies.json',
    headers: {},
    query: { gems: ['a1', 'a2,b'] },
  });
  const rows = JSON.parse((await streamToBuffer(several.body)).toString()) as { name: string }[];
  t.same(
    rows.map(({ name }) => name),
    ['a1', 'a2'],
    'several parameters',
  );
  const most = Array.from({ length: 199 }, (_, at) => `gem${at}`).join(',');
  t.same(await list(`gems=${most},a1`), ['a1 2.0'], '200 of them');
  t.equal((await anon.get(`/api/v1/dependencies.json?gems=${most},a1,a2`)).status, 422);
  t.same(await list(`gems=${most},a1,a1`), ['a1 2.0'], 'one that is named twice counts once');
});

t.test('a page of a search has 30 gems', async (t) => {
  const { anon, writer } = await gemWorld(t);
  const names = Array.from({ length: 31 }, (_, at) => `gem-${at + 10}`);
  await Promise.all(names.map((name) => writer.push(gemOf(name, '1.0'))));
  const page = async (query: string) => {
    const { headers, text } = await anon.get(`/api/v1/search.json${query}`);
    t.match(headers, { 'Cache-Control': 'no-cache', 'Content-Type': 'application/json' });
    return (JSON.parse(text) as { name: string }[]).map(({ name }) => name);
  };
  t.same(await page(''), names.slice(0, 30), 'without a text in the order of the names');
  t.same(await page('?page=2'), ['gem-40']);
  t.same(await page('?page=3'), []);
  await writer.yank('gem-10', '1.0');
  t.same(await page('?query=gem&page=2'), []);
  const [first] = JSON.parse((await anon.get('/api/v1/search.json?query=gem-11')).text) as unknown[];
  t.same(first, (await anon.get('/api/v1/gems/gem-11.json')).json());
});
