import t from 'tap';
import { inspectDistribution } from '../../ts/pypi/helpers.distribution.js';
import type { IInspectedFile } from '../../ts/pypi/interfaces.pypi.js';
import { parseFileName } from '../../ts/pypi/wire/wire.filenames.js';
import { type ITarPart, tarGzOf } from '../support/archives/tars.js';
import { type IZipPart, zipOf } from '../support/archives/zips.js';
import { refusal } from '../support/npm/packages.js';
import { metadataOf } from '../support/pypi/distributions.js';

const LIMIT = 4 * 1024 * 1024;

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 70_000) yield bytes.subarray(at, at + 70_000);
}

const inspected = async (filename: string, bytes: Buffer, maxUnpackedSize = 100_000_000): Promise<IInspectedFile> => {
  const found: IInspectedFile[] = [];
  const passed: Uint8Array[] = [];
  const checked = inspectDistribution(parseFileName(filename), chunks(bytes), { maxUnpackedSize }, (one) =>
    found.push(one),
  );
  for await (const chunk of checked) passed.push(chunk);
  if (!Buffer.concat(passed).equals(bytes) || found.length !== 1) throw new Error('it did not pass unchanged');
  return found[0] as IInspectedFile;
};

const WHEEL = 'Foo.Bar-1.0-py3-none-any.whl';
const text = metadataOf('foo-bar', '1.0');
const wheelOf = (folder: string, ...more: IZipPart[]): Buffer =>
  zipOf([
    { name: `${folder}/METADATA`, content: text },
    { name: `${folder}/WHEEL`, content: 'x' },
    { name: `${folder}/RECORD`, content: '' },
    ...more,
  ]);
const wheel = (...more: IZipPart[]): Buffer => wheelOf('foo_bar-1.0.dist-info', ...more);
/** metadata of exactly this length */
const sized = (length: number): string => `${text}\n`.padEnd(length, 'x');

t.test('a wheel: its folder may be spelled in another way', async (t) => {
  for (const folder of ['foo_bar-1.0.dist-info', 'Foo.Bar-1.0.0.dist-info', 'FOO-BAR-v1.dist-info']) {
    const { name, version, bytes } = await inspected(WHEEL, wheelOf(folder));
    t.same([name, version, Buffer.from(bytes).toString()], ['foo-bar', '1.0', text], folder);
  }
  for (const folder of ['foo_bar-1.1.dist-info', 'foobar-1.0.dist-info', 'foo_bar.dist-info', '-1.0.dist-info']) {
    const message = `The wheel ${WHEEL} has the folder ${folder}, which is that of another wheel`;
    await t.rejects(inspected(WHEEL, wheelOf(folder)), refusal('invalid', { message }));
  }
});

t.test('a wheel: what is beside its metadata, and what is refused', async (t) => {
  const folder = 'foo_bar-1.0.dist-info';
  const beside = wheel(
    { name: `x/y-2.0.dist-info/METADATA`, content: 'x' },
    { name: 'x.dist-info.txt', content: 'x' },
    { name: `${folder}/METADATA.txt`, content: 'x' },
    { name: `${folder}/licenses/METADATA`, content: 'x' },
  );
  t.match(await inspected(WHEEL, beside), { version: '1.0' });
  const without = (name: string, ...more: IZipPart[]) =>
    zipOf([
      ...['METADATA', 'WHEEL', 'RECORD']
        .filter((one) => one !== name)
        .map((one) => ({ name: `${folder}/${one}`, content: text })),
      ...more,
    ]);
  const cases: [what: Buffer, message: RegExp][] = [
    [without('METADATA'), /^The wheel has no \.dist-info\/METADATA$/],
    [without('WHEEL'), /^The wheel has no \.dist-info\/WHEEL$/],
    [without('RECORD'), /^The wheel has no \.dist-info\/RECORD$/],
    [without('RECORD', { name: `${folder}/RECORD/`, content: '' }), /^The wheel has no \.dist-info\/RECORD$/],
    [
      wheel({ name: 'x-2.dist-info/WHEEL', content: 'x' }),
      /^The wheel has two \.dist-info folders: x-2\.dist-info too$/,
    ],
    [wheel({ name: 'x-2.dist-info/', content: '' }), /two \.dist-info folders: x-2\.dist-info too$/],
    [wheel({ name: 'Foo_Bar-1.0.dist-info/x', content: 'x' }), /two \.dist-info folders/],
    [wheel({ name: 'foo_bar-1.0.DIST-INFO/x', content: 'x' }), /two \.dist-info folders/],
    [wheel({ name: 'x-2.dist-info/METADATA', content: 'x' }), /^The wheel has more than one \.dist-info\/METADATA$/],
    [wheel({ name: `${folder}/metadata`, content: 'x' }), /whose name is in the wrong case$/],
    [wheel({ name: 'FOO_BAR-1.0.DIST-INFO/METADATA', content: 'x' }), /whose name is in the wrong case$/],
    [wheel({ name: 'l', content: 'x', mode: 0o120777 }), /^The wheel /],
    [wheel({ name: Buffer.from('caf\xe9', 'latin1'), content: 'x', utf8: false }), /^The wheel /],
  ];
  for (const [bytes, message] of cases) await t.rejects(inspected(WHEEL, bytes), refusal('invalid', { message }));
  await t.rejects(inspected(WHEEL, wheel(), 20), refusal('tooLarge'));
});

t.test('metadata have 4 MiB at most', async (t) => {
  const of = (content: string) =>
    zipOf(['METADATA', 'WHEEL', 'RECORD'].map((name) => ({ name: `foo_bar-1.0.dist-info/${name}`, content })));
  t.equal((await inspected(WHEEL, of(sized(LIMIT)))).bytes.length, LIMIT);
  await t.rejects(inspected(WHEEL, of(sized(LIMIT + 1))), refusal('invalid'));
  const sdist = (content: string) => tarGzOf({ name: 'foo-bar-1.0/PKG-INFO', content });
  t.equal((await inspected('foo-bar-1.0.tar.gz', sdist(sized(LIMIT)))).bytes.length, LIMIT);
  await t.rejects(inspected('foo-bar-1.0.tar.gz', sdist(sized(LIMIT + 1))), refusal('invalid'));
});

t.test('an sdist: what is beside its metadata, and what is refused', async (t) => {
  const info = { name: 'any-folder/PKG-INFO', content: text };
  const beside = { name: 'any-folder/foo_bar.egg-info/PKG-INFO', content: metadataOf('other', '9') };
  const tar = (...parts: ITarPart[]) => inspected('foo-bar-1.0.tar.gz', tarGzOf(...parts));
  const zip = (...parts: IZipPart[]) => inspected('foo-bar-1.0.zip', zipOf(parts));
  const link = { name: 'any-folder/l', type: '2', linkname: 'PKG-INFO' };
  t.match(await tar(info, beside, link), { name: 'foo-bar', version: '1.0' }, 'a link inside');
  const old = { name: Buffer.from('any-folder/caf\xe9', 'latin1'), content: 'x', utf8: false };
  t.match(await zip(info, beside, old), { name: 'foo-bar', version: '1.0' });
  const wrongCase = { name: 'any-folder/pkg-info', content: 'x' };
  const cases: [inspect: () => Promise<unknown>, message: RegExp][] = [
    [() => tar(beside), /^The sdist has no PKG-INFO in its folder$/],
    [() => zip(beside), /^The sdist has no PKG-INFO in its folder$/],
    [() => tar(info, wrongCase), /^The file has any-folder\/pkg-info, whose name is in the wrong case$/],
    [() => zip(info, wrongCase), /^The file has any-folder\/pkg-info, whose name is in the wrong case$/],
    [() => tar(info, { name: 'other/x' }), /^The sdist /],
    [() => zip(info, { name: 'other/x', content: '' }), /^The sdist /],
    [() => tar(info, { ...link, linkname: '../../x' }), /^The sdist /],
    [() => zip(info, { name: 'any-folder/l', content: 'x', mode: 0o120777 }), /^The sdist /],
    [() => tar(info, { name: 'any-folder/d', type: '3' }), /^The sdist /],
    [() => tar({ ...info, content: 'Name: x\n' }), /^PKG-INFO has no field Metadata-Version$/],
  ];
  for (const [inspect, message] of cases) await t.rejects(inspect(), refusal('invalid', { message }));
  await t.rejects(inspected('foo-bar-1.0.tar.gz', tarGzOf(info), 20), refusal('tooLarge'));
  await t.rejects(inspected('foo-bar-1.0.zip', zipOf([info]), 20), refusal('tooLarge'));
});

t.test('every file of a zip is what its header says', async (t) => {
  const lie: IZipPart = { name: 'x', content: 'one', packed: Buffer.from('two'), stored: true };
  const info = { name: 'any-folder/PKG-INFO', content: text };
  await t.rejects(inspected(WHEEL, wheel(lie)), refusal('invalid', { message: 'The wheel has a damaged x' }));
  const sdist = zipOf([info, { ...lie, name: 'any-folder/x' }]);
  const message = 'The sdist has a damaged any-folder/x';
  await t.rejects(inspected('foo-bar-1.0.zip', sdist), refusal('invalid', { message }));
});

t.test('an archive unpacks to 50 times its size at most, once it is large', async (t) => {
  const ratio = refusal('tooLarge', { message: /unpacks to more than 50 times its size/ });
  const zeros = (name: string, mebibytes: number) => ({ name, content: Buffer.alloc(mebibytes * 1024 * 1024) });
  t.ok(await inspected(WHEEL, wheel(zeros('x', 63))));
  await t.rejects(inspected(WHEEL, wheel(zeros('x', 65))), ratio);
  const info = { name: 'any-folder/PKG-INFO', content: text };
  await t.rejects(inspected('foo-bar-1.0.zip', zipOf([info, zeros('any-folder/x', 65)])), ratio);
  await t.rejects(inspected('foo-bar-1.0.tar.gz', tarGzOf(info, zeros('any-folder/x', 65))), ratio);
});
