import t from 'tap';
import type { BaseRegistry } from '../../ts/index.js';
import { npmWorld } from '../support/npm/actors.js';
import { sha, tarball } from '../support/npm/packages.js';

async function* inPieces(bytes: Buffer, size = 1000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

const fileOf = (bytes: Buffer, name = 'x.tgz') => ({ name, size: bytes.length, open: () => inPieces(bytes) });

t.test('the files of npm pack: what npm would have sent for each', async (t) => {
  const { registry, anon } = await npmWorld(t);
  const npm = registry.getRegistry('npm') as BaseRegistry;
  const importer = npm.importer()!;
  t.same(
    ['a-1.0.0.tgz', 'a.tar.gz', 'a.tgz.bak', 'tgz', 'a.zip'].map((name) => importer.accepts(name)),
    [true, false, false, false, false],
  );
  const bring = async (manifest: object, files = {}) => {
    const bytes = await tarball(manifest, files);
    const item = await importer.inspect(fileOf(bytes));
    t.equal(await item.published?.(), 'nothing');
    const request = await item.request();
    t.match(request, { method: 'PUT', headers: { 'content-type': 'application/json' } });
    await npm.runAsOperator(request, { userId: 'import' });
    t.equal(await item.published?.(), 'same');
    return { bytes, item, request };
  };
  const scoped = await bring({ name: ' @team/tool ', version: 'v1.0.0', bin: './lib//cli.js' });
  t.match(scoped.item, { packageName: '@team/tool', version: '1.0.0' });
  t.equal(scoped.request.path, '/%40team%2Ftool');
  const { versions, 'dist-tags': tags } = await anon.packument('@team/tool');
  t.same(tags, { latest: '1.0.0' });
  t.match(versions['1.0.0'], {
    bin: { tool: 'lib/cli.js' },
    dist: { integrity: `sha512-${sha('sha512', scoped.bytes, 'base64')}` },
  });
  t.ok((await anon.get('/@team/tool/-/tool-1.0.0.tgz')).bytes.equals(scoped.bytes));

  await bring({ name: 'plain', version: '=2.0.0', bin: 'cli.js' });
  await bring({ name: 'plain', version: '1.0.0', bin: { other: './x.js' } });
  await bring({ name: 'plain', version: '3.0.0-rc.1' });
  await bring({ name: 'plain', version: '4.0.0', publishConfig: { tag: 'next' } });
  await bring({ name: 'plain', version: '2.1.0', publishConfig: { tag: 5 } });
  const plain = await anon.packument('plain');
  t.same(plain['dist-tags'], { latest: '2.1.0', next: '4.0.0' });
  t.match(plain.versions, { '2.0.0': { bin: { plain: 'cli.js' } }, '1.0.0': { bin: { other: './x.js' } } });
  t.notOk('bin' in plain.versions['3.0.0-rc.1']!);
  await bring({ name: 'early', version: '1.0.0-b' });
  await bring({ name: 'early', version: '1.0.0-a' });
  t.same((await anon.packument('early'))['dist-tags'], { latest: '1.0.0-b' });
  await bring({ name: 'early', version: '0.9.0' });
  t.same((await anon.packument('early'))['dist-tags'], { latest: '0.9.0' }, 'a stable one before any pre-release');

  const changed = await importer.inspect(fileOf(await tarball({ name: 'plain', version: '1.0.0', changed: true })));
  t.equal(await changed.published?.(), 'other', 'other bytes');
  for (const manifest of [
    { version: '1.0.0' },
    { name: 5, version: '1.0.0' },
    { name: 'a' },
    { name: 'a', version: 'x' },
  ]) {
    const refused = importer.inspect(fileOf(await tarball(manifest)));
    await t.rejects(refused, { name: 'RegistryError', kind: 'invalid' }, JSON.stringify(manifest));
  }
});
