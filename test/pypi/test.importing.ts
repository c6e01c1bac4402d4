import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../support/cli.js';
import { pypiWorld } from '../support/pypi/actors.js';
import { sdist, wheel } from '../support/pypi/distributions.js';
import { temporaryFolder } from '../support/registry.js';

t.test('a folder of wheels and sdists is imported beside a running registry, and once', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await pypiWorld(t, { storage: { directory: join(cwd, 'data') } });
  await mkdir(join(cwd, 'dist'));
  await writer.upload(wheel('there', '1.0'));
  const files = [
    wheel('Lab.Pkg', '1.0'),
    await sdist('Lab.Pkg', '1.0'),
    wheel('Lab.Pkg', '2.0', { files: { 'lab_pkg/text': 'x'.repeat(500_000) } }),
    wheel('there', '1.0'),
    wheel('broken', '1.0', { metadata: 'Metadata-Version: 2.1\n' }),
  ];
  for (const { filename, bytes } of files) await writeFile(join(cwd, 'dist', filename), bytes);
  await writeFile(join(cwd, 'dist', 'notes.txt'), 'no distribution');
  await writeFile(join(cwd, 'dist', `${files[0]?.filename}.publish.attestation`), '{}');
  const first = await run(['import', '--protocol', 'pypi', 'dist'], { cwd });
  t.match(first.out, /3 imported, 1 already there, 1 failed, 2 skipped/, `${first.out}${first.err}`);
  t.match(`${first.out}${first.err}`, /broken-1\.0-py3-none-any\.whl.*no field Name/);
  t.equal(first.code, 1);
  const page = await anon.page('lab-pkg');
  t.same(page.versions.sort(), ['1.0', '2.0']);
  for (const { url, filename } of page.files) {
    const file = files.find((one) => one.filename === filename);
    t.ok((await anon.get(new URL(url).pathname)).bytes.equals(file?.bytes as Buffer), filename);
  }
  const again = await run(['import', '--protocol', 'pypi', 'dist'], { cwd });
  t.match(again.out, /0 imported, 4 already there, 1 failed, 2 skipped/);
  t.same((await anon.page('lab-pkg')).files, page.files, 'upload times stay');

  await writeFile(
    join(cwd, 'dist', 'lab_pkg-1.0-py3-none-any.whl'),
    wheel('Lab.Pkg', '1.0', { description: 'x' }).bytes,
  );
  const other = await run(['import', '--protocol', 'pypi', 'dist/lab_pkg-1.0-py3-none-any.whl'], { cwd });
  t.match(`${other.out}${other.err}`, /The content of this file differs from the published one/);
});

t.test('the import of a file whose name was deleted says that, and nothing of another content', async (t) => {
  const cwd = await temporaryFolder(t);
  const { admin, writer } = await pypiWorld(t, { storage: { directory: join(cwd, 'data') } });
  const file = wheel('demo', '1.0');
  await writer.upload(file);
  await writer.upload(wheel('demo', '2.0'));
  t.match(await admin.send('DELETE', `/pypi/packages/demo/${file.filename}`), { status: 200 });
  await writeFile(join(cwd, file.filename), file.bytes);
  const { code, err } = await run(['import', file.filename], { cwd });
  t.equal(code, 1);
  const says = `The file name ${file.filename} was used by a file that was deleted, and cannot be used again: use another version`;
  t.equal(err, `smartregistry: ${file.filename}: ${says}\n`);
});

t.test('a file tells its project', async (t) => {
  const { registry, writer } = await pypiWorld(t);
  const importer = registry.getRegistry('pypi')!.importer()!;
  const inspect = ({ filename, bytes }: { filename: string; bytes: Buffer }) => {
    const open = async function* () {
      yield bytes;
    };
    return importer.inspect({ name: filename, size: bytes.length, open });
  };
  const files = [wheel('Lab.Pkg', '1.0'), await sdist('Lab.Pkg', '1.0')];
  for (const file of files) {
    const item = await inspect(file);
    t.match(item, { packageName: 'lab-pkg', version: '1.0' });
    const { method, path, body } = await item.request();
    t.same([method, path], ['POST', '/']);
    t.match(body, {
      ':action': 'file_upload',
      protocol_version: '1',
      name: 'Lab.Pkg',
      version: '1.0',
      filetype: file.filetype,
      filename: file.filename,
      sha256_digest: createHash('sha256').update(file.bytes).digest('hex'),
    });
    t.equal(await item.published?.(), 'nothing');
    t.equal((await writer.upload(file)).status, 200);
    t.equal(await item.published?.(), 'same');
  }
  t.equal(await (await inspect(wheel('Lab.Pkg', '1.0', { description: 'other' }))).published?.(), 'other');
  const accepted = ['a-1.whl', 'a-1-py3-none-any.whl', 'a-1.tar.gz', 'a-1.zip', 'a-1.tgz'].map((name) =>
    importer.accepts(name),
  );
  t.same(accepted, [false, true, true, true, false]);
});
