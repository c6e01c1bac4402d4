import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { rubyGemsImporter } from '../../ts/rubygems/helpers.importer.js';
import { run } from '../support/cli.js';
import { temporaryFolder } from '../support/registry.js';
import { gemWorld } from '../support/rubygems/actors.js';
import { gemOf, type IGem } from '../support/rubygems/gems.js';

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

t.test('which files of a folder are gems, and what they are', async (t) => {
  const { registry, writer } = await gemWorld(t);
  const limits = { maxUnpackedSize: 1_000_000, maxArtifactSize: 1_000_000 };
  const importer = rubyGemsImporter(registry.getStorage(), limits);
  t.ok(importer.accepts('demo-1.0.gem'));
  for (const name of ['demo-1.0.gem.part', 'demo-1.0gem', 'gem', 'demo-1.0.GEM']) t.notOk(importer.accepts(name), name);
  const inspect = ({ filename, bytes }: IGem) =>
    importer.inspect({
      name: filename,
      size: bytes.length,
      open: async function* () {
        yield bytes;
      },
    });
  const gem = gemOf('demo', '1.0', { platform: 'java' });
  const item = await inspect({ ...gem, filename: 'odd.gem' });
  t.match(item, { packageName: 'demo', version: '1.0-java' });
  t.match(await item.request(), { method: 'POST', path: '/api/v1/gems', body: { filename: 'odd.gem' } });
  t.equal(await item.published?.(), 'nothing');
  await writer.push(gem);
  t.equal(await item.published?.(), 'same');
  t.equal(await (await inspect(gemOf('demo', '1.0'))).published?.(), 'nothing', 'another build');
  const changed = await inspect(gemOf('demo', '1.0', { platform: 'java', summary: 'other' }));
  t.equal(await changed.published?.(), 'other');
  const skinny = gemOf('skinny', '1.0', { platform: 'java', requiredRuby: ['~> 3.4.0'] });
  const address = skinny.sha256.slice(0, 8);
  t.match(await inspect({ ...skinny, filename: `skinny-1.0-${address}.gem` }), { version: `1.0-${address}` });
});

t.test('what a command yanks', async (t) => {
  const protocols = new Set<string>();
  const { registry, anon, writer } = await gemWorld(t, {
    storageHooks: {
      beforePut: async ({ protocol }) => {
        protocols.add(protocol);
        return { allowed: true };
      },
    },
  });
  for (const platform of ['ruby', 'x86-linux']) await writer.push(gemOf('demo', '1.0-rc1', { platform }));
  const gems = registry.getRegistry('rubygems');
  const tell = async (name: string, operands: string[], options: Record<string, string> = {}) => {
    const lines: string[] = [];
    await gems?.runCommand(name, { operands, options, print: (line) => lines.push(line) });
    return [...lines, ...(await anon.info('demo')).map(({ slug }) => slug)];
  };
  protocols.clear();
  const linux = '1.0.pre.rc1-x86-linux';
  t.same(await tell('yank', ['demo', '1.0-rc1']), ['demo 1.0.pre.rc1 is yanked', linux]);
  t.same(await tell('unyank', ['demo', '1.0-rc1']), ['demo 1.0.pre.rc1 is listed', '1.0.pre.rc1', linux]);
  t.same(await tell('yank', ['demo', '1.0-rc1'], { platform: 'i686-linux' }), [
    `demo ${linux} is yanked`,
    '1.0.pre.rc1',
  ]);
  for (const [operands, kind, says] of [
    [['demo', '1'], 'notFound', 'demo 1 is not in this registry'],
    [['demo', 'x y'], 'invalid', '"x y" is not a version'],
    [['-demo', '1'], 'invalid', '"-demo" is not a name that a gem can have'],
    [[], 'invalid', '"" is not a name that a gem can have'],
  ] as [string[], string, string][]) {
    await t.rejects(tell('yank', operands), { kind, message: says });
  }
  t.same([...protocols], ['rubygems'], 'hooks know the protocol of a command');
  await t.rejects(tell('other', ['demo', '1']), { kind: 'unsupported', message: 'rubygems has no command "other"' });
});
