import t from 'tap';
import { droppedKeys } from '../../ts/core/storage/commit/helpers.dropped.js';
import { addFile, fileOf, namedKeys, remove, replacedKeys } from '../../ts/maven/helpers.document.js';
import { fileIn, keyIn, recordOf, timeIn } from '../../ts/maven/helpers.files.js';
import type { IMavenDocument, IMavenFile, IMavenVersion } from '../../ts/maven/interfaces.maven.js';
import { entryOf } from '../../ts/maven/wire/wire.metadata.js';
import { mavenWorld } from '../support/maven/actors.js';
import { ALGORITHMS, gav, hex, pathOf, textsIn } from '../support/maven/artifacts.js';
import { countParses } from '../support/turns.js';

const KEY = 'maven/metadata/org.acme/lib/metadata.json';
const STAMP = { id: '0b2f9a51-5a3c-4b8e-9f43-2d9f8f6d1c11', time: '2026-11-28T10:11:12.345Z' };

const digestsOf = (content: string) => Object.fromEntries(ALGORITHMS.map((one) => [one, hex(one, content)]));

const fileNamed = (file: string, version = '1.0', suffix = ''): IMavenFile => ({
  key: `maven/artifacts/org.acme/lib/${version}/${file}${suffix}`,
  size: 12,
  ...(digestsOf(file) as Record<(typeof ALGORITHMS)[number], string>),
  time: STAMP.time,
  writeId: STAMP.id,
});

const uploadOf = (version: string, file: string, suffix = '') => ({
  path: { group: 'org.acme', artifact: 'lib', version, file },
  placed: {
    key: `maven/artifacts/org.acme/lib/${version}/${file}${suffix}`,
    size: 1,
    digests: digestsOf(file + suffix),
    contentType: 'a/b',
  },
  allowRepublish: false,
});

t.test('a process that writes an artifact does not parse its document, whatever it does to it', async (t) => {
  const { writer } = await mavenWorld(t);
  const first = gav('org.acme:lib:1.0');
  await writer.putPom(first);
  await writer.versions(first); // makes the listing
  const parses = await countParses('"files"', async () => {
    for (const version of ['1.1', '1.2']) {
      const of = gav(`org.acme:lib:${version}`);
      t.equal((await writer.putPom(of)).status, 201);
      t.equal((await writer.put(`${pathOf(of, '.jar')}.sha1`, hex('sha1', 'a jar'))).status, 201);
      t.equal((await writer.put(pathOf(of, '.jar'), 'a jar')).status, 201);
      t.equal((await writer.get(pathOf(of, '.jar'))).text, 'a jar');
      t.ok((await writer.versions(of)).includes(version));
    }
    t.equal((await writer.get(`${pathOf(gav('org.acme:lib:1.1'), '.jar')}.sha512`)).text, hex('sha512', 'a jar'));
  });
  t.equal(parses, 0);
});

t.test('a file costs its document little more than its name and its digests', async (t) => {
  const { writer, registry } = await mavenWorld(t);
  const { store } = registry.getStorage();
  const of = gav('org.acme:lib:1.0');
  await writer.putPom(of);
  const sizeOf = async () => (await store.head(KEY))!.size;
  const before = await sizeOf();
  t.equal((await writer.put(pathOf(of, '.jar'), 'a jar')).status, 201);
  const name = 'lib-1.0.jar';
  const digests = 16 + 20 + 32 + 64;
  const grown = (await sizeOf()) - before - name.length - (digests * 4) / 3;
  t.ok(grown > 0 && grown <= 50, `${grown} bytes more`);
});

/** Versions of a document, with how often somebody has looked which files they have. */
const watched = (count: number) => {
  let looks = 0;
  const versions: Record<string, IMavenVersion> = {};
  for (let number = 0; number < count; number++) {
    const version = `1.${number}`;
    const { path } = uploadOf(version, `lib-${version}.jar`);
    const record = recordOf(path, fileNamed(path.file, version));
    const files = new Proxy<Record<string, string>>(
      { [path.file]: record },
      {
        ownKeys: (target) => {
          looks++;
          return Reflect.ownKeys(target);
        },
      },
    );
    versions[version] = { created: STAMP.time, files };
  }
  const document: IMavenDocument = {
    group: 'org.acme',
    artifact: 'lib',
    modified: STAMP.time,
    versions,
    deleted: {},
  };
  const looksIn = (work: () => void): number => {
    looks = 0;
    work();
    return looks;
  };
  return { document, looksIn };
};

t.test('an upload looks at the files of its own version only', async (t) => {
  const { document, looksIn } = watched(20);
  t.equal(
    looksIn(() => entryOf(document)),
    20,
    'once it looks at all',
  );
  const looks = looksIn(() => {
    const next = addFile(document, uploadOf('1.7', 'lib-1.7-sources.jar'), STAMP);
    t.same(replacedKeys(document, next, uploadOf('1.7', 'lib-1.7-sources.jar').path), []);
    t.match(entryOf(next), { latest: '1.19', versions: 20 });
  });
  t.ok(looks > 0 && looks <= 3, `${looks} looks`);
});

t.test('what an upload or a removal leaves behind is found among many versions', async (t) => {
  const removed = droppedKeys(namedKeys);
  const { document } = watched(3);
  const { path } = uploadOf('2-SNAPSHOT', 'lib-2-SNAPSHOT.jar');
  const snapshot = addFile(document, uploadOf(path.version, path.file), STAMP);
  const replaced = addFile(snapshot, uploadOf(path.version, path.file, `.${STAMP.id}`), STAMP);
  const layoutKey = 'maven/artifacts/org.acme/lib/2-SNAPSHOT/lib-2-SNAPSHOT.jar';
  for (const dropped of [removed, (...both: [IMavenDocument | null, IMavenDocument]) => replacedKeys(...both, path)]) {
    t.same(dropped(document, snapshot), []);
    t.same(dropped(snapshot, replaced), [layoutKey]);
    t.same(dropped(replaced, snapshot), [`${layoutKey}.${STAMP.id}`]);
    t.same(dropped(replaced, replaced), []);
    t.same(dropped(null, replaced), []);
  }
  const name = { group: 'org.acme', artifact: 'lib' };
  t.same(removed(replaced, remove(replaced, name, { version: '1.1' }, STAMP)), [
    'maven/artifacts/org.acme/lib/1.1/lib-1.1.jar',
  ]);
  const file = remove(replaced, name, { version: '1.2', file: 'lib-1.2.jar' }, STAMP);
  t.same(removed(replaced, file), ['maven/artifacts/org.acme/lib/1.2/lib-1.2.jar']);
  t.equal(removed(replaced, remove(replaced, name, 'all', STAMP)).length, 4);
  t.equal(removed(replaced, null).length, 4);
});

t.test('a record has all of its file, also of one with blanks in its name', async (t) => {
  for (const file of ['lib-1.0.jar', 'a b  c.txt', `x.${STAMP.id}`]) {
    for (const suffix of ['', `.${STAMP.id}`]) {
      const stored = fileNamed(file, '1.0', suffix);
      const { path } = uploadOf('1.0', file);
      const record = recordOf(path, stored);
      t.same(fileIn(path, record), stored);
      t.equal(keyIn(path, record), stored.key);
      t.equal(timeIn(record), stored.time);
    }
  }
});

t.test('the highest version of many is listed', async (t) => {
  const { document } = watched(12);
  t.match(entryOf(document), { latest: '1.11', release: '1.11', versions: 12 });
  const next = addFile(document, uploadOf('1.12-SNAPSHOT', 'lib-1.12-SNAPSHOT.jar'), STAMP);
  t.match(entryOf(next), { latest: '1.12-SNAPSHOT', release: '1.11', versions: 13 });
});

t.test('a document with files as objects is read, and written on', async (t) => {
  const { writer, registry, stored } = await mavenWorld(t);
  const of = gav('org.acme:lib:1-SNAPSHOT');
  const path = pathOf(of, '.jar');
  await writer.put(path, 'a jar');
  const storage = registry.getStorage();
  await storage.update<IMavenDocument>(KEY, (document) => {
    const file = 'lib-1-SNAPSHOT.jar';
    const files = { [file]: fileOf(document, { ...of, file })! };
    return { ...document!, versions: { [of.version]: { ...document!.versions[of.version]!, files } } };
  });
  const before = await stored();
  t.match(await writer.get(path), { status: 200, text: 'a jar' });
  t.equal((await writer.get(`${path}.md5`)).text, hex('md5', 'a jar'));
  t.match(textsIn(await writer.metadata(of), 'value'), ['1-SNAPSHOT']);
  t.match((await writer.get('/maven/-/artifacts/org.acme/lib')).json(), {
    versions: [{ files: [{ sha256: hex('sha256', 'a jar') }] }],
  });
  await registry.getRegistry('maven')!.sweepOrphans({ olderThanMs: 0 });
  t.same(await stored(), before, 'its file is no orphan');
  t.equal((await writer.put(path, 'a jar')).status, 201);
  t.equal((await writer.put(path, 'another')).status, 201);
  t.match(await writer.get(path), { status: 200, text: 'another' });
  t.equal((await stored()).length, before.length, 'the replaced file is deleted');
  const { value } = (await storage.read<IMavenDocument>(KEY))!;
  t.type(value.versions[of.version]!.files['lib-1-SNAPSHOT.jar'], 'string');
  t.match(fileOf(value, { version: of.version, file: 'lib-1-SNAPSHOT.jar' }), { sha1: hex('sha1', 'another') });
});
