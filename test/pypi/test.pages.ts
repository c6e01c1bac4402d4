import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { JSON_TYPE, PIP_ACCEPT, pypiWorld } from '../support/pypi/actors.js';
import { hex, sdist, wheel } from '../support/pypi/distributions.js';
import { send } from '../support/registry.js';

/** The links of a page as a client reads them: attributes with their entities decoded. */
const anchorsOf = (html: string): { text: string; attributes: Record<string, string> }[] =>
  [...html.matchAll(/<a\b([^>]*)>([^<]*)<\/a>/g)].map(([, attributes = '', text = '']) => ({
    text,
    attributes: Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [
        name,
        (value as string)
          .replace(/&lt;/g, '<')
          .replace(/&gt;/g, '>')
          .replace(/&quot;/g, '"')
          .replace(/&amp;/g, '&'),
      ]),
    ),
  }));

t.test('the page of a project as HTML: one link for each file, and no other', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  const [built, source] = [
    wheel('demo', '1.0', { fields: ['Requires-Python: >=3.8, <4'] }),
    await sdist('demo', '1.0'),
  ];
  await writer.upload(built);
  await writer.upload(source);
  await writer.json('POST', '/pypi/demo/1.0/yank', { reason: '"><script>alert(1)</script>' });
  for (const path of ['/simple/demo/', '/pypi/simple/demo/']) {
    const { text, headers, status } = await anon.get(path, { accept: 'text/html' });
    t.equal(status, 200);
    t.match(headers, { 'Content-Type': 'text/html; charset=utf-8', 'X-Content-Type-Options': 'nosniff' });
    t.match(text, '<meta name="pypi:repository-version" content="1.4">');
    t.notMatch(text, '<script>');
    t.notMatch(text, 'pypi:project-status');
    const metadata = `sha256=${hex('sha256', built.metadata)}`;
    const base = 'http://pypi.example.org/pypi/packages/demo';
    t.same(anchorsOf(text), [
      {
        text: built.filename,
        attributes: {
          href: `${base}/${built.filename}#sha256=${hex('sha256', built.bytes)}`,
          'data-requires-python': '>=3.8, <4',
          'data-core-metadata': metadata,
          'data-dist-info-metadata': metadata,
          'data-yanked': '"><script>alert(1)</script>',
        },
      },
      {
        text: source.filename,
        attributes: {
          href: `${base}/${source.filename}#sha256=${hex('sha256', source.bytes)}`,
          'data-yanked': '"><script>alert(1)</script>',
        },
      },
    ]);
  }
});

t.test('Accept and ?format= decide about the form', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const forms: [accept: string | undefined, type: string][] = [
    [PIP_ACCEPT, JSON_TYPE],
    [undefined, 'text/html; charset=utf-8'],
    ['application/vnd.pypi.simple.v1+html', 'application/vnd.pypi.simple.v1+html'],
    ['image/png', 'text/html; charset=utf-8'],
  ];
  for (const path of ['/simple/', '/simple/demo/']) {
    for (const [accept, type] of forms) {
      const answer = await anon.get(path, accept === undefined ? {} : { accept });
      t.match(answer, { status: 200, headers: { 'Content-Type': type, Vary: /Accept/ } }, `${path} ${accept}`);
      t.equal((await anon.send('HEAD', path, { headers: accept ? { accept } : {} })).headers['Content-Type'], type);
    }
    const typed = await anon.get(`${path}?format=${encodeURIComponent(JSON_TYPE)}`, { accept: 'text/html' });
    t.equal(typed.headers['Content-Type'], JSON_TYPE, 'a person in a browser');
    const plus = await anon.get(`${path}?format=${JSON_TYPE}`, { accept: 'text/html' });
    t.equal(plus.headers['Content-Type'], JSON_TYPE, 'the plus as it is written in the specification');
    const unknown = await anon.get(`${path}?format=image/png`, { accept: PIP_ACCEPT });
    t.equal(unknown.headers['Content-Type'], JSON_TYPE, 'no form of ours: then Accept decides');
  }
});

t.test(
  'pages without their slash, and names that are not normalised, are redirected before anything is listed',
  async (t) => {
    const { anon, writer } = await pypiWorld(t);
    await writer.upload(wheel('friendly-bard', '1.0'));
    const redirects: [from: string, to: string][] = [
      ['/simple', '/pypi/simple/'],
      ['/pypi/simple', '/pypi/simple/'],
      ['/simple/friendly-bard', '/pypi/simple/friendly-bard/'],
      ['/pypi/simple/friendly-bard', '/pypi/simple/friendly-bard/'],
      ['/simple/Friendly._.Bard/', '/pypi/simple/friendly-bard/'],
      ['/pypi/simple/FRIENDLY_BARD', '/pypi/simple/friendly-bard/'],
      ['/simple?format=text/html', '/pypi/simple/?format=text%2Fhtml'],
      ['/simple/Friendly_Bard?a=1&b=x%20y%26', '/pypi/simple/friendly-bard/?a=1&b=x+y%26'],
      [
        `/pypi/simple/friendly-bard?format=${JSON_TYPE}`,
        `/pypi/simple/friendly-bard/?format=${encodeURIComponent(JSON_TYPE).replace('%2B', '+')}`,
      ],
    ];
    for (const [from, Location] of redirects) {
      const headers = { Location, 'Cache-Control': 'no-cache' };
      const text = 'The page is at its normalised address\n';
      t.match(await anon.get(from), { status: 301, headers, text }, from);
      t.match(await anon.send('HEAD', from), { status: 301, headers: { Location } }, `HEAD ${from}`);
      t.equal((await anon.get(Location)).status, 200);
    }
    for (const path of ['/simple/absent', '/simple/Absent/', '/simple/-/', '/simple/-']) {
      t.equal((await anon.get(path)).status, 404, path);
    }
  },
);

t.test('pages are revalidated and packed', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  for (let minor = 0; minor < 10; minor++) await writer.upload(wheel('demo', `1.${minor}`));
  for (const path of ['/simple/', '/simple/demo/', '/pypi/demo/json']) {
    const first = await anon.get(path, { accept: PIP_ACCEPT });
    const etag = first.headers.ETag as string;
    t.match(etag, /^"[^"]+"$/, 'strong');
    t.equal(first.headers['Cache-Control'], 'no-cache');
    const again = await anon.get(path, { accept: PIP_ACCEPT, 'if-none-match': etag });
    t.match(again, { status: 304 }, path);
    t.equal(again.bytes.length, 0);
    if (path === '/simple/') continue; // too small to be packed
    const packed = await anon.get(path, { accept: PIP_ACCEPT, 'accept-encoding': 'gzip' });
    t.equal(packed.headers['Content-Encoding'], 'gzip');
    t.ok(gunzipSync(packed.bytes).equals(first.bytes));
  }
  const { headers } = await anon.get('/simple/demo/');
  await writer.json('POST', '/pypi/demo/1.0/yank');
  t.equal((await anon.get('/simple/demo/', { 'if-none-match': headers.ETag as string })).status, 200);
});

t.test('Last-Modified is the time of the last change, whatever the store says', async (t) => {
  const { anon, writer, registry } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0'));
  const storage = registry.getStorage();
  const document = await storage.read<{ modified: string }>('pypi/metadata/demo/metadata.json');
  // as after a restore of the bucket: the object is new, its content is not
  await storage.update<object>('pypi/metadata/demo/metadata.json', (value) => ({
    ...value,
    modified: '2020-02-02T02:02:02.222Z',
  }));
  t.ok(document);
  const page = await anon.get('/simple/demo/');
  t.equal(page.headers['Last-Modified'], 'Sun, 02 Feb 2020 02:02:02 GMT');
  const since = await anon.get('/simple/demo/', { 'if-modified-since': page.headers['Last-Modified'] as string });
  t.equal(since.status, 304);
});

t.test('every file has its own facts, and its upload time never changes', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  await writer.upload(wheel('demo', '1.0', { fields: ['Requires-Python: >=3.8'] }));
  await writer.upload(wheel('demo', '1.0', { tags: 'cp312-cp312-linux_x86_64', fields: ['Requires-Python: >=3.12'] }));
  const before = (await anon.page('demo')).files;
  t.same(
    before.map((file) => file['requires-python']),
    ['>=3.8', '>=3.12'],
  );
  await writer.json('POST', '/pypi/demo/1.0/yank', { reason: 'x' });
  await writer.json('POST', '/pypi/demo/1.0/unyank');
  await writer.upload(wheel('demo', '1.1'));
  await writer.json('PUT', '/pypi/demo/status', { status: 'deprecated' });
  const after = (await anon.page('demo')).files;
  t.same(after.slice(0, 2), before);
  for (const file of after) t.match(file['upload-time'], /T\d\d:\d\d:\d\d\.\d{3}Z$/);
});

t.test('all projects', async (t) => {
  const { anon, writer, admin } = await pypiWorld(t);
  t.same((await anon.get('/simple/', { accept: JSON_TYPE })).json(), { meta: { 'api-version': '1.4' }, projects: [] });
  for (const name of ['b', 'Lab.Pkg', 'a', 'gone', 'constructor']) await writer.upload(wheel(name, '1.0'));
  await admin.send('DELETE', '/pypi/gone');
  const { projects } = (await anon.get('/pypi/simple/', { accept: JSON_TYPE })).json() as { projects: unknown };
  t.same(projects, [{ name: 'a' }, { name: 'b' }, { name: 'constructor' }, { name: 'Lab.Pkg' }]);
  const { text } = await anon.get('/simple/');
  t.match(text, '<meta name="pypi:repository-version" content="1.4">');
  t.match(text, /^<!DOCTYPE html>\n<html>\n<head>\n.*<title>Simple index<\/title>\n<\/head>\n<body>\n<a /s);
  t.match(text, /<\/a><br>\n<\/body>\n<\/html>\n$/);
  t.same(
    anchorsOf(text).map(({ text, attributes }) => [text, attributes.href]),
    ['a', 'b', 'constructor', 'lab-pkg'].map((name) => [name, `${name}/`]),
  );
});

t.test('the JSON API', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  const fields = [
    'Requires-Python: >=3.8',
    'Summary: a <b>demo</b>',
    'Author-email: ann@example.org',
    'License-Expression: MIT',
    'Classifier: Topic :: A',
    'Classifier: Topic :: B',
    'Requires-Dist: six>=1; extra == "x"',
    'Provides-Extra: x',
    'Project-URL: Source, https://example.org/a,b',
    'Project-URL: __proto__, https://example.org/',
  ];
  await writer.upload(await sdist('Demo', '1.0'));
  await writer.upload(wheel('Demo', '1.0', { fields, description: '# Demo\n' }));
  await writer.upload(wheel('Demo', '2.0rc1'));
  await writer.upload(wheel('Demo', '1.5'));
  await writer.json('POST', '/pypi/demo/1.5/yank', { reason: 'broken' });
  const [{ files }, file] = [await anon.page('demo'), wheel('Demo', '1.0', { fields, description: '# Demo\n' })];
  for (const path of ['/pypi/demo/json', '/pypi/pypi/demo/json', '/pypi/Demo/json', '/pypi/Demo/json/']) {
    const answer = await anon.get(path);
    t.match(answer, { status: 200, headers: { 'Content-Type': 'application/json' } }, path);
    const { info, releases, urls, last_serial } = answer.json() as Record<string, Record<string, unknown>>;
    t.match(info, {
      name: 'Demo',
      version: '1.0',
      summary: 'a <b>demo</b>',
      description: '# Demo\n',
      author_email: 'ann@example.org',
      license_expression: 'MIT',
      classifiers: ['Topic :: A', 'Topic :: B'],
      requires_dist: ['six>=1; extra == "x"'],
      provides_extra: ['x'],
      requires_python: '>=3.8',
      project_urls: { Source: 'https://example.org/a,b' },
      home_page: null,
      yanked: false,
      yanked_reason: null,
    });
    t.same(Object.keys((info as { project_urls: object }).project_urls), ['Source', '__proto__']);
    t.same(Object.keys(releases as object), ['1.0', '1.5', '2.0rc1']);
    t.equal((urls as unknown as unknown[]).length, 2);
    t.equal(last_serial, 5);
    t.match((releases as Record<string, object[]>)['1.0']?.[1], {
      filename: file.filename,
      packagetype: 'bdist_wheel',
      python_version: 'py3',
      requires_python: '>=3.8',
      size: file.bytes.length,
      digests: { sha256: hex('sha256', file.bytes), md5: hex('md5', file.bytes) },
      upload_time_iso_8601: files[1]?.['upload-time'],
      upload_time: files[1]?.['upload-time'].slice(0, 19),
      url: files[1]?.url,
      yanked: false,
      yanked_reason: null,
    });
    t.match((releases as Record<string, object[]>)['1.5'], [{ yanked: true, yanked_reason: 'broken' }]);
  }
  for (const path of ['/pypi/demo/1.5/json', '/pypi/demo/1.5.0/json', '/pypi/pypi/demo/v1.5/json']) {
    const { info, urls, releases } = (await anon.get(path)).json() as Record<string, Record<string, unknown>>;
    t.match(info, { version: '1.5', yanked: true, yanked_reason: 'broken' }, path);
    t.equal((urls as unknown as unknown[]).length, 1);
    t.equal(Object.keys(releases as object).length, 3);
  }
  t.match(await anon.get('/pypi/demo/9.9/json'), { status: 404, text: '{"message":"demo has no version 9.9"}' });
  t.match(await anon.get('/pypi/demo/__proto__/json'), { status: 404 });
  t.match(await anon.get('/pypi/none/json'), { status: 404, text: '{"message":"none is not in this registry"}' });
});

t.test('what is not there is 404 for everybody who may read something', async (t) => {
  const { anon, writer, registry } = await pypiWorld(t, {
    auth: { anonymousScopes: ['pypi:package:open*:read'] },
  });
  await writer.upload(wheel('open', '1.0'));
  await writer.upload(wheel('secret', '1.0'));
  const of = (name: string) => [
    `/simple/${name}/`,
    `/pypi/simple/${name}/`,
    `/pypi/${name}/json`,
    `/pypi/${name}/1.0/json`,
    `/pypi/packages/${name}/${name}-1.0-py3-none-any.whl`,
    `/pypi/packages/${name}/${name}-1.0-py3-none-any.whl.metadata`,
    `/pypi/integrity/${name}/1.0/${name}-1.0-py3-none-any.whl/provenance`,
    `/pypi/${name}/status`,
  ];
  for (const path of of('secret')) {
    const [hidden, absent] = [await anon.get(path), await anon.get(path.replaceAll('secret', 'absent'))];
    t.equal(hidden.status, 404, path);
    t.equal(hidden.text.replaceAll('secret', 'absent'), absent.text, 'the same answer');
    t.not((await writer.get(path)).status, 401);
  }
  const { text } = await anon.get('/simple/');
  t.match(text, 'open');
  t.notMatch(text, 'secret');
  const nobody = await send(registry, 'GET', '/simple/open/', { headers: { authorization: 'Bearer none' } });
  t.match(nobody, { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="pypi"' } });
});

t.test('a private index asks for credentials everywhere, and leaks nothing', async (t) => {
  const { anon, writer } = await pypiWorld(t, { auth: { anonymousScopes: [] } });
  await writer.upload(wheel('secret', '1.0'));
  for (const path of [
    '/simple',
    '/simple/',
    '/simple/secret/',
    '/simple/Secret',
    '/simple/absent/',
    '/simple/secret',
    '/pypi/secret/json',
    '/pypi/secret/1.0/json',
    '/pypi/pypi/secret/json',
    '/pypi/pypi/secret/1.0/json',
    '/pypi/secret/status',
    '/pypi/packages/secret/secret-1.0-py3-none-any.whl',
    '/pypi/packages/secret/secret-1.0-py3-none-any.whl.metadata',
    '/pypi/integrity/secret/1.0/secret-1.0-py3-none-any.whl/provenance',
    '/pypi/packages/absent/absent-1.0-py3-none-any.whl',
  ]) {
    t.match(await anon.get(path), { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="pypi"' } }, path);
  }
});

t.test('two spellings of a version are one release', async (t) => {
  const { anon, writer } = await pypiWorld(t);
  for (const file of [wheel('demo', '1.0'), await sdist('demo', '1.0.0'), wheel('demo', '2.0')]) {
    t.equal((await writer.upload(file)).status, 200, file.filename);
  }
  await writer.upload(
    wheel('demo', '3.0-Beta', { filename: 'demo-3.0b0-py3-none-any.whl', folder: 'demo-3.0b0.dist-info' }),
  );
  t.same((await anon.page('demo')).versions, ['1.0', '2.0', '3.0b0'], 'in their normal form');
  const { releases } = (await anon.get('/pypi/demo/json')).json() as { releases: Record<string, object[]> };
  t.same(
    Object.entries(releases).map(([version, files]) => [version, files.length]),
    [
      ['1.0', 2],
      ['2.0', 1],
      ['3.0b0', 1],
    ],
  );
  for (const version of ['3.0b0', '3.0-beta.0']) {
    const { info } = (await anon.get(`/pypi/demo/${version}/json`)).json() as { info: { version: string } };
    t.equal(info.version, '3.0b0', version);
  }
});
