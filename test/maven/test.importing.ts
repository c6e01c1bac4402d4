import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { mavenImporter } from '../../ts/maven/helpers.importer.js';
import { run } from '../support/cli.js';
import { mavenWorld } from '../support/maven/actors.js';
import { gav, jarOf, pathOf, pomOf, textsIn } from '../support/maven/artifacts.js';
import { temporaryFolder } from '../support/registry.js';

t.test('a local repository is imported beside a running registry, and once', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await mavenWorld(t, { storage: { directory: join(cwd, 'data') } });
  const lib = gav('org.acme:lib:1.0');
  const snapshot = gav('org.acme:lib:2.0-SNAPSHOT');
  const jar = jarOf({ 'A.class': 'x'.repeat(1000) });
  const put = async (path: string, content: string | Buffer) => {
    const file = join(cwd, 'm2', path.replace('/maven/', ''));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  await put(pathOf(lib, '.pom'), pomOf(lib));
  await put(pathOf(lib, '.jar'), jar);
  await put(pathOf(lib, '-sources.zip'), jar);
  await put(pathOf(lib, '.jar.asc'), 'a signature');
  await put(pathOf(snapshot, '.jar'), jar);
  await put('/maven/org/acme/lib/2.0-SNAPSHOT/lib-2.0-20261128.101112-1.jar', jar);
  const wrong = gav('org.acme:wrong:1.0');
  await put(pathOf(wrong, '.pom'), pomOf({ ...wrong, artifact: 'other' }));
  const notes = [
    pathOf(lib, '.jar.sha1'),
    pathOf(lib, '.jar.lastUpdated'),
    '/maven/org/acme/lib/1.0/_remote.repositories',
    '/maven/org/acme/lib/2.0-SNAPSHOT/maven-metadata-local.xml',
    '/maven/org/acme/lib/2.0-SNAPSHOT/resolver-status.properties',
    '/maven/org/acme/lib/maven-metadata-central.xml',
    '/maven/org/acme/lib/maven-metadata-central.xml.sha1',
    '/maven/archetype-catalog.xml',
  ];
  for (const path of notes) await put(path, 'x');
  await writer.put(pathOf(lib, '.jar.asc'), 'a signature');

  const first = await run(['import', '--protocol', 'maven', 'm2'], { cwd });
  t.match(first.out, /5 imported, 1 already there, 1 failed, 8 skipped/, `${first.out}${first.err}`);
  t.match(first.out, /imported maven org\.acme:lib 1\.0/);
  t.match(first.err, /wrong-1\.0\.pom: The POM is for another artifact/);
  t.equal(first.code, 1);
  t.same(await anon.versions(lib), ['1.0', '2.0-SNAPSHOT']);
  t.ok((await anon.get(pathOf(lib, '.jar'))).bytes.equals(jar));
  t.same(textsIn(await anon.metadata(snapshot), 'value'), ['2.0-20261128.101112-1']);
  const again = await run(['import', '--protocol', 'maven', 'm2'], { cwd });
  t.match(again.out, /0 imported, 6 already there, 1 failed, 8 skipped/, `${again.out}${again.err}`);
});

t.test('a folder that is not the root of a repository is told of by its POMs', async (t) => {
  const cwd = await temporaryFolder(t);
  await mavenWorld(t, { storage: { directory: join(cwd, 'data') } });
  const lib = gav('org.acme:lib:1.0');
  const file = join(cwd, 'm2', pathOf(lib, '.pom').replace('/maven/', ''));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, pomOf(lib));
  const { err, code } = await run(['import', 'm2/org'], { cwd });
  t.equal(code, 1);
  t.match(err, /its groupId is "org\.acme", its path is that of acme:lib:1\.0/);
});

t.test('which files of a local repository are published', async (t) => {
  const { registry } = await mavenWorld(t);
  const importer = mavenImporter(registry.getStorage());
  const folder = 'org/acme/lib/1.0';
  const accepts = (name: string) => importer.accepts(name, `${folder}/${name}`);
  for (const name of ['lib-1.0.jar', 'lib-1.0.pom', 'lib-1.0-sources.jar', 'lib-1.0.jar.asc', 'lib-1.0.part.jar']) {
    t.ok(accepts(name), name);
  }
  for (const name of [
    '_remote.repositories',
    '_lib-1.0.jar',
    'maven-metadata.xml',
    'maven-metadata-central.xml',
    'resolver-status.properties',
    'lib-1.0.jar.lastUpdated',
    'lib-1.0.jar.part',
    'lib-1.0.jar.lock',
    'lib-1.0.jar.tmp',
    'lib-1.0.jar.md5',
    'lib-1.0.jar.sha1',
    'lib-1.0.jar.sha256',
    'lib-1.0.jar.sha512',
    'other-1.0.jar',
    'lib-2.0.jar',
    'notes.txt',
  ]) {
    t.notOk(accepts(name), name);
  }
  t.notOk(importer.accepts('lib-1.0.jar'), 'a file that was named itself has no path');
  t.notOk(importer.accepts('lib-1.0.jar', 'lib/1.0/lib-1.0.jar'));
  t.ok(importer.accepts('lib-1.0-20261128.101112-1.jar', 'org/acme/lib/1.0-SNAPSHOT/lib-1.0-20261128.101112-1.jar'));
});

t.test('a file of a local repository says by its path what it is', async (t) => {
  const { registry, writer } = await mavenWorld(t);
  const importer = mavenImporter(registry.getStorage());
  const inspect = (path: string, content: string) =>
    importer.inspect({
      name: path.slice(path.lastIndexOf('/') + 1),
      path,
      size: content.length,
      open: async function* () {
        yield Buffer.from(content);
      },
    });
  const item = await inspect('org/acme/lib/1.0/lib-1.0.jar', 'x');
  t.match(item, { packageName: 'org.acme:lib', version: '1.0' });
  t.match(await item.request(), { method: 'PUT', path: '/org/acme/lib/1.0/lib-1.0.jar' });
  t.equal(await item.published?.(), 'nothing');
  await writer.put(pathOf(gav('org.acme:lib:1.0'), '.jar'), 'x');
  t.equal(await item.published?.(), 'same');
  t.equal(await (await inspect('org/acme/lib/1.0/lib-1.0.jar', 'y')).published?.(), 'other');
  t.equal(await (await inspect('org/acme/lib/1.0/lib-1.0.pom', 'x')).published?.(), 'nothing', 'another file');
  const odd = await inspect('org/Acme_x/Lib.b/1.0+c/Lib.b-1.0+c.jar', 'x');
  t.match(odd, { packageName: 'org.Acme_x:Lib.b', version: '1.0+c' });
  t.match(await odd.request(), { path: '/org/Acme_x/Lib.b/1.0%2Bc/Lib.b-1.0%2Bc.jar' });
  await t.rejects(inspect('lib-1.0.jar', 'x'), { kind: 'invalid', message: /^lib-1\.0\.jar is not at the path/ });
});
