import t from 'tap';
import { run } from '../support/cli.js';
import { MavenActor, mavenWorld } from '../support/maven/actors.js';
import { folderOf, gav, jarOf, pathOf, pluginJar } from '../support/maven/artifacts.js';
import { temporaryFolder } from '../support/registry.js';

const lib = { group: 'org.acme', artifact: 'lib' };
const version = (of: string) => ({ ...lib, version: of });

t.test('a file, a version and an artifact are deleted by their paths', async (t) => {
  const { anon, writer, admin, stored } = await mavenWorld(t);
  for (const of of ['1.0', '2.0', '3.0-SNAPSHOT']) {
    await writer.putPom(version(of));
    await writer.put(pathOf(version(of), '.jar'), of);
  }
  const jar = pathOf(version('1.0'), '.jar');
  t.equal((await writer.delete(jar)).status, 403, 'who may write may not delete');
  t.match(await admin.delete(jar), { status: 200 });
  t.equal((await anon.get(jar)).status, 404);
  t.equal((await anon.get(`${jar}.sha1`)).status, 404);
  t.equal((await anon.get(pathOf(version('1.0'), '.pom'))).status, 200);
  t.equal((await admin.delete(jar)).status, 404, 'once');
  t.equal((await writer.put(jar, '1.0')).status, 409, 'a release may not come back');

  t.match((await admin.delete(`${folderOf(lib)}/2.0`)).json(), { deleted: 'org.acme:lib:2.0' });
  t.same(await anon.versions(lib), ['1.0', '3.0-SNAPSHOT']);
  t.match(await writer.putPom(version('2.0')), { status: 409, text: /was deleted and cannot be published again/ });
  t.equal((await writer.put(pathOf(version('2.0'), '-new.jar'), 'x')).status, 409, 'not with other files either');

  t.equal((await admin.delete(`${folderOf(lib)}/3.0-SNAPSHOT`)).status, 200);
  t.equal((await writer.putPom(version('3.0-SNAPSHOT'))).status, 201, 'a SNAPSHOT may');

  t.match((await admin.delete(folderOf(lib))).json(), { deleted: 'org.acme:lib' });
  t.match(await admin.delete(folderOf(lib)), { status: 404, text: 'There is nothing at this path\n' });
  t.equal((await anon.get(`${folderOf(lib)}/maven-metadata.xml`)).status, 404);
  t.same(await stored(), ['maven/metadata/org.acme/lib/metadata.json'], 'only what was used is still recorded');
  t.equal((await writer.putPom(version('1.0'))).status, 409);
  t.equal((await writer.putPom(version('4.0'))).status, 201);
  for (const path of [
    '/maven/org',
    '/maven/org/acme',
    '/maven/org/acme/none/1.0',
    '/maven/-/artifacts/org.acme/none',
  ]) {
    t.equal((await admin.delete(path)).status, 404, path);
  }
});

t.test('the same by the routes outside the layout', async (t) => {
  const { anon, writer, admin, tokenOf } = await mavenWorld(t, { maven: { enabled: true, allowRepublish: true } });
  for (const of of ['1.0', '2.0']) await writer.putPom(version(of));
  const path = '/maven/-/artifacts/org.acme/lib';
  const other = await tokenOf({ scopes: ['maven:artifact:org.acme:other:*'] });
  for (const each of [path, `${path}/1.0`, pathOf(version('1.0'), '.pom'), folderOf(lib), `${folderOf(lib)}/1.0`]) {
    t.equal((await other.delete(each)).status, 403, each);
    t.equal((await anon.delete(each)).status, 401, each);
  }
  t.equal((await admin.delete(`${path}/9.0`)).status, 404);
  t.equal((await admin.delete(`${path}/1.0`)).status, 200);
  t.same(await anon.versions(lib), ['2.0']);
  t.equal((await writer.putPom(version('1.0'))).status, 201, 'allowRepublish');
  t.equal((await admin.delete(path)).status, 200);
  t.same(await anon.versions(lib), []);
});

t.test('a version under the name of another artifact: what is stored decides', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t);
  await writer.putPom(gav('org.acme:lib:tools'));
  await writer.putPom(gav('org.acme.lib:tools:1.0'));
  t.match((await admin.delete('/maven/org/acme/lib/tools')).json(), { deleted: 'org.acme:lib:tools' });
  t.match((await admin.delete('/maven/org/acme/lib/tools')).json(), { deleted: 'org.acme.lib:tools' });
  t.same(await anon.versions(gav('org.acme.lib:tools:1.0')), []);
});

t.test('a plugin without files has no prefix', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t);
  const plugin = gav('org.acme:hi-maven-plugin:1.0');
  await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'hi'));
  await admin.delete(folderOf(plugin));
  t.equal((await anon.get('/maven/org/acme/maven-metadata.xml')).status, 404);
  await writer.put(pathOf({ ...plugin, version: '2.0' }, '.jar'), jarOf({ 'A.class': 'x' }));
  t.equal((await anon.get('/maven/org/acme/maven-metadata.xml')).status, 404, 'nor does it come back by itself');
});

t.test('smartregistry maven delete', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await mavenWorld(t, { storage: { directory: `${cwd}/data` } });
  for (const of of ['1.0', '2.0']) await writer.putPom(version(of));
  await writer.put(pathOf(version('2.0'), '.jar'), 'x');
  const tell = async (...args: string[]) => run(['maven', 'delete', ...args], { cwd });
  t.match(await tell('org.acme:lib', '2.0', '--file', 'lib-2.0.jar'), {
    code: 0,
    out: 'lib-2.0.jar of org.acme:lib:2.0 is deleted\n',
  });
  t.match(await tell('org.acme:lib', '1.0'), { code: 0, out: 'org.acme:lib:1.0 is deleted\n' });
  t.same(await anon.versions(lib), ['2.0']);
  t.match(await tell('org.acme:lib'), { code: 1, err: /Give a VERSION, or --all/ });
  t.match(await tell('lib', '1.0'), { code: 1, err: /is no artifact|is no group/ });
  t.match(await tell('org.acme:lib', '9.0'), { code: 1, err: /org\.acme:lib:9\.0 is not in this registry/ });
  t.match(await tell('org.acme:lib', '--all'), { code: 0, out: 'org.acme:lib is deleted\n' });
  t.same(await anon.versions(lib), []);
});

t.test('what a deleted thing is called', async (t) => {
  const { writer, admin } = await mavenWorld(t);
  for (const of of ['1.0', '2.0']) await writer.putPom(version(of));
  t.same((await admin.delete(pathOf(version('1.0'), '.pom'))).json(), { deleted: 'lib-1.0.pom of org.acme:lib:1.0' });
  await writer.putPom(version('3.0'));
  t.same((await admin.delete('/maven/-/artifacts/org.acme/lib/2.0')).json(), { deleted: 'org.acme:lib:2.0' });
  t.same((await admin.delete('/maven/-/artifacts/org.acme/lib')).json(), { deleted: 'org.acme:lib' });
});

t.test('of what a path can be, a caller deletes only what it may', async (t) => {
  const { writer, anon, registry } = await mavenWorld(t);
  const [inner, outer] = [gav('org.acme.lib:tools:1.0'), gav('org.acme:lib:tools')];
  for (const of of [inner, outer]) await writer.putPom(of);
  const path = '/maven/org/acme/lib/tools';
  const may = async (name: string) => {
    const scopes = [`maven:artifact:${name}:delete`];
    return new MavenActor(registry, await registry.getAuthManager().createToken('root', 'maven', { scopes }));
  };
  t.equal((await (await may('org.acme:other')).delete(path)).status, 403);
  t.match((await (await may('org.acme.lib:tools')).delete(path)).json(), { deleted: 'org.acme.lib:tools' });
  t.same(await anon.versions(outer), ['tools'], 'that of another artifact stays');
  t.equal((await (await may('org.acme.lib:tools')).delete(path)).status, 404, 'and is not told of');
  t.match((await (await may('org.acme:lib')).delete(path)).json(), { deleted: 'org.acme:lib:tools' });
});

t.test('what a command deletes', async (t) => {
  const protocols = new Set<string>();
  const { registry, writer, anon } = await mavenWorld(t, {
    storageHooks: {
      beforeDelete: async ({ protocol }) => {
        protocols.add(protocol);
        return { allowed: true };
      },
    },
  });
  for (const of of ['1.0', '2.0']) await writer.putPom(version(of));
  const maven = registry.getRegistry('maven');
  const tell = async (operands: string[], options: Record<string, string | true> = {}, name = 'delete') => {
    const lines: string[] = [];
    await maven?.runCommand(name, { operands, options, print: (line) => lines.push(line) });
    return lines;
  };
  for (const [operands, options, says] of [
    [['org.acme:lib'], {}, 'Give a VERSION, or --all for all versions'],
    [['org.acme:lib'], { file: 'x' }, 'Give a VERSION, or --all for all versions'],
    [['org.acme:lib'], { file: 'x', all: true }, 'Give a VERSION, or --all for all versions'],
    [['org.acme:lib', '2.0'], { all: true }, 'Give a VERSION or --all, not both'],
    [['org.acme:lib:2.0'], { all: true }, '"org.acme:lib:2.0" is not of the form GROUP:ARTIFACT'],
  ] as [string[], Record<string, string | true>, string][]) {
    await t.rejects(tell(operands, options), { kind: 'invalid', message: says });
  }
  await t.rejects(tell([], {}, 'other'), { kind: 'unsupported', message: 'maven has no command "other"' });
  t.same(await anon.versions(lib), ['1.0', '2.0']);
  t.same(await tell(['org.acme:lib', '1.0'], { file: 'lib-1.0.pom' }), ['lib-1.0.pom of org.acme:lib:1.0 is deleted']);
  t.same(await anon.versions(lib), ['2.0']);
  t.same(await tell(['org.acme:lib'], { all: true }), ['org.acme:lib is deleted']);
  t.same([...protocols], ['maven'], 'hooks know the protocol of a command');
});
