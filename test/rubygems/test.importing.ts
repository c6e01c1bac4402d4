import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../support/cli.js';
import { temporaryFolder } from '../support/registry.js';
import { gemWorld } from '../support/rubygems/actors.js';
import { gemOf } from '../support/rubygems/gems.js';

t.test('a folder of gems is imported beside a running registry, and once', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await gemWorld(t, { storage: { directory: join(cwd, 'data') } });
  await mkdir(join(cwd, 'cache'));
  const there = gemOf('there', '1.0');
  await writer.push(there);
  const skinny = gemOf('skinny', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] });
  const files = [
    gemOf('lab-gem', '1.0'),
    gemOf('lab-gem', '1.0', { platform: 'java' }),
    gemOf('lab-gem', '2.0', { files: { 'text.txt': 'x'.repeat(500_000) } }),
    there,
    { ...skinny, filename: `skinny-1.0-${skinny.sha256.slice(0, 8)}.gem` },
    gemOf('broken', '1.0', { checksums: '---\nSHA256: {}\n' }),
  ];
  for (const { filename, bytes } of files) await writeFile(join(cwd, 'cache', filename), bytes);
  await writeFile(join(cwd, 'cache', 'notes.txt'), 'no gem');
  const first = await run(['import', '--protocol', 'rubygems', 'cache'], { cwd });
  t.match(first.out, /4 imported, 1 already there, 1 failed, 1 skipped/, `${first.out}${first.err}`);
  t.match(`${first.out}${first.err}`, /broken-1\.0\.gem.*has no SHA256/);
  t.equal(first.code, 1);
  t.same((await anon.info('lab-gem')).map(({ slug }) => slug).sort(), ['1.0', '1.0-java', '2.0']);
  for (const { filename, bytes } of files.slice(0, 5)) {
    t.ok((await anon.get(`/gems/${filename}`)).bytes.equals(bytes), filename);
  }
  const before = (await anon.get('/info/lab-gem')).text;
  const again = await run(['import', '--protocol', 'rubygems', 'cache'], { cwd });
  t.match(again.out, /0 imported, 5 already there, 1 failed, 1 skipped/);
  t.equal((await anon.get('/info/lab-gem')).text, before);

  await writeFile(join(cwd, 'cache', 'lab-gem-1.0.gem'), gemOf('lab-gem', '1.0', { summary: 'other' }).bytes);
  const other = await run(['import', '--protocol', 'rubygems', 'cache/lab-gem-1.0.gem'], { cwd });
  t.match(other.err, /use another one\. The content of this file differs from the published one\.\n$/);
});

t.test('the import of a gem whose place is closed says why, and nothing of another content', async (t) => {
  const cwd = await temporaryFolder(t);
  const { writer } = await gemWorld(t, { storage: { directory: join(cwd, 'data') } });
  await writer.push(gemOf('a', '2', { platform: 'x86-darwin-9' }));
  await writer.push(gemOf('demo', '1.0'));
  await writer.yank('demo', '1.0');
  for (const [gem, says] of [
    [gemOf('a-2-x86-darwin', '9'), 'The file name a-2-x86-darwin-9.gem is taken by a gem with another name'],
    [
      gemOf('demo', '1.0', { summary: 'other' }),
      'demo 1.0 was yanked, and cannot be pushed again: unyank it, or use another version',
    ],
  ] as const) {
    await writeFile(join(cwd, gem.filename), gem.bytes);
    const { code, err } = await run(['import', gem.filename], { cwd });
    t.match({ code, err }, { code: 1, err: `smartregistry: ${gem.filename}: ${says}\n` });
  }
});

t.test('an administrator yanks and unyanks on the command line', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await gemWorld(t, { storage: { directory: join(cwd, 'data') } });
  for (const platform of ['ruby', 'java']) await writer.push(gemOf('demo', '1.0', { platform }));
  const slugs = async () => (await anon.info('demo')).map(({ slug }) => slug);
  const yanked = await run(['rubygems', 'yank', 'demo', '1.0', '--platform', 'java'], { cwd });
  t.match(yanked, { code: 0, out: /demo 1\.0-java is yanked/ });
  t.same(await slugs(), ['1.0']);
  t.match(await run(['rubygems', 'unyank', 'demo', '1.0', '--platform', 'java'], { cwd }), { code: 0 });
  t.same(await slugs(), ['1.0', '1.0-java']);
  t.match(
    (await anon.get('/versions')).text,
    /\ndemo -1\.0-java .*\ndemo 1\.0-java /,
    'a running registry has the lines',
  );
  t.match(await run(['rubygems', 'yank', 'demo', '9'], { cwd }), { code: 1, err: /demo 9 is not in this registry/ });
  t.match(await run(['rubygems', 'yank', '../demo', '9'], { cwd }), { code: 1, err: /not a name that a gem can have/ });
});
