import t from 'tap';
import {
  addFile,
  assertTakesUploads,
  existing,
  fileOf,
  isEmpty,
  removeFiles,
  selectFiles,
  setStatus,
  statusOf,
  type TNewFile,
  wereRemovedBy,
  written,
  yankFiles,
} from '../../ts/pypi/helpers.document.js';
import { keysOfFile, namedKeys, orphanSweep } from '../../ts/pypi/helpers.orphans.js';
import type { IPypiDocument, IPypiFile } from '../../ts/pypi/interfaces.pypi.js';
import {
  attestationsKey,
  documentKey,
  documentNameOf,
  fileKey,
  metadataKey,
  ownerOf,
} from '../../ts/pypi/keys.pypi.js';
import { filesOfVersion, groupByVersion } from '../../ts/pypi/wire/wire.files.js';
import { refusal } from '../support/npm/packages.js';

const at = (second: number): string => `2026-01-01T00:00:${second}.500Z`;
const stamp = (second: number) => ({ id: `write-${second}`, time: at(second) }) as never;
const newFile = (filename: string, version: string, sha256 = `sha of ${filename}`): TNewFile => ({
  filename,
  version,
  packagetype: filename.endsWith('.whl') ? 'bdist_wheel' : 'sdist',
  pythonVersion: 'x',
  key: `key of ${filename}`,
  size: 7,
  sha256,
  md5: 'x',
  metadata: { key: `metadata of ${filename}`, size: 1, sha256: 'x' },
});
const WHEEL = 'demo-1.0-py3-none-any.whl';
const added = (
  current: IPypiDocument | null,
  [filename, version, sha256]: [string, string, string?],
  second: number,
  { name = 'Demo', allowRepublish = false } = {},
): IPypiDocument =>
  addFile(current, newFile(filename, version, sha256), { project: 'demo', name, allowRepublish }, stamp(second));

t.test('a file in the document of its project', async (t) => {
  const first = added(null, [WHEEL, '1.0'], 10);
  const file = { ...newFile(WHEEL, '1.0'), uploadTime: at(10), writeId: 'write-10' };
  t.same(first, { name: 'Demo', serial: 1, modified: at(10), files: { [WHEEL]: file }, deleted: {} });
  const both = added(first, ['demo-1.0.tar.gz', '1.0'], 20, { name: 'DEMO' });
  t.match(both, { name: 'Demo', serial: 2, modified: at(20) }, 'the first spelling stays');
  t.same(Object.keys(both.files), [WHEEL, 'demo-1.0.tar.gz']);
  t.equal(both.files[WHEEL], first.files[WHEEL]);
  t.match(added(both, ['demo-2.0.zip', '2.0'], 15), { serial: 3, modified: at(21) }, 'a second later at least');
  t.equal(added(both, [WHEEL, '1.0'], 30), both, 'the same file again');
  for (const [filename, version, message] of [
    [WHEEL, '1.0', /^File already exists: demo-1\.0-py3-none-any\.whl\. Its content differs, and a file of an index/],
    ['Demo-1.0.0-py3-none-any.whl', '1.0.0', /^File already exists: .*\. It is there under the name demo-1\.0-py3-/],
    ['demo-1.0.zip', '1.0', /It is there under the name demo-1\.0\.tar\.gz\.$/],
  ] as const) {
    const other = () => added(both, [filename, version, 'other'], 30, { allowRepublish: true });
    t.throws(other, refusal('alreadyExists', { status: 400, message }), filename);
  }
});

t.test('names that were used', async (t) => {
  const both = added(added(null, [WHEEL, '1.0'], 10), ['demo-1.0.tar.gz', '1.0'], 20);
  const gone = removeFiles(both, [both.files[WHEEL] as IPypiFile], stamp(30));
  t.match(gone, { serial: 3, modified: at(30) });
  t.same(Object.keys(gone.files), ['demo-1.0.tar.gz']);
  t.same(gone.deleted, { [WHEEL]: { identity: 'wheel 1 py3 none any', time: at(30) } });
  t.ok(wereRemovedBy(gone, [WHEEL], stamp(30)));
  t.notOk(wereRemovedBy(gone, [WHEEL], stamp(31)), 'by another write');
  t.notOk(wereRemovedBy(gone, [WHEEL, 'demo-1.0.tar.gz'], stamp(30)), 'all of them');
  t.notOk(wereRemovedBy(gone, ['toString'], { time: undefined } as never));
  for (const filename of [WHEEL, 'demo-1.0.0-py3-none-any.whl']) {
    const message = `The file name ${filename} was used by a file that was deleted, and cannot be used again: use another version`;
    t.throws(() => added(gone, [filename, '1.0'], 40), refusal('alreadyExists', { status: 400, message }));
  }
  t.match(added(gone, ['demo-1.0-1-py3-none-any.whl', '1.0'], 40), { serial: 4 }, 'another build');
  const again = added(gone, [WHEEL, '1.0', 'other'], 40, { allowRepublish: true });
  t.same(again.deleted, {});
  t.match(again.files[WHEEL], { sha256: 'other', uploadTime: at(40) });
  const empty = removeFiles(gone, Object.values(gone.files), stamp(40));
  t.same([isEmpty(both), isEmpty(empty)], [false, true]);
  t.equal(added(empty, ['demo-2.0.zip', '2.0'], 50, { name: 'DEMO' }).name, 'DEMO', 'the name of a new beginning');
  t.equal(existing(gone, 'demo'), gone);
  for (const none of [empty, null, undefined]) {
    t.throws(() => existing(none, 'demo'), refusal('notFound', { message: 'demo is not in this registry' }));
  }
  t.equal(written(empty, 'demo'), empty);
  t.throws(() => written(null, 'demo'), refusal('internal', { message: 'The document of demo is gone' }));
});

t.test('files that a change is for', async (t) => {
  const all = [
    [WHEEL, '1.0'],
    ['demo-1.0.tar.gz', '1.0.0'],
    ['demo-2.0.zip', '2.0'],
  ].reduce((document, file, n) => added(document, file as [string, string], 10 + n), null as IPypiDocument | null);
  const document = all as IPypiDocument;
  const names = (files: IPypiFile[]) => files.map(({ filename }) => filename);
  t.same(names(selectFiles(document, 'demo', 'all')), [WHEEL, 'demo-1.0.tar.gz', 'demo-2.0.zip']);
  t.same(names(selectFiles(document, 'demo', { filename: WHEEL })), [WHEEL]);
  t.same(names(selectFiles(document, 'demo', { version: 'v1' })), [WHEEL, 'demo-1.0.tar.gz']);
  for (const [selection, message] of [
    [{ filename: 'toString' }, 'The project demo has no file toString'],
    [{ filename: 'x'.repeat(301) }, `The project demo has no file ${'x'.repeat(300)}`],
    [{ version: '3.0' }, 'The project demo has no version 3.0'],
    [{ version: 'x'.repeat(301) }, `The project demo has no version ${'x'.repeat(300)}`],
  ] as const) {
    t.throws(() => selectFiles(document, 'demo', selection), refusal('notFound', { message }));
  }
  const none = removeFiles(document, Object.values(document.files), stamp(20));
  t.throws(() => selectFiles(none, 'demo', 'all'), refusal('notFound', { message: 'demo is not in this registry' }));
  t.same([fileOf(document, WHEEL)?.filename, fileOf(document, 'toString'), fileOf(null, WHEEL)], [WHEEL, null, null]);
  const files = Object.values(document.files);
  t.same(filesOfVersion(files, 'no version'), []);
  t.same(groupByVersion(files).map(names), [[WHEEL, 'demo-1.0.tar.gz'], ['demo-2.0.zip']]);
});

t.test('yanks', async (t) => {
  const both = added(added(null, [WHEEL, '1.0'], 10), ['demo-1.0.tar.gz', '1.0'], 20);
  const [one, two] = Object.values(both.files) as [IPypiFile, IPypiFile];
  const part = yankFiles(both, [one], '', stamp(30));
  t.same(part, { ...both, serial: 3, modified: at(30), files: { ...both.files, [WHEEL]: { ...one, yanked: '' } } });
  t.equal(yankFiles(part, [part.files[WHEEL] as IPypiFile], '', stamp(40)), part, 'nothing changes');
  const whole = yankFiles(part, Object.values(part.files), 'broken', stamp(40));
  t.match(whole, { serial: 4, files: { [WHEEL]: { yanked: 'broken' }, 'demo-1.0.tar.gz': { yanked: 'broken' } } });
  const build = ['demo-1.0-1-py3-none-any.whl', '1.0'] as [string, string];
  t.equal(added(whole, build, 50).files[build[0]]?.yanked, 'broken', 'a file that comes later');
  t.notOk('yanked' in (added(part, build, 50).files[build[0]] as object));
  t.notOk('yanked' in (added(whole, ['demo-2.0.zip', '2.0'], 50).files['demo-2.0.zip'] as object));
  const back = yankFiles(whole, Object.values(whole.files), undefined, stamp(50));
  t.same(Object.values(back.files), [one, two]);
  t.equal(yankFiles(back, Object.values(back.files), undefined, stamp(55)), back);
});

t.test('statuses', async (t) => {
  const active = added(null, [WHEEL, '1.0'], 10);
  t.same([statusOf(active), statusOf(null)], [{ status: 'active' }, { status: 'active' }]);
  t.equal(setStatus(active, { status: 'active' }, stamp(20)), active);
  const archived = setStatus(active, { status: 'archived', reason: 'done' }, stamp(20));
  t.same(archived, { ...active, serial: 2, modified: at(20), status: { status: 'archived', reason: 'done' } });
  t.equal(setStatus(archived, { status: 'archived', reason: 'done' }, stamp(30)), archived);
  t.same(setStatus(archived, { status: 'archived', reason: 'x' }, stamp(30)).status, {
    status: 'archived',
    reason: 'x',
  });
  const bare = setStatus(archived, { status: 'quarantined' }, stamp(30));
  t.same(bare.status, { status: 'quarantined' });
  t.notOk('status' in setStatus(archived, { status: 'active' }, stamp(30)));
  for (const [document, message] of [
    [archived, 'The project demo is archived and takes no uploads: done'],
    [bare, 'The project demo is quarantined and takes no uploads'],
  ] as const) {
    t.throws(() => assertTakesUploads(document, 'demo'), refusal('forbidden', { message }));
    t.throws(() => added(document, ['demo-2.0.zip', '2.0'], 40), refusal('forbidden', { message }));
    t.equal(added(document, [WHEEL, '1.0'], 40), document, 'a repetition is no upload');
  }
  for (const document of [null, active, setStatus(active, { status: 'deprecated' }, stamp(30))]) {
    t.doesNotThrow(() => assertTakesUploads(document, 'demo'));
  }
});

t.test('a key tells its project, and a file its keys', async (t) => {
  t.equal(documentKey('demo'), 'pypi/metadata/demo/metadata.json');
  t.equal(fileKey('demo', 'x.whl'), 'pypi/packages/demo/x.whl');
  t.equal(metadataKey('demo', 'x.whl'), 'pypi/packages/demo/x.whl.metadata');
  t.equal(attestationsKey('demo', 'x.whl'), 'pypi/packages/demo/x.whl.attestations');
  for (const project of ['demo', 'a', 'metadata-json', 'foo-bar']) {
    t.equal(documentNameOf(documentKey(project)), project);
    for (const key of [fileKey, metadataKey, attestationsKey])
      t.equal(ownerOf(key(project, 'x')), documentKey(project));
    t.equal(orphanSweep.ownerOf(fileKey(project, 'x')), documentKey(project));
  }
  for (const key of [
    'pypi/metadata/demo/other.json',
    'pypi/metadata/demo/x/y.json',
    'pypi/packages/demo/metadata.json',
  ]) {
    t.equal(documentNameOf(key), undefined, key);
  }
  const document = added(added(null, [WHEEL, '1.0'], 10), ['demo-2.0.zip', '2.0'], 20);
  const [wheel, zip] = Object.values(document.files) as [IPypiFile, IPypiFile];
  const keys = [`key of ${WHEEL}`, `metadata of ${WHEEL}`];
  t.same(keysOfFile(wheel), keys);
  t.same(keysOfFile({ ...wheel, attestations: { key: 'a', size: 1, sha256: 'x' } }), [...keys, 'a']);
  t.same(namedKeys(document), [...keys, ...keysOfFile(zip)]);
});
