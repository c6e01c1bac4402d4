import t from 'tap';
import { fileIdentity, isFileNameOf, parseFileName } from '../../ts/pypi/wire/wire.filenames.js';
import { assertNewName, assertReadableName, normalizeName } from '../../ts/pypi/wire/wire.names.js';
import { refusal } from '../support/npm/packages.js';

t.test('all spellings of a name are one project', async (t) => {
  for (const name of [
    'friendly-bard',
    'Friendly-Bard',
    'FRIENDLY-BARD',
    'friendly.bard',
    'friendly_bard',
    'FrIeNdLy-._.-bArD',
  ]) {
    t.equal(normalizeName(name), 'friendly-bard', name);
    t.equal(assertNewName(name), 'friendly-bard', name);
    t.equal(assertReadableName(name), 'friendly-bard', name);
  }
});

t.test('names that no project can have', async (t) => {
  for (const name of ['', '-a', 'a-', '_a', 'a b', 'a/b', 'naïve', '__proto__', 'a\n', 'a%', 'x'.repeat(151), '<b>']) {
    t.throws(() => assertNewName(name), refusal('invalid'), name);
    t.throws(() => assertReadableName(name), refusal('notFound'), name);
  }
  for (const name of ['a', '0', '0a', 'a0', 'constructor', 'x'.repeat(150)]) {
    t.equal(assertNewName(name), name);
    t.equal(assertReadableName(name), name);
  }
  for (const name of ['a_', 'a.', '.a', 'a\u212a', '\u017fa', 'a~b'])
    t.throws(() => assertNewName(name), refusal('invalid'), name);
  t.equal(assertReadableName('simple'), 'simple', 'nobody can have uploaded it');
});

t.test('projects that would hide a path of the index are refused', async (t) => {
  for (const name of ['simple', 'legacy', 'packages', 'pypi', 'Simple', 'PyPI', 'integrity']) {
    t.throws(() => assertNewName(name), refusal('invalid', { message: /it is a path of this index/ }), name);
  }
});

const WHEELS: [filename: string, project: string, version: string, python: string][] = [
  ['demo-1.0-py3-none-any.whl', 'demo', '1.0', 'py3'],
  ['Lab_Pkg-1.0-py2.py3-none-any.whl', 'lab-pkg', '1.0', 'py2.py3'],
  ['zope.interface-5.0.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl', 'zope-interface', '5.0.0', 'cp39'],
  ['demo-1.0-1-py3-none-any.whl', 'demo', '1.0', 'py3'],
  ['demo-1.0-1local-py3-none-any.whl', 'demo', '1.0', 'py3'],
  ['demo-1!2.0-py3-none-any.whl', 'demo', '1!2.0', 'py3'],
  ['demo-1.0+ubuntu.1-py3-none-any.whl', 'demo', '1.0+ubuntu.1', 'py3'],
  ['demo-1.0+ubuntu_1-py3-none-any.whl', 'demo', '1.0+ubuntu_1', 'py3'],
  ['demo__x-1.0_dev1-py3-none-any.whl', 'demo-x', '1.0_dev1', 'py3'],
];

t.test('file names of wheels, as today and as older tools wrote them', async (t) => {
  for (const [filename, project, version, pythonVersion] of WHEELS) {
    t.match(
      parseFileName(filename),
      { filename, packagetype: 'bdist_wheel', project, version, pythonVersion },
      filename,
    );
    t.ok(isFileNameOf(parseFileName(filename), project, version), filename);
    t.notOk(isFileNameOf(parseFileName(filename), project, '9.9'), filename);
    t.notOk(isFileNameOf(parseFileName(filename), 'other', version), filename);
  }
});

t.test('file names of sdists, in whatever spelling', async (t) => {
  const names: [filename: string, project: string, version: string][] = [
    ['demo-1.0.tar.gz', 'demo', '1.0'],
    ['demo-1.0.zip', 'demo', '1.0'],
    ['foo-bar-1.0.tar.gz', 'foo-bar', '1.0'],
    ['foo_bar-1.0.tar.gz', 'foo-bar', '1.0'],
    ['Foo.Bar-1.0.tar.gz', 'foo-bar', '1.0.0'],
    ['foo-bar-1.0-1.tar.gz', 'foo-bar', '1.0.post1'],
    ['foo-2-1.0-beta.tar.gz', 'foo-2', '1.0b0'],
    ['demo-1!2.0+local.1.tar.gz', 'demo', '1!2.0+local-1'],
  ];
  for (const [filename, project, version] of names) {
    const file = parseFileName(filename);
    t.match(file, { filename, packagetype: 'sdist', pythonVersion: 'source' }, filename);
    t.ok(isFileNameOf(file, project, version), filename);
    t.notOk(isFileNameOf(file, project, '9.9'), filename);
    t.notOk(isFileNameOf(file, 'other', version), filename);
  }
  t.notOk(isFileNameOf(parseFileName('foo-1.0.tar.gz'), 'foo-1-0', '1.0'));
  t.notOk(isFileNameOf(parseFileName('1.0.tar.gz'), '1-0', '1.0'));
  const long = `demo-1.0+${'a'.repeat(255 - 'demo-1.0+.tar.gz'.length)}.tar.gz`;
  t.equal(parseFileName(long).filename.length, 255);
  t.throws(() => parseFileName(`a${long}`), refusal('invalid', { message: /at most 255 characters/ }));
  t.equal(parseFileName('a._+!-9.zip').stem, 'a._+!-9');
  t.notOk(isFileNameOf(parseFileName('foo-1.0.tar.gz'), 'foo', 'no version'));
});

t.test('file names that are refused', async (t) => {
  const wrong = [
    'demo 1.0.tar.gz',
    'demo-1.0(1).tar.gz',
    'demo-1.0[1].zip',
    'demo-1.0%20.tar.gz',
    'demo-1.0#.tar.gz',
    'demo,-1.0.tar.gz',
    '../demo-1.0.tar.gz',
    'a/demo-1.0.tar.gz',
    '.demo-1.0.tar.gz',
    'demo-1.0\u0000.tar.gz',
    'démo-1.0.tar.gz',
    'demo-1.0.exe',
    'demo-1.0.egg',
    'demo-1.0-py3.11.egg',
    'demo-1.0.tar.bz2',
    'demo-1.0.whl',
    'demo-1.0-py3-none.whl',
    'demo-1.0-x-py3-none-any.whl',
    'demo-1.0-1-2-py3-none-any.whl',
    'demo--py3-none-any.whl',
    'demo-1.0-py3--any.whl',
    'demo-1.0-py3-none-any.WHL',
    'demo-1.0.ZIP',
    'demo-1.0.tgz',
    '-1.0.zip',
    '!demo-1.0.zip',
    'demo-1.0\n.zip',
    'demo-1.0.zip\n',
    'demo-1.0~1.zip',
    'demo-x-py3-none-any.whl',
    '_demo-1.0-py3-none-any.whl',
    `demo-1.0${'+a'.repeat(200)}.tar.gz`,
    '__proto__',
    '',
  ];
  for (const filename of wrong) t.throws(() => parseFileName(filename), refusal('invalid'), filename.slice(0, 60));
});

t.test('two spellings of one file have one identity', async (t) => {
  const identity = (filename: string, version: string) => fileIdentity(parseFileName(filename), version);
  t.equal(identity('foo_bar-1.0.tar.gz', '1.0'), identity('foo-bar-1.0.0.zip', '1.0.0'), 'a release has one sdist');
  t.equal(
    identity('Foo.Bar-1.0-py2.py3-none-any.whl', '1.0'),
    identity('foo_bar-1.0.0-py3.py2-none-any.whl', '1.0.0'),
    'a set of tags has no order',
  );
  t.equal(
    identity('a-1-CP39-abi3.None-linux_1.ANY.whl', '1'),
    identity('a-1-cp39-none.abi3-any.Linux_1.whl', '1'),
    'each of the three, in any case',
  );
  t.equal(identity('a-1-2-py3-none-any.whl', '1'), 'wheel 1 2 py3 none any');
  t.equal(identity('a-1.zip', '1.0'), 'sdist 1');
  const different = [
    ['demo-1.0-py3-none-any.whl', '1.0'],
    ['demo-1.0-1-py3-none-any.whl', '1.0'],
    ['demo-1.0-2-py3-none-any.whl', '1.0'],
    ['demo-1.0-py2-none-any.whl', '1.0'],
    ['demo-1.0-cp39-abi3-any.whl', '1.0'],
    ['demo-1.0-1a-py3-none-any.whl', '1.0'],
    ['demo-1.0-1A-py3-none-any.whl', '1.0'],
    ['demo-1.0-1a.b-py3-none-any.whl', '1.0'],
    ['demo-1.0-1b.a-py3-none-any.whl', '1.0'],
    ['demo-1.0-py3-abi3-any.whl', '1.0'],
    ['demo-1.0-py3-none-linux_x86_64.whl', '1.0'],
    ['demo-1.0.post1-py3-none-any.whl', '1.0.post1'],
    ['demo-1.0.tar.gz', '1.0'],
  ] as const;
  t.equal(new Set(different.map(([filename, version]) => identity(filename, version))).size, different.length);
});
