import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { IStorageHookContext } from '../../ts/index.js';
import { mayBePlugin, watchJar } from '../../ts/maven/helpers.jars.js';
import { type IZipPart, zipOf } from '../support/archives/zips.js';
import { mavenWorld } from '../support/maven/actors.js';
import { folderOf, gav, hex, pathOf, pluginJar, pomOf, textsIn } from '../support/maven/artifacts.js';

const lib = gav('org.acme:lib:1.0');
const MIB = 1024 * 1024;

t.test('which file may be the jar of a plugin', async (t) => {
  const may = (file: string, version = '1.0') => mayBePlugin({ group: 'org.acme', artifact: 'lib', version, file });
  t.ok(may('lib-1.0.jar'));
  t.ok(may('lib-1.0-20261128.101112-1.jar', '1.0-SNAPSHOT'));
  for (const file of ['lib-1.0-sources.jar', 'lib-1.0.jar.asc', 'lib-1.0.zip', 'other-1.0.jar', 'lib-1.1.jar']) {
    t.notOk(may(file), file);
  }
});

const PLUGIN = gav('org.acme:hello-maven-plugin:1.0');
const DESCRIPTOR = 'META-INF/maven/plugin.xml';

const descriptor = (filler = ''): string =>
  `<plugin><!--${filler}--><groupId>org.acme</groupId><artifactId>hello-maven-plugin</artifactId><goalPrefix>hi</goalPrefix></plugin>`;

/** What is found in a jar that comes in chunks of this size. */
const watched = async (jar: Buffer, { chunk = 64 * 1024, most = 64 * MIB } = {}) => {
  const chunks = async function* () {
    for (let at = 0; at < jar.length; at += chunk) {
      yield jar.subarray(at, at + chunk);
      yield Buffer.alloc(0);
    }
  };
  const facts = {};
  const passed: Uint8Array[] = [];
  const path = { ...PLUGIN, file: 'hello-maven-plugin-1.0.jar' };
  for await (const piece of watchJar(chunks(), path, most, facts)) passed.push(piece);
  return { facts, isWhole: Buffer.concat(passed).equals(jar) };
};

t.test('the descriptor of a plugin is found in a jar, and the bytes stay the same', async (t) => {
  const own: IZipPart = { name: DESCRIPTOR, content: descriptor() };
  const full = (size: number) => descriptor('x'.repeat(size - descriptor().length));
  const class_ = { name: 'A.class', content: 'x'.repeat(5000) };
  const found = { plugin: { prefix: 'hi' } };
  const cases: [what: string, parts: IZipPart[], facts: object, options?: { chunk?: number; most?: number }][] = [
    ['alone', [own], found],
    ['byte by byte', [class_, own], found, { chunk: 1 }],
    ['among others', [{ name: 'META-INF/' }, class_, own, { name: 'B.class', content: 'y' }], found],
    ['stored', [{ ...own, stored: true }], found],
    ['behind a link that leads out', [{ name: 'link', content: '../../x', mode: 0o120777 }, own], found],
    ['behind a name in an old code page', [{ name: Buffer.from('\u00e4.class', 'latin1'), utf8: false }, own], found],
    // Maven stores any file; nobody but its user unpacks the rest
    ['beside a damaged file', [own, { name: 'B.class', content: 'y', packed: Buffer.from('z'), stored: true }], found],
    ['of the largest size', [{ name: DESCRIPTOR, content: full(2 * MIB) }], found],
    ['of a larger size', [{ name: DESCRIPTOR, content: full(2 * MIB + 1) }], {}],
    ['in another folder', [{ ...own, name: `x/${DESCRIPTOR}` }], {}],
    ['that is no XML', [{ ...own, content: 'x' }], {}],
    ['of another artifact', [{ ...own, content: descriptor().replace('hello-', 'other-') }], {}],
    ['in a jar that unpacks to too much', [class_, own], {}, { most: 4000 }],
    ['in a jar that unpacks to enough', [class_, own], found, { most: 6000 }],
  ];
  for (const [what, parts, facts, options] of cases) {
    t.same(await watched(zipOf(parts), options), { facts, isWhole: true }, what);
  }
  const cut = zipOf([own]).subarray(0, -1);
  t.same(await watched(cut), { facts: {}, isWhole: true }, 'a jar that is cut short');
});

t.test('whoever stops reading a jar ends its source', async (t) => {
  let isEnded = false;
  const source = async function* () {
    try {
      for (;;) yield pluginJar(PLUGIN, 'hi');
    } finally {
      isEnded = true;
    }
  };
  for await (const _ of watchJar(source(), { ...PLUGIN, file: 'x.jar' }, MIB, {})) break;
  t.ok(isEnded);
});

t.test('a plugin is told by its main jar only', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  for (const ending of ['-sources.jar', '.zip', '.jar.asc']) {
    t.equal((await writer.put(pathOf(PLUGIN, ending), pluginJar(PLUGIN, 'hi'))).status, 201, ending);
    t.equal((await anon.get('/maven/org/acme/maven-metadata.xml')).status, 404, ending);
  }
  const build = `${folderOf(PLUGIN)}/2.0-SNAPSHOT/hello-maven-plugin-2.0-20261128.101112-1.jar`;
  t.equal((await writer.put(build, pluginJar(PLUGIN, 'hi'))).status, 201);
  t.same(textsIn((await anon.get('/maven/org/acme/maven-metadata.xml')).text, 'prefix'), ['hi'], 'a build, too');
});

t.test('what a client is told of an upload', async (t) => {
  const { writer } = await mavenWorld(t);
  const jar = pathOf(lib, '.jar');
  t.match(await writer.put(jar, 'x'), { status: 201, text: 'lib-1.0.jar is published\n' });
  t.match(await writer.put(`${jar}.sha1`, hex('sha1', 'x')), { status: 201, text: 'lib-1.0.jar.sha1 is published\n' });
  t.match(await writer.put(`${folderOf(lib)}/maven-metadata.xml`, '<metadata/>'), {
    status: 201,
    text: 'The registry writes maven-metadata.xml and its checksums itself: what was sent is not used\n',
  });
  const part = { 'content-range': 'bytes 0-0/2' };
  for (const path of [jar, `${jar}.sha1`, pathOf(lib, '.pom')])
    t.equal((await writer.put(path, 'x', part)).status, 400);
});

t.test('which POM describes its version', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const shown = async () => ((await anon.get('/maven/-/artifacts/org.acme/lib')).json() as { name?: string }).name;
  const named = (name: string, of = lib) => pomOf(of, `<name>${name}</name>`);
  const other = gav('org.other:other:2.0');
  t.equal((await writer.put(pathOf(lib, '-build.pom'), named('Build', other))).status, 201, 'that of Maven 4');
  t.equal(await shown(), undefined);
  t.equal((await writer.put(`${folderOf(lib)}/1.0/odd.pom`, named('Odd'))).status, 201);
  t.equal(await shown(), undefined, 'a file of another name');
  t.equal((await writer.put(pathOf(lib, '.pom'), named('Own'))).status, 201);
  t.equal(await shown(), 'Own');
});

t.test('sizes at their limits', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const narrow = await mavenWorld(t, { limits: { maxArtifactSize: 1000 } });
  const jar = pathOf(lib, '.jar');
  t.equal((await narrow.writer.put(jar, 'x'.repeat(1001))).status, 413);
  t.equal((await narrow.writer.put(jar, 'x'.repeat(1000))).status, 201);
  t.equal((await writer.put(jar, 'x'.repeat(1000))).status, 201);
  const digest = hex('md5', 'x'.repeat(1000));
  const sidecar = (size: number) => writer.put(`${jar}.md5`, `${digest} ${'n'.repeat(size - digest.length - 1)}`);
  t.equal((await sidecar(4097)).status, 413);
  t.equal((await sidecar(4096)).status, 201);
  const pom = (size: number) => {
    const text = pomOf(lib);
    return writer.put(pathOf(lib, '.pom'), text.replace('</project>', `${' '.repeat(size - text.length)}</project>`));
  };
  t.equal((await pom(4 * MIB + 1)).status, 413);
  t.equal((await pom(4 * MIB)).status, 201);
  for (const name of ['maven-metadata.xml', 'maven-metadata.xml.asc']) {
    const path = `${folderOf(lib)}/${name}`;
    t.equal((await writer.put(path, Buffer.alloc(4 * MIB + 1, ' '))).status, 413, name);
    t.equal((await writer.put(path, Buffer.alloc(4 * MIB, ' '))).status, 201, name);
  }
  t.same(await anon.versions(lib), ['1.0']);
});

t.test('a file that comes compressed is stored as it is', async (t) => {
  const { anon, writer } = await mavenWorld(t);
  const packed = gzipSync('x'.repeat(10_000));
  const headers = { 'content-encoding': 'gzip', 'content-length': String(packed.length) };
  const jar = pathOf(lib, '.jar');
  t.equal((await writer.put(jar, packed, headers)).status, 201);
  t.equal((await anon.get(jar)).text, 'x'.repeat(10_000));
});

t.test('hooks are told of which file of which version an upload is', async (t) => {
  const calls: IStorageHookContext[] = [];
  const { writer, admin } = await mavenWorld(t, {
    storageHooks: {
      beforePut: async (context) => {
        calls.push(context);
        return { allowed: true };
      },
      beforeDelete: async (context) => {
        calls.push(context);
        return { allowed: true };
      },
    },
  });
  const key = 'maven/artifacts/org.acme/lib/1.0/lib-1.0.jar';
  const told = () =>
    calls
      .splice(0)
      .filter(({ metadata }) => metadata?.kind === 'artifact')
      .map(({ operation, key, metadata }) => [operation, key, metadata?.packageName, metadata?.version]);
  await writer.put(pathOf(lib, '.jar'), 'x');
  for (const one of told()) t.same(one.slice(1), [key, 'org.acme:lib', '1.0']);
  await admin.delete(pathOf(lib, '.jar'));
  const gone = told();
  t.ok(gone.length > 0);
  for (const one of gone) t.same(one.slice(1), [key, 'org.acme:lib', '1.0']);
});

t.test('hooks are told of what is read', async (t) => {
  const seen: IStorageHookContext[] = [];
  const { anon, writer } = await mavenWorld(t, {
    storageHooks: {
      beforeGet: async (context) => {
        seen.push(context);
        return { allowed: true };
      },
    },
  });
  await writer.put(pathOf(lib, '.jar'), 'content');
  const version = { packageName: 'org.acme:lib', version: '1.0' };
  const jar = { size: 7, digest: `sha256:${hex('sha256', 'content')}`, contentType: 'application/java-archive' };
  const text = 'text/plain; charset=utf-8';
  const xml = 'text/xml; charset=utf-8';
  for (const [path, about] of [
    [pathOf(lib, '.jar'), { ...version, kind: 'artifact', ...jar }],
    [pathOf(lib, '.jar.md5'), { ...version, kind: 'document', contentType: text }],
    [`${folderOf(lib)}/maven-metadata.xml`, { packageName: 'org.acme:lib', kind: 'document', contentType: xml }],
    [
      '/maven/-/artifacts/org.acme/lib',
      { packageName: 'org.acme:lib', kind: 'document', contentType: 'application/json' },
    ],
    ['/maven/-/artifacts/org.acme/lib/1.0', { ...version, kind: 'document', contentType: 'application/json' }],
  ] as const) {
    seen.length = 0;
    t.equal((await anon.get(path)).status, 200, path);
    t.match(seen[0]?.metadata, about, path);
  }
});
