import t from 'tap';
import type { IPlacedArtifact } from '../../ts/core/storage/commit/interfaces.plans.js';
import { labelOf } from '../../ts/maven/helpers.changes.js';
import {
  addFile,
  assertAnnounced,
  digestsOf,
  expectDigest,
  fileOf,
  type IUpload,
  isEmpty,
  namedKeys,
  remove,
  suggestPlugin,
  type TSelection,
  versionOf,
  versionsOf,
  wasRemovedBy,
} from '../../ts/maven/helpers.document.js';
import { recordOf } from '../../ts/maven/helpers.files.js';
import type { IMavenDocument, IMavenFile } from '../../ts/maven/interfaces.maven.js';
import { fileKey } from '../../ts/maven/keys.maven.js';
import type { IPom } from '../../ts/maven/wire/wire.pom.js';
import { ALGORITHMS, hex } from '../support/maven/artifacts.js';
import { stampOf, writeIdOf } from '../support/stamps.js';

const lib = { group: 'org.acme', artifact: 'lib' };
const digests = (content: string) =>
  Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, hex(algorithm, content)]));

const at = (version: string, file: string) => ({ ...lib, version, file });

/** The key of a file with this content: one of its own, beside the layout key. */
const keyAt = (version: string, file: string, content: string) => `${fileKey(at(version, file))}.${content}`;

const placed = (version: string, file: string, content: string): IPlacedArtifact => ({
  key: keyAt(version, file, content),
  size: content.length,
  digests: digests(content),
  contentType: 'x/y',
});

type TMore = Partial<Pick<IUpload, 'pom' | 'plugin' | 'allowRepublish'>>;

/** The document after an upload by the write with this number. */
const add = (
  current: IMavenDocument | null,
  number: number,
  [version, file, content]: [version: string, file: string, content: string],
  more: TMore = {},
): IMavenDocument =>
  addFile(
    current,
    { path: at(version, file), placed: placed(version, file, content), allowRepublish: false, ...more },
    stampOf(number),
  );

const expect = (current: IMavenDocument | null, number: number, version: string, file: string, digest: string) =>
  expectDigest(current, at(version, `${file}.sha1`), { file, algorithm: 'sha1' }, digest, stampOf(number));

const take = (current: IMavenDocument | null, number: number, selection: TSelection): IMavenDocument =>
  remove(current, lib, selection, stampOf(number));

const pomOf = (more: Partial<IPom> = {}): IPom => ({
  groupId: 'org.acme',
  artifactId: 'lib',
  version: '1.0',
  packaging: 'jar',
  ...more,
});

const namesIn = (document: IMavenDocument) => versionsOf(document).map(({ version }) => version);

t.test('the first file makes the document, and is recorded whole', async (t) => {
  const one = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  const key = keyAt('1.0', 'lib-1.0.jar', 'a');
  const file = { key, size: 1, ...digests('a'), time: stampOf(1).time, writeId: writeIdOf(1) };
  t.same(one, {
    ...lib,
    modified: stampOf(1).time,
    versions: {
      '1.0': {
        created: stampOf(1).time,
        files: { 'lib-1.0.jar': recordOf(at('1.0', 'lib-1.0.jar'), file as IMavenFile) },
      },
    },
    deleted: {},
  });
  t.same(fileOf(one, at('1.0', 'lib-1.0.jar')), file);
  t.same(digestsOf(fileOf(one, at('1.0', 'lib-1.0.jar'))!), digests('a'));
  t.same(namedKeys(add(one, 2, ['1.0', 'lib-1.0.pom', 'b'])), [key, keyAt('1.0', 'lib-1.0.pom', 'b')]);
});

t.test('more files are added, and the time of the version stays', async (t) => {
  const one = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  const two = add(one, 2, ['1.0', 'lib-1.0.pom', 'b']);
  const three = add(two, 3, ['1.1', 'lib-1.1.pom', 'c']);
  t.same(namesIn(three), ['1.0', '1.1']);
  t.same(Object.keys(three.versions['1.0']!.files), ['lib-1.0.jar', 'lib-1.0.pom']);
  t.equal(three.versions['1.0']!.created, stampOf(1).time);
  t.equal(three.versions['1.1']!.created, stampOf(3).time);
  t.equal(three.modified, stampOf(3).time);
  const late = add(three, 2, ['1.2', 'lib-1.2.pom', 'd']);
  t.equal(Date.parse(late.modified) - Date.parse(three.modified), 1000, 'a clock that is behind: it still grows');
});

t.test('the same bytes again change nothing, others of a release are refused', async (t) => {
  const one = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  t.equal(add(one, 2, ['1.0', 'lib-1.0.jar', 'a']), one);
  const again = (more: TMore = {}) => add(one, 2, ['1.0', 'lib-1.0.jar', 'b'], more);
  t.throws(again, { kind: 'alreadyExists', message: /^lib-1\.0\.jar of org\.acme:lib:1\.0 is published already/ });
  t.throws(
    () => again({ allowRepublish: true }),
    { kind: 'alreadyExists', message: /is published already/ },
    'not with allowRepublish either',
  );
  const snapshot = add(null, 1, ['1-SNAPSHOT', 'lib-1-SNAPSHOT.jar', 'a']);
  const replaced = add(snapshot, 2, ['1-SNAPSHOT', 'lib-1-SNAPSHOT.jar', 'b']);
  t.equal(
    fileOf(replaced, at('1-SNAPSHOT', 'lib-1-SNAPSHOT.jar'))?.key,
    keyAt('1-SNAPSHOT', 'lib-1-SNAPSHOT.jar', 'b'),
  );
  t.equal(replaced.versions['1-SNAPSHOT']!.created, stampOf(1).time);
});

t.test('names for prototypes are no versions and no files', async (t) => {
  const one = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
    t.equal(versionOf(one, name), null);
    t.equal(fileOf(one, { version: '1.0', file: name }), null);
    t.equal(fileOf(one, { version: name, file: 'name' }), null);
  }
  t.same(namesIn(add(one, 2, ['constructor', 'lib-constructor.jar', 'a'])), ['1.0', 'constructor']);
  t.equal(versionOf(null, '1.0'), null);
  t.equal(fileOf(undefined, at('1.0', 'x')), null);
});

t.test('a checksum that comes before its file', async (t) => {
  const [right, wrong] = [hex('sha1', 'a'), hex('sha1', 'b')];
  const waiting = expect(null, 1, '1.0', 'lib-1.0.jar', right);
  t.same(waiting.versions['1.0'], {
    created: stampOf(1).time,
    files: {},
    expected: { 'lib-1.0.jar': { sha1: right } },
  });
  t.ok(isEmpty(waiting), 'it makes no version');
  t.same(namesIn(waiting), []);
  t.equal(versionOf(waiting, '1.0'), null);
  t.equal(expect(waiting, 2, '1.0', 'lib-1.0.jar', right), waiting, 'again: nothing is written');
  const other = expect(waiting, 2, '1.0', 'lib-1.0.jar', wrong);
  t.same(other.versions['1.0']!.expected, { 'lib-1.0.jar': { sha1: wrong } }, 'the last one counts');
  const md5 = { file: 'lib-1.0.jar', algorithm: 'md5' } as const;
  const two = expectDigest(waiting, at('1.0', 'x'), md5, hex('md5', 'a'), stampOf(2));
  t.same(two.versions['1.0']!.expected, { 'lib-1.0.jar': { sha1: right, md5: hex('md5', 'a') } });
  t.throws(() => add(other, 3, ['1.0', 'lib-1.0.jar', 'a']), {
    kind: 'digestMismatch',
    message: 'The SHA-1 checksum that was uploaded before the file is not that of lib-1.0.jar',
  });
  const more = expect(two, 3, '1.0', 'lib-1.0.pom', right);
  t.same(Object.keys(more.versions['1.0']!.expected!), ['lib-1.0.jar', 'lib-1.0.pom']);
  const came = add(more, 4, ['1.0', 'lib-1.0.jar', 'a']);
  t.same(came.versions['1.0']!.expected, { 'lib-1.0.pom': { sha1: right } }, 'that of another file still waits');
  t.equal(came.versions['1.0']!.created, stampOf(4).time, 'a version begins with its first file');
  t.notOk('expected' in add(came, 5, ['1.0', 'lib-1.0.pom', 'a']).versions['1.0']!);
});

t.test('a checksum that comes after its file', async (t) => {
  const one = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  t.equal(expect(one, 2, '1.0', 'lib-1.0.jar', hex('sha1', 'a')), one);
  t.throws(() => expect(one, 2, '1.0', 'lib-1.0.jar', hex('sha1', 'b')), {
    kind: 'digestMismatch',
    message: 'The SHA-1 checksum that was uploaded is not that of lib-1.0.jar',
  });
  const waiting = expect(one, 2, '1.0', 'lib-1.0.pom', hex('sha1', 'b'));
  t.equal(waiting.modified, one.modified, 'readers see the same content, so its time is the same');
  t.same(waiting.versions['1.0']!.files, one.versions['1.0']!.files);
  const sha512 = { file: 'lib-1.0.jar', algorithm: 'sha512' } as const;
  t.throws(() => expectDigest(one, at('1.0', 'x'), sha512, '0', stampOf(2)), { message: /The SHA-512 checksum/ });
});

t.test('the digests that the headers of an upload announce', async (t) => {
  t.doesNotThrow(() => assertAnnounced('a.jar', digests('a') as never, {}));
  t.doesNotThrow(() => assertAnnounced('a.jar', digests('a') as never, digests('a')));
  for (const [algorithm, shown] of [
    ['md5', 'MD5'],
    ['sha1', 'SHA-1'],
    ['sha256', 'SHA-256'],
    ['sha512', 'SHA-512'],
  ] as const) {
    t.throws(() => assertAnnounced('a.jar', digests('a') as never, { [algorithm]: hex(algorithm, 'b') }), {
      kind: 'digestMismatch',
      message: `The ${shown} checksum in the headers of the request is not that of a.jar`,
    });
  }
});

t.test('a file that is removed', async (t) => {
  const one = add(add(null, 1, ['1.0', 'lib-1.0.jar', 'a']), 2, ['1.0', 'lib-1.0.pom', 'b']);
  const jar = { version: '1.0', file: 'lib-1.0.jar' };
  const gone = take(one, 3, jar);
  t.same(Object.keys(gone.versions['1.0']!.files), ['lib-1.0.pom']);
  t.same(gone.versions['1.0']!.deleted, { 'lib-1.0.jar': stampOf(3).time });
  t.equal(gone.modified, stampOf(3).time);
  t.throws(() => take(gone, 4, jar), {
    kind: 'notFound',
    message: 'lib-1.0.jar of org.acme:lib:1.0 is not in this registry',
  });
  t.throws(() => add(gone, 4, ['1.0', 'lib-1.0.jar', 'a']), { kind: 'alreadyExists', message: /was deleted/ });
  const other = add(gone, 4, ['1.0', 'lib-1.0-sources.jar', 'c']);
  t.same(other.versions['1.0']!.deleted, { 'lib-1.0.jar': stampOf(3).time }, 'which is still known after another one');
  const back = add(gone, 4, ['1.0', 'lib-1.0.jar', 'c'], { allowRepublish: true });
  t.equal(fileOf(back, jar)?.key, keyAt(jar.version, jar.file, 'c'));
  t.notOk('deleted' in back.versions['1.0']!);
  const last = take(gone, 4, { version: '1.0', file: 'lib-1.0.pom' });
  t.same(last.versions['1.0']!.deleted, { 'lib-1.0.jar': stampOf(3).time, 'lib-1.0.pom': stampOf(4).time });
  t.ok(isEmpty(last));
  const snapshot = add(null, 1, ['1-SNAPSHOT', 'lib-1-SNAPSHOT.jar', 'a']);
  const none = take(snapshot, 2, { version: '1-SNAPSHOT', file: 'lib-1-SNAPSHOT.jar' });
  t.same(none.versions['1-SNAPSHOT'], { created: stampOf(1).time, files: {} }, 'that of a SNAPSHOT may come again');
  t.equal(add(none, 5, ['1-SNAPSHOT', 'lib-1-SNAPSHOT.jar', 'a']).versions['1-SNAPSHOT']!.created, stampOf(5).time);
});

t.test('a version that is removed, and all of them', async (t) => {
  let document = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  document = add(document, 2, ['2.0', 'lib-2.0.jar', 'b']);
  document = add(document, 3, ['3-SNAPSHOT', 'lib-3-SNAPSHOT.jar', 'c']);
  const gone = take(document, 4, { version: '1.0' });
  t.same([namesIn(gone), gone.deleted], [['2.0', '3-SNAPSHOT'], { '1.0': stampOf(4).time }]);
  t.throws(() => take(gone, 5, { version: '1.0' }), { message: 'org.acme:lib:1.0 is not in this registry' });
  t.throws(() => add(gone, 5, ['1.0', 'lib-1.0-new.jar', 'a']), { kind: 'alreadyExists', message: /was deleted/ });
  const back = add(gone, 5, ['1.0', 'lib-1.0.jar', 'x'], { allowRepublish: true });
  t.same([namesIn(back), back.deleted], [['2.0', '3-SNAPSHOT', '1.0'], {}]);
  const all = take(gone, 5, 'all');
  t.same([all.versions, all.deleted], [{}, { '1.0': stampOf(4).time, '2.0': stampOf(5).time }]);
  for (const nothing of [all, null]) {
    t.throws(() => take(nothing, 6, 'all'), { kind: 'notFound', message: 'org.acme:lib is not in this registry' });
    t.throws(() => take(nothing, 6, { version: '2.0' }), { message: 'org.acme:lib is not in this registry' });
  }
  const waiting = expect(gone, 5, '4.0', 'lib-4.0.jar', '0'.repeat(40));
  t.throws(
    () => take(waiting, 6, { version: '4.0' }),
    { kind: 'notFound', message: /4\.0 is not in/ },
    'a version of which only checksums came',
  );
});

t.test('a removal is found again if its answer was lost', async (t) => {
  let document = add(null, 0, ['1.0', 'lib-1.0.jar', 'a']);
  for (let number = 1; number <= 33; number++) {
    document = add(document, number, [`1.${number}`, `lib-1.${number}.jar`, 'a']);
    document = take(document, number, { version: `1.${number}` });
  }
  t.ok(wasRemovedBy(document, stampOf(33)));
  t.ok(wasRemovedBy(document, stampOf(2)));
  t.notOk(wasRemovedBy(document, stampOf(1)), 'the last 32 are kept');
  t.notOk(wasRemovedBy(add(null, 1, ['1.0', 'lib-1.0.jar', 'a']), stampOf(1)));
});

t.test('what search shows is from the highest version whose POM was uploaded', async (t) => {
  const one = add(null, 1, ['1.10', 'lib-1.10.pom', 'a'], {
    pom: pomOf({ packaging: 'war', name: 'Ten', description: 'of ten' }),
  });
  t.same(one.about, { version: '1.10', packaging: 'war', name: 'Ten', description: 'of ten' });
  const older = add(one, 2, ['1.9', 'lib-1.9.pom', 'b'], { pom: pomOf({ name: 'Nine' }) });
  t.same(older.about, one.about);
  const newer = add(older, 3, ['1.11', 'lib-1.11.pom', 'c'], { pom: pomOf() });
  t.same(newer.about, { version: '1.11', packaging: 'jar' });
  t.same(add(newer, 4, ['1.12', 'lib-1.12.jar', 'd']).about, newer.about, 'a jar says nothing');
  t.equal(take(newer, 4, { version: '1.11' }).about, undefined, 'nor does a version that is gone');
  t.same(take(newer, 4, { version: '1.9' }).about, newer.about);
  const snapshot = add(null, 1, ['2-SNAPSHOT', 'lib-2-SNAPSHOT.pom', 'a'], { pom: pomOf({ name: 'Old' }) });
  const again = add(snapshot, 2, ['2-SNAPSHOT', 'lib-2-SNAPSHOT.pom', 'b'], { pom: pomOf({ name: 'New' }) });
  t.equal(again.about?.name, 'New', 'of the same version the last one');
});

t.test('the prefix of a plugin', async (t) => {
  const one = add(null, 1, ['1.10', 'lib-1.10.jar', 'a'], { plugin: { prefix: 'ten', name: 'Ten' } });
  t.same(one.plugin, { prefix: 'ten', name: 'Ten', version: '1.10' });
  const older = add(one, 2, ['1.9', 'lib-1.9.jar', 'b'], { plugin: { prefix: 'nine' } });
  t.same(older.plugin, one.plugin);
  t.same(add(one, 2, ['1.11', 'lib-1.11.jar', 'b'], { plugin: { prefix: 'eleven' } }).plugin, {
    prefix: 'eleven',
    version: '1.11',
  });
  const without = take(older, 3, { version: '1.10' });
  t.same(without.plugin, one.plugin, 'it stays with the artifact');
  t.equal(add(without, 4, ['1.8', 'lib-1.8.jar', 'c'], { plugin: { prefix: 'eight' } }).plugin?.prefix, 'eight');
  t.equal(take(one, 3, 'all').plugin, undefined);
  t.equal(take(one, 3, { version: '1.10', file: 'lib-1.10.jar' }).plugin, undefined);
  const plain = add(null, 1, ['1.0', 'lib-1.0.jar', 'a']);
  const suggested = suggestPlugin(plain, { prefix: 'said' }, stampOf(2));
  t.same([suggested?.plugin, suggested?.modified], [{ prefix: 'said' }, stampOf(2).time]);
  t.equal(suggestPlugin(suggested, { prefix: 'other' }, stampOf(3)), suggested, 'the first one that was said');
  t.equal(add(suggested, 3, ['0.9', 'lib-0.9.jar', 'b'], { plugin: { prefix: 'jar' } }).plugin?.prefix, 'jar');
  const empty = take(plain, 2, 'all');
  for (const nothing of [null, empty]) t.equal(suggestPlugin(nothing, { prefix: 'said' }, stampOf(3)), nothing);
});

t.test('what is deleted is named as people write it', async (t) => {
  t.equal(labelOf(lib, 'all'), 'org.acme:lib');
  t.equal(labelOf(lib, { version: '1.0' }), 'org.acme:lib:1.0');
  t.equal(labelOf(lib, { version: '1.0', file: 'lib-1.0.jar' }), 'lib-1.0.jar of org.acme:lib:1.0');
});
