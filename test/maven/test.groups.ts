import t from 'tap';
import { CaseClock } from '../support/faults/clock.js';
import { MavenActor, mavenWorld } from '../support/maven/actors.js';
import { gav, hex, jarOf, pathOf, pluginJar, textsIn } from '../support/maven/artifacts.js';

t.test('the metadata of a group list its plugins by their prefixes', async (t) => {
  const { anon, writer, tokenOf } = await mavenWorld(t, {
    auth: { anonymousScopes: ['maven:artifact:org.acme:*:read'] },
  });
  const hello = gav('org.acme:hello-maven-plugin:1.0');
  t.equal((await writer.put(pathOf(hello, '.jar'), pluginJar(hello, 'hi', 'Hello &amp; Co'))).status, 201);
  await writer.put(pathOf(gav('org.acme:lib:1.0'), '.jar'), jarOf({ 'A.class': 'x' }));
  const other = gav('org.acme.other:x-maven-plugin:1.0');
  await writer.put(pathOf(other, '.jar'), pluginJar(other, 'x'));
  const xml = (await anon.get('/maven/org/acme/maven-metadata.xml')).text;
  t.same(textsIn(xml, 'prefix'), ['hi']);
  t.same(textsIn(xml, 'artifactId'), ['hello-maven-plugin']);
  t.same(textsIn(xml, 'name'), ['Hello &amp; Co']);
  t.same(textsIn(xml, 'groupId'), ['org.acme'], 'coursier needs it');
  t.equal((await anon.get('/maven/org/acme/maven-metadata.xml.sha1')).text, hex('sha1', xml));
  t.equal(
    (await anon.get('/maven/org/acme/other/maven-metadata.xml')).status,
    404,
    'a group that the caller may not read',
  );
  const reader = await tokenOf({ scopes: ['maven:artifact:org.acme.other:*:read'] });
  t.same(textsIn((await reader.get('/maven/org/acme/other/maven-metadata.xml')).text, 'prefix'), ['x']);
});

t.test('the prefix of a plugin is that of its highest version', async (t) => {
  const { anon, writer, admin } = await mavenWorld(t);
  const prefixes = async () => textsIn((await anon.get('/maven/org/acme/maven-metadata.xml')).text, 'prefix');
  const put = async (version: string, prefix: string) => {
    const plugin = { group: 'org.acme', artifact: 'hello-maven-plugin', version };
    t.equal((await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, prefix))).status, 201);
  };
  await put('1.9', 'old');
  await put('1.10', 'hello');
  t.same(await prefixes(), ['hello']);
  await put('1.9.1', 'old');
  t.same(await prefixes(), ['hello'], 'a late release of an older line changes nothing');
  t.equal((await admin.delete('/maven/org/acme/hello-maven-plugin/1.10')).status, 200);
  await put('1.9.2', 'older');
  t.same(await prefixes(), ['older'], 'that version is gone');
});

t.test('a folder that is an artifact and a group at the same time', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  await writer.putPom(gav('org.acme:tools:1.0'));
  t.notMatch((await anon.get('/maven/org/acme/tools/maven-metadata.xml')).text, /plugins/);
  const plugin = gav('org.acme.tools:hi-maven-plugin:1.0');
  await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'hi'));
  // the next second: see LISTING_AGE_MS
  const clock = new CaseClock();
  await clock.run(async () => {
    clock.advance(2000);
    const { text } = await anon.get('/maven/org/acme/tools/maven-metadata.xml');
    t.same(textsIn(text, 'version'), ['1.0']);
    t.same(textsIn(text, 'prefix'), ['hi']);
  });
});

t.test('a jar that is no zip, or has the descriptor of another plugin, is stored and names no prefix', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const plugin = gav('org.acme:hello-maven-plugin:1.0');
  const script = Buffer.concat([Buffer.from('#!/bin/sh\nexec java -jar $0\n'), pluginJar(plugin, 'hi')]);
  const jars = [script, pluginJar(gav('org.other:shaded:1.0'), 'hi'), Buffer.from('PK\x03\x04')];
  for (const [at, bytes] of jars.entries()) {
    const path = pathOf({ ...plugin, version: `1.${at}` }, '.jar');
    t.equal((await writer.put(path, bytes)).status, 201);
    t.ok((await anon.get(path)).bytes.equals(bytes));
  }
  t.equal((await anon.get('/maven/org/acme/maven-metadata.xml')).status, 404);
});

t.test('of a folder that is an artifact and a group, each caller sees what it may read', async (t) => {
  const { registry, writer, tokenOf } = await mavenWorld(t, { auth: { anonymousScopes: [] } });
  await writer.putPom(gav('org.acme:tools:1.0'));
  for (const artifact of ['b-maven-plugin', 'a-maven-plugin', 'c-maven-plugin']) {
    const plugin = { group: 'org.acme.tools', artifact, version: '1.0' };
    await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, artifact.slice(0, 1)));
  }
  const path = '/maven/org/acme/tools/maven-metadata.xml';
  const seen = async (...names: string[]) => {
    const reader = await tokenOf({ scopes: names.map((name) => `maven:artifact:${name}:read`) });
    const { text, status, headers } = await reader.get(path);
    if (status === 200) t.equal(headers['X-Checksum-Sha1'], hex('sha1', text));
    return [status, textsIn(text, 'version'), textsIn(text, 'prefix')];
  };
  t.same(await seen('org.acme:tools', 'org.acme.tools:*'), [200, ['1.0'], ['a', 'b', 'c']]);
  t.same(await seen('org.acme.tools:*'), [200, [], ['a', 'b', 'c']]);
  t.same(await seen('org.acme:tools'), [200, ['1.0'], []]);
  t.same(await seen('org.acme:tools', 'org.acme.tools:b-maven-plugin'), [200, ['1.0'], ['b']]);
  t.same(await seen('org.acme:other'), [404, [], []]);
  t.equal((await new MavenActor(registry).get(path)).status, 401);
});

t.test('the metadata of a group are as old as the last change in it', async (t) => {
  const clock = new CaseClock();
  await clock.run(async () => {
    const { anon, writer } = await mavenWorld(t);
    await writer.putPom(gav('org.acme:tools:1.0'));
    const path = '/maven/org/acme/tools/maven-metadata.xml';
    const plugins = ['a-maven-plugin', 'b-maven-plugin'].map((artifact) => gav(`org.acme.tools:${artifact}:1.0`));
    for (const plugin of plugins) await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'p'));
    const changes = [gav('org.acme:tools:2.0'), ...plugins.map((plugin) => ({ ...plugin, version: '2.0' }))];
    for (const of of changes) {
      clock.advance(60_000);
      await writer.putPom(of);
      clock.advance(10_000);
      const now = Date.now();
      const { headers } = await anon.get(path);
      const age = now - Date.parse(headers['Last-Modified'] as string);
      t.ok(age >= 9000 && age < 30_000, `${of.group}:${of.artifact}: ${age} ms`);
      t.equal((await anon.get(path, { 'if-modified-since': headers['Last-Modified'] as string })).status, 304);
    }
  });
});

t.test('which of the prefixes that a client sends are used', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const own = gav('org.acme:own-maven-plugin:1.0');
  await writer.put(pathOf(own, '.jar'), pluginJar(own, 'own'));
  for (const artifact of ['x-maven-plugin', 'y-maven-plugin']) await writer.putPom({ ...own, artifact });
  const plugin = (artifact: string, prefix: string) =>
    `<plugin><prefix>${prefix}</prefix><artifactId>${artifact}</artifactId></plugin>`;
  const path = '/maven/org/acme/maven-metadata.xml';
  const send = async (...plugins: string[]) => {
    const body = `<metadata><plugins>${plugins.join('')}</plugins></metadata>`;
    t.equal((await writer.put(path, body)).status, 201);
    return textsIn((await anon.get(path)).text, 'prefix');
  };
  t.same(await send(plugin('own-maven-plugin', 'other')), ['own'], 'the jar itself has named one');
  t.same(await send(plugin('a b', 'odd'), plugin('../x', 'odd'), plugin('x-maven-plugin', 'x')), ['own', 'x']);
  t.same(await send(plugin('x-maven-plugin', 'z')), ['own', 'x'], 'the first one stays');
  const many = Array.from({ length: 1000 }, () => plugin('a b', 'odd'));
  t.same(await send(...many, plugin('y-maven-plugin', 'y')), ['own', 'x'], 'the 1001st is not looked at');
  t.same(await send(...many.slice(1), plugin('y-maven-plugin', 'y')), ['own', 'x', 'y']);
});

t.test('a hook that refuses an artifact refuses its metadata in the folder of a group too', async (t) => {
  let refused = '';
  const { anon, writer } = await mavenWorld(t, {
    storageHooks: {
      beforeGet: async ({ metadata }) => ({ allowed: metadata?.packageName !== refused, reason: 'not today' }),
    },
  });
  await writer.putPom(gav('org.acme:tools:1.0'));
  const plugin = gav('org.acme.tools:hi-maven-plugin:1.0');
  await writer.put(pathOf(plugin, '.jar'), pluginJar(plugin, 'hi'));
  const path = '/maven/org/acme/tools/maven-metadata.xml';
  t.equal((await anon.get(path)).status, 200);
  refused = 'org.acme:tools';
  t.match(await anon.get(path), { status: 403, text: /not today/ });
});
