import t from 'tap';
import { compilePath, decodeParameter } from '../../ts/core/pipeline/helpers.routes.js';
import * as keys from '../../ts/npm/keys.npm.js';
import {
  assertName,
  assertNewName,
  assertReadableName,
  assertTag,
  assertVersion,
  nameProblem,
  newNameProblem,
  versionOfFile,
} from '../../ts/npm/wire/wire.names.js';
import { ofKind } from '../support/expect.js';
import { refusal } from '../support/npm/packages.js';

t.test('package names', async (t) => {
  const good = [
    'a',
    'some-package',
    'example.com',
    'under_score',
    '123numeric',
    '@npm/thingy',
    '@npm-zors/money',
    'constructor',
  ];
  for (const name of good) t.equal(newNameProblem(name), null, name);
  const bad = [
    '',
    ' a',
    'a ',
    '.a',
    '-a',
    '_a',
    '@',
    '@a',
    '@a/',
    '@/a',
    '@a/b/c',
    '@a/.b',
    'a/b',
    'a b',
    'a:b',
    'a%b',
    'ünï',
    '\ud800',
    'node_modules',
    'favicon.ico',
    '__proto__',
    'a\u0000b',
    '..',
    '@a/..',
    'a\\b',
    'a?b',
    'a#b',
  ];
  for (const name of bad) t.type(nameProblem(name), 'string', JSON.stringify(name));
  const old = ['CAPS', '@Scope/a', 'crazy!', '@npm/thingy(1)', 'http', 'fs', 'a'.repeat(215), 'a'.repeat(256)];
  for (const name of old) {
    t.equal(nameProblem(name), null, name);
    t.type(newNameProblem(name), 'string', name);
    t.equal(assertReadableName(name), name);
    t.equal(assertName(name), name);
    t.throws(() => assertNewName(name), refusal('invalid'), name);
  }
  t.equal(newNameProblem('@scope/http'), null);
  for (const name of ['a'.repeat(257), 'a'.repeat(30_000)]) {
    t.throws(() => assertReadableName(name), ofKind('notFound'), 'too long for any key is not there');
    t.throws(() => assertName(name), refusal('invalid'));
  }
});

t.test('versions and tags', async (t) => {
  for (const version of ['1.0.0', '0.0.1-alpha.1', '10.20.30-rc.1.x']) t.equal(assertVersion(version), version);
  for (const version of [
    '1',
    '1.0',
    'v1.0.0',
    '=1.0.0',
    ' 1.0.0',
    '1.0.0+build',
    '01.0.0',
    'latest',
    '',
    null,
    1,
    `1.0.0-${'a'.repeat(300)}`,
  ]) {
    t.throws(() => assertVersion(version), refusal('invalid'), String(version).slice(0, 20));
  }
  for (const tag of ['latest', 'next', 'beta-1', '__proto__', 'constructor', 'release_2']) t.equal(assertTag(tag), tag);
  for (const tag of ['', '1.0.0', 'v1', '^1', '*', 'x', '>=2', '1.x', ' a', 'a b', 'a/b', 'ü', '1.0.0 - 2.0.0']) {
    t.throws(() => assertTag(tag), refusal('invalid'), tag);
  }
  t.equal(assertTag('a'.repeat(214)).length, 214);
  t.throws(() => assertTag('a'.repeat(215)), refusal('invalid'));
});

t.test('tarball files', async (t) => {
  t.equal(versionOfFile('a', 'a-1.0.0.tgz'), '1.0.0');
  t.equal(versionOfFile('a-b', 'a-b-1.0.0-rc.1.tgz'), '1.0.0-rc.1');
  t.equal(versionOfFile('@s/a', 'a-1.0.0.tgz'), '1.0.0');
  t.equal(versionOfFile('@s/a', '@s/a-1.0.0.tgz'), '1.0.0');
  for (const file of ['b-1.0.0.tgz', 'a-1.0.0.zip', 'a1.0.0.tgz', '@x/a-1.0.0.tgz', '@s/a-1.0.0.tgz', '@a-1.0.0.tgz']) {
    t.equal(versionOfFile('a', file), null, file);
  }
});

t.test('keys are those of the readme, and none is the folder of another', async (t) => {
  t.equal(keys.documentKey('foo'), 'npm/packages/foo/index.json');
  t.equal(keys.tarballKey('foo', '1.0.0'), 'npm/packages/foo/foo-1.0.0.tgz');
  t.equal(keys.documentKey('@s/x'), 'npm/packages/@s/x/index.json');
  t.equal(keys.tarballKey('@s/x', '1.0.0'), 'npm/packages/@s/x/x-1.0.0.tgz');
  t.equal(keys.provenanceKey('@s/x', '1.0.0'), 'npm/packages/@s/x/x-1.0.0.sigstore');
  t.equal(keys.loginExpiry(keys.loginKey(1_800_000_000, 'ab')), 1_800_000_000);
  const names = ['a', 'index.json', 'a-1.0.0.tgz', '@s/a', '@s/index.json', '@s/a-1.0.0.tgz', '@index.json/index.json'];
  const all = names.flatMap((name) => [
    keys.documentKey(name),
    keys.tarballKey(name, '1.0.0'),
    keys.provenanceKey(name, '1.0.0'),
  ]);
  t.equal(new Set(all).size, all.length);
  for (const key of all)
    t.notOk(
      all.some((other) => other.startsWith(`${key}/`)),
      key,
    );
});

t.test('a scope is found in every spelling', async (t) => {
  const { NAME } = await import('../../ts/npm/routes.npm.js');
  const { pattern } = compilePath(`/${NAME}`);
  const versioned = compilePath(`/${NAME}/{version}`).pattern;
  const nameOf = (path: string, expression = pattern) => {
    const found = expression.exec(path)?.[1];
    return found === undefined ? null : decodeParameter(found);
  };
  for (const path of ['/@s/x', '/@s%2fx', '/@s%2Fx', '/%40s%2fx', '/%40s/x']) {
    t.equal(nameOf(path), '@s/x', path);
    t.equal(nameOf(path, versioned), null, path);
    t.equal(nameOf(`${path}/1.0.0`), null, path);
    t.equal(nameOf(`${path}/1.0.0`, versioned), '@s/x', path);
  }
  t.equal(nameOf('/x'), 'x');
  t.equal(nameOf('/x/1.0.0', versioned), 'x');
  for (const path of ['/', '/@s', '/-', '/-/ping', '/-x', '/x/y/z', '/@s/x/y/z']) {
    t.equal(nameOf(path), null, path);
    t.equal(nameOf(path, versioned), null, path);
  }
});
