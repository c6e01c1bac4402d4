import { createHash } from 'node:crypto';
import t from 'tap';
import { CaseClock } from '../support/faults/clock.js';
import { multipart } from '../support/multipart.js';
import { gemWorld } from '../support/rubygems/actors.js';
import { gemOf } from '../support/rubygems/gems.js';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

t.test('a yank takes a version back, and an unyank lists it again', async (t) => {
  const { anon, writer, stored } = await gemWorld(t);
  for (const version of ['1.0', '2.0']) await writer.push(gemOf('demo', version));
  const before = await anon.get('/info/demo');
  const keys = await stored();
  const yanked = await writer.yank('demo', '2.0');
  t.match(yanked, { status: 200, text: 'Successfully yanked gem: demo (2.0)\n' });
  const after = await anon.get('/info/demo');
  t.match(await anon.info('demo'), [{ slug: '1.0' }]);
  t.match((await anon.get('/versions')).text, new RegExp(`\\ndemo -2\\.0 ${md5(after.text)}\\n$`));
  for (const path of ['/gems/demo-2.0.gem', '/quick/Marshal.4.8/demo-2.0.gemspec.rz']) {
    t.equal((await anon.get(path)).status, 404, path);
  }
  t.same(await stored(), keys, 'nothing is deleted');
  const versions = (await anon.get('/versions')).text;
  t.equal((await writer.yank('demo', '2.0')).status, 200, 'a repetition succeeds');
  t.equal((await anon.get('/versions')).text, versions, 'and adds no line');
  t.match(await writer.unyank('demo', '2.0'), { status: 200, text: 'Successfully unyanked gem: demo (2.0)\n' });
  t.equal((await anon.get('/info/demo')).text, before.text, 'created_at and order stay');
  t.match((await anon.get('/versions')).text, new RegExp(`\\ndemo 2\\.0 ${md5(before.text)}\\n$`));
  t.equal((await anon.get('/gems/demo-2.0.gem')).status, 200);
});

t.test('without a platform only the build for ruby goes', async (t) => {
  const { anon, writer } = await gemWorld(t);
  for (const platform of ['ruby', 'java', 'x86_64-linux']) await writer.push(gemOf('demo', '1.0', { platform }));
  const slugs = async () => (await anon.info('demo')).map(({ slug }) => slug);
  await writer.yank('demo', '1.0');
  t.same(await slugs(), ['1.0-java', '1.0-x86_64-linux']);
  t.match(await writer.yank('demo', '1.0', 'java'), { status: 200, text: /demo \(1\.0-java\)/ });
  t.same(await slugs(), ['1.0-x86_64-linux']);
  t.equal((await writer.yank('demo', '1.0', 'x86_64-linux')).status, 200);
  t.equal((await writer.unyank('demo', '1.0', 'x86_64-linux')).status, 200);
  t.match(await writer.yank('demo', '1.0', 'arm-linux'), { status: 404, text: /demo 1\.0 for arm-linux is not/ });
});

t.test('after the last yank the info file is empty, and the name is gone', async (t) => {
  const { anon, writer } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0'));
  await writer.push(gemOf('other', '1.0'));
  await writer.yank('demo', '1.0');
  t.match(await anon.get('/info/demo'), { status: 200, text: '---\n' });
  t.equal((await anon.get('/names')).text, '---\nother\n');
  for (const path of ['/api/v1/gems/demo.json', '/api/v1/versions/demo.json', '/api/v1/versions/demo/latest.json']) {
    t.equal((await anon.get(path)).status, 404, path);
  }
});

t.test('what a yank names', async (t) => {
  const { writer, anon, admin, registry } = await gemWorld(t);
  await writer.push(gemOf('demo', '1.0'));
  const path = '/api/v1/gems/yank';
  for (const [what, fields, status, says] of [
    ['no gem', { version: '1.0' }, 400, /gem_name is missing/],
    ['no version', { gem_name: 'demo' }, 400, /version is missing/],
    ['an odd name', { gem_name: '../demo', version: '1.0' }, 400, /not a name/],
    ['an odd version', { gem_name: 'demo', version: 'latest' }, 400, /not a version/],
    ['another gem', { gem_name: 'constructor', version: '1.0' }, 404, /is not in this registry/],
    ['another version', { gem_name: 'demo', version: '9' }, 404, /demo 9 is not in this registry/],
  ] as const) {
    const answer = await writer.form('DELETE', path, fields);
    t.equal(answer.status, status, `${what}: ${answer.text}`);
    t.match(answer.text, says, what);
  }
  t.equal((await anon.yank('demo', '1.0')).status, 401);
  t.equal((await writer.send('DELETE', path)).status, 400, 'no form');
  const doubled = await registry.handleRequest({
    method: 'DELETE',
    path: '/rubygems//api/v1/gems/yank',
    headers: { authorization: admin.token as string, 'content-type': 'application/x-www-form-urlencoded' },
    query: {},
    body: 'gem_name=demo&version=1.0',
  });
  t.equal(doubled.status, 200, 'a host with a final slash doubles slashes');
  t.equal(
    (await writer.send('PUT', '/api/v1/gems/unyank?gem_name=demo&version=1.0')).status,
    200,
    'fields in the query',
  );
});

t.test('what a yank is for is read as gem writes it', async (t) => {
  const { writer, anon, tokenOf } = await gemWorld(t);
  for (const name of ['demo', 'other']) {
    for (const platform of ['ruby', 'x86-linux']) await writer.push(gemOf(name, '1.0.0-rc1', { platform }));
  }
  const path = '/api/v1/gems/yank';
  const own = await tokenOf({ scopes: ['rubygems:gem:demo:write'] });
  t.equal((await own.yank('other', '1.0.0-rc1')).status, 403);
  t.match(await own.form('DELETE', path, { gem_name: ' demo ', version: ' 1.0.0-rc1 ', platform: ' i686-linux ' }), {
    status: 200,
    text: 'Successfully yanked gem: demo (1.0.0.pre.rc1-x86-linux)\n',
  });
  t.match(
    await own.form('DELETE', `${path}?gem_name=other&version=2`, { gem_name: 'demo', version: '1.0.0.pre.rc1' }),
    {
      status: 200,
      text: 'Successfully yanked gem: demo (1.0.0.pre.rc1)\n',
    },
  );
  t.match(await own.form('PUT', '/api/v1/gems/unyank', { gem_name: 'demo', version: '1.0.0-rc1', platform: ' ' }), {
    status: 200,
    text: 'Successfully unyanked gem: demo (1.0.0.pre.rc1)\n',
  });
  t.same(
    (await anon.info('demo')).map(({ slug }) => slug),
    ['1.0.0.pre.rc1'],
  );
  const form = (size: number) => `gem_name=demo&version=1&x=${'y'.repeat(size)}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  t.equal((await own.send('DELETE', path, { headers, body: form(1000) })).status, 404);
  t.equal((await own.send('DELETE', path, { headers, body: form(16 * 1024) })).status, 413);
  const { bytes, contentType } = multipart([
    { name: 'gem_name', value: 'demo' },
    { name: 'version', value: '1.0.0-rc1' },
    { name: 'file', value: 'x', filename: 'x' },
  ]);
  const withFile = await own.send('DELETE', path, { headers: { 'content-type': contentType }, body: bytes });
  t.ok(withFile.status === 400 || withFile.status === 413, `a form with a file: ${withFile.status}`);
});

t.test('a yank changes the time of the answers', async (t) => {
  const clock = new CaseClock();
  await clock.run(async () => {
    const { writer, anon } = await gemWorld(t);
    for (const version of ['1.0', '2.0']) await writer.push(gemOf('demo', version));
    const modified = async (path: string) => {
      clock.advance(10_000);
      return Date.parse((await anon.get(path)).headers['Last-Modified'] as string);
    };
    const paths = ['/info/demo', '/api/v1/gems/demo.json', '/api/v1/versions/demo.json'];
    const before = await Promise.all(paths.map(modified));
    clock.advance(60_000);
    await writer.yank('demo', '1.0');
    for (const [at, path] of paths.entries()) t.ok((await modified(path)) - (before[at] as number) >= 60_000, path);
  });
});
