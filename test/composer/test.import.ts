import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { versionInFileName } from '../../ts/composer/wire/wire.versions.js';
import { runHere } from '../support/cli.js';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, zipOf } from '../support/composer/packages.js';
import { temporaryFolder } from '../support/registry.js';

t.test('the version in the name of an archive', async (t) => {
  const names: Record<string, string | undefined> = {
    'acme-lib-1.2.0.zip': '1.2.0',
    'acme-lib-v1.2.zip': 'v1.2',
    'acme-lib-1.2.0-1a2b3c.zip': '1.2.0',
    'acme-oauth-2-1.0.0.zip': '1.0.0',
    'acme-php-8-lib-2.0.0-beta1.zip': '2.0.0-beta1',
    'acme-lib-dev-main.zip': 'dev-main',
    'acme-lib-dev-feature-x.zip': 'dev-feature-x',
    'acme-lib-7.3.x-dev.zip': '7.3.x-dev',
    'acme-lib.zip': undefined,
    'lib.zip': undefined,
    '1.0.0.zip': undefined,
  };
  for (const [file, version] of Object.entries(names)) t.equal(versionInFileName(file), version, file);
});

t.test('smartregistry import brings zips', async (t) => {
  const cwd = await temporaryFolder(t);
  const data = join(cwd, 'data');
  const { anon, writer } = await composerWorld(t, { storage: { directory: data } });
  await writer.publish('acme/there', '1.0.0');
  const folder = join(cwd, 'zips');
  await mkdir(folder);
  const files: Record<string, Buffer> = {
    'lib.zip': packageZip('acme/lib', '1.0.0'),
    'acme-lib-1.1.0.zip': packageZip('acme/lib'),
    'acme-lib-dev-main.zip': packageZip('acme/lib'),
    'nested.zip': zipOf({ 'top/composer.json': { name: 'acme/nested', version: '2.0.0' } }),
    'acme-nameless.zip': packageZip('acme/nameless'),
    'other-there.zip': packageZip('acme/there', '1.0.0', { description: 'other' }),
    'no-package.zip': zipOf({ 'a.txt': 'x' }),
  };
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
  const importing = () =>
    runHere(t, ['import', folder, '--protocol', 'composer'], { SMARTREGISTRY_DATA: data, SMARTREGISTRY_CONFIG: '' });
  const { out, err, code } = await importing();
  t.equal(code, 1);
  t.match(out, /4 imported, 0 already there, 3 failed/);
  for (const line of ['acme/lib 1.0.0', 'acme/lib 1.1.0', 'acme/lib dev-main', 'acme/nested 2.0.0']) {
    t.match(out, new RegExp(`^imported composer ${line}$`, 'm'));
  }
  t.match(err, /acme-nameless\.zip.*neither composer\.json nor the name of the file/);
  t.match(err, /no-package\.zip.*no composer\.json/);
  t.match(err, /other-there\.zip/);
  const versions = await anon.versions('acme/lib');
  t.same(versions.map(({ version }) => version).sort(), ['1.0.0', '1.1.0']);
  t.match(await anon.versions('acme/lib', true), [{ version: 'dev-main' }]);
  const before = await anon.versions('acme/lib');
  t.match((await importing()).out, /0 imported, 4 already there, 3 failed/);
  t.same(await anon.versions('acme/lib'), before, 'a second time changes nothing');
  await writer.publish('acme/lib', 'dev-main', { description: 'newer' });
  t.match((await importing()).out, /0 imported, 4 already there, 3 failed/);
  t.match(await anon.versions('acme/lib', true), [{ description: 'newer' }], 'a newer upload of a branch stays');
});

t.test('a zip tells its package', async (t) => {
  const { registry, writer } = await composerWorld(t);
  const importer = registry.getRegistry('composer')!.importer()!;
  const inspect = (bytes: Buffer, name: string) => {
    const open = async function* () {
      yield bytes;
    };
    return importer.inspect({ name, size: bytes.length, open });
  };
  const zip = packageZip('Acme/LIB', 'v1.0');
  const item = await inspect(zip, 'other-9.9.zip');
  t.match(item, { packageName: 'acme/lib', version: 'v1.0' }, 'composer.json decides');
  const { query, headers, ...request } = await item.request();
  t.match(request, { method: 'PUT', path: '/packages/acme/lib' });
  t.same(
    [query, headers?.['content-length'], headers?.['content-type']],
    [undefined, `${zip.length}`, 'application/zip'],
  );
  t.equal(await item.published?.(), 'nothing');
  t.equal((await writer.put('/packages/acme/lib', zip)).status, 201);
  t.equal(await item.published?.(), 'same');
  const other = await inspect(packageZip('acme/lib', '1.0.0', { description: 'x' }), 'x.zip');
  t.equal(await other.published?.(), 'other', 'another zip of this version');

  const named = await inspect(packageZip('acme/lib'), 'acme-lib-1.2.zip');
  t.match(named, { packageName: 'acme/lib', version: '1.2' });
  t.same((await named.request()).query, { version: '1.2' });
  const wrong: [zip: Buffer, message: RegExp][] = [
    [packageZip('acme/lib'), /^neither composer\.json nor the name of the file/],
    [zipOf({ 'composer.json': { version: '1.0' } }), /vendor\/package/],
    [zipOf({ 'composer.json': { name: 'acme/lib', version: 'x' } }), /Invalid version string/],
  ];
  for (const [bytes, message] of wrong)
    await t.rejects(inspect(bytes, 'lib.zip'), { kind: 'invalid', message } as never);
  t.same(
    ['a.zip', 'A.ZIP', 'a.zip.txt', 'zip'].map((name) => importer.accepts(name)),
    [true, true, false, false],
  );
});
