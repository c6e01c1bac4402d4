import t from 'tap';
import { documentKey, documentKeyOf, documentNameOf, fileKey, ownerOf } from '../../ts/maven/keys.maven.js';
import {
  announcedDigests,
  checksumHeaders,
  digestsIn,
  parseSidecar,
  sidecarOf,
  wrongDigest,
} from '../../ts/maven/wire/wire.checksums.js';
import {
  artifactAt,
  fileAt,
  groupAt,
  isArtifact,
  isSnapshot,
  parseName,
  pathOf,
  readPath,
  versionAt,
  writePath,
} from '../../ts/maven/wire/wire.coordinates.js';
import { parseFileName } from '../../ts/maven/wire/wire.snapshots.js';

const lib = { group: 'org.acme', artifact: 'lib' };

t.test('the parts of a file name', async (t) => {
  const build = { timestamp: '20261128.101112', buildNumber: 3 };
  const cases: [version: string, file: string, expected: object | null][] = [
    ['1.0', 'lib-1.0.jar', { value: '1.0', classifier: '', extension: 'jar' }],
    ['1.0', 'lib-1.0.tar.gz', { value: '1.0', classifier: '', extension: 'tar.gz' }],
    ['1.0', 'lib-1.0-bin.tar.gz', { value: '1.0', classifier: 'bin', extension: 'tar.gz' }],
    ['1.0', 'lib-1.0-bin.tar.gz.asc', { value: '1.0', classifier: 'bin', extension: 'tar.gz.asc' }],
    ['1.0', 'lib-1.0-linux-2.5.zip', { value: '1.0', classifier: 'linux-2.5', extension: 'zip' }],
    [
      '1.0',
      'lib-1.0-sources.jar.sigstore.json',
      { value: '1.0', classifier: 'sources', extension: 'jar.sigstore.json' },
    ],
    ['1.0', 'lib-1.0', null],
    ['1.0', 'lib-1.0-sources', null],
    ['1.0', 'other-1.0.jar', null],
    ['1.0', 'lib-1.01.jar', null],
    ['1.0-SNAPSHOT', 'lib-1.0-SNAPSHOT.jar', { value: '1.0-SNAPSHOT', classifier: '', extension: 'jar' }],
    [
      '1.0-SNAPSHOT',
      'lib-1.0-20261128.101112-3-tests.jar',
      { value: '1.0-20261128.101112-3', ...build, classifier: 'tests', extension: 'jar' },
    ],
    [
      'SNAPSHOT',
      'lib-20261128.101112-3.pom',
      { value: '20261128.101112-3', ...build, classifier: '', extension: 'pom' },
    ],
    ['1.0-SNAPSHOT', 'lib-1.0-20261128-3.jar', null],
    ['1.0', 'lib-1.0.', { value: '1.0', classifier: '', extension: '' }],
    ['1.0', 'lib-1.0_x.jar', null],
    ['1.0', 'lib-1.0-.jar', null],
    ['1.0', 'lib1.0.jar', null],
    ['1.0', 'lib-1.0-a.jar.asc', { value: '1.0', classifier: 'a', extension: 'jar.asc' }],
    ['1.0', 'lib-1.0-a.jar.sig', { value: '1.0', classifier: 'a', extension: 'jar.sig' }],
    ['1.0', 'lib-1.0-a.jar.sigstore', { value: '1.0', classifier: 'a', extension: 'jar.sigstore' }],
    ['1.0', 'lib-1.0-a.jar.sigs', { value: '1.0', classifier: 'a.jar', extension: 'sigs' }],
    ['1.0', 'lib-1.0-a.tar.BZ2', { value: '1.0', classifier: 'a', extension: 'tar.BZ2' }],
    ['1.0', 'lib-1.0-a.tar', { value: '1.0', classifier: 'a', extension: 'tar' }],
    ['1.0', 'lib-1.0-20261128.101112-3.jar', { value: '1.0', classifier: '20261128.101112-3', extension: 'jar' }],
    ['1.0-SNAPSHOT', 'lib-1.1-20261128.101112-3.jar', null],
    ['1.0-SNAPSHOT', 'lib-1.0-20261128.101112-3', null],
    ['1.0-SNAPSHOT', 'lib-1.0-20261128.101112-3x.jar', null],
    ['1.0-SNAPSHOT', 'lib-1.0-20261128.101112-.jar', null],
    [
      '1.0-SNAPSHOT',
      'lib-1.0-20261128.101112-123456789.jar',
      { ...build, value: '1.0-20261128.101112-123456789', buildNumber: 123456789, classifier: '', extension: 'jar' },
    ],
    ['1.0-SNAPSHOT', 'lib-1.0-20261128.101112-1234567890.jar', null],
  ];
  for (const [version, file, expected] of cases) t.strictSame(parseFileName(lib, version, file), expected, file);
  const plugin = { group: 'org.acme', artifact: 'sbt-x_2.12_1.0' };
  t.match(parseFileName(plugin, '1.0', 'sbt-x-1.0.pom'), { value: '1.0', extension: 'pom' }, 'a plugin of older sbt');
  t.match(parseFileName(plugin, '1.0', 'sbt-x_2.12_1.0-1.0.jar'), { value: '1.0', extension: 'jar' });
});

t.test('paths and keys', async (t) => {
  const file = { ...lib, version: '1.0', file: 'lib-1.0.jar' };
  t.equal(pathOf(file), '/org/acme/lib/1.0/lib-1.0.jar');
  t.same(fileAt('org/acme/lib/1.0/lib-1.0.jar'), file);
  t.same(versionAt('org/acme/lib/1.0'), { ...lib, version: '1.0' });
  t.same(artifactAt('org/acme/lib'), lib);
  t.equal(groupAt('org/acme'), 'org.acme');
  for (const path of ['lib', 'a.b/lib', '../lib', 'a//b', 'a/..', 'a b/c', 'a/b:c', '-/artifacts', '.meta/x', '']) {
    t.equal(artifactAt(path), null, path);
  }
  t.equal(documentKey('org.acme:lib'), documentKeyOf(lib));
  t.equal(documentNameOf(documentKeyOf(lib)), 'org.acme:lib');
  for (const key of [
    'maven/metadata/org.acme/metadata.json',
    'maven/metadata/org.acme/lib/metadata.JSON',
    'other/metadata/org.acme/lib/metadata.json',
  ]) {
    t.equal(documentNameOf(key), undefined, key);
  }
  t.equal(ownerOf(fileKey(file)), documentKeyOf(lib));
  t.equal(ownerOf(`${fileKey(file)}.2f6a7a4e-9c3b-4f0d-8f5e-0c8a4e5b6d7f`), documentKeyOf(lib));
  t.same(parseName('org.acme:lib'), lib);
  for (const name of ['lib', 'a:b:c', 'org/acme:lib', ':', 'a:..'])
    t.throws(() => parseName(name), { kind: 'invalid', message: /is no|not of the form/ }, name);
});

t.test('checksum files', async (t) => {
  t.same(sidecarOf('a.jar.sha1'), { file: 'a.jar', algorithm: 'sha1' });
  t.same(sidecarOf('a.jar.asc.md5'), { file: 'a.jar.asc', algorithm: 'md5' });
  t.equal(sidecarOf('a.jar'), null);
  t.equal(sidecarOf('.sha1'), null);
  const digest = 'ab'.repeat(20);
  for (const text of [digest, `${digest}\r\n`, digest.toUpperCase(), `${digest} *a.jar`, `SHA1 (a.jar) = ${digest}`]) {
    t.equal(parseSidecar(text, 'sha1'), digest, text);
  }
  for (const text of ['', 'x', digest.slice(1), `${digest}0`, 'z'.repeat(40)]) {
    t.throws(() => parseSidecar(text, 'sha1'), { kind: 'invalid', message: /has no sha1 digest/ }, text);
  }
  t.same(sidecarOf('a.sha256'), { file: 'a', algorithm: 'sha256' });
  t.same(sidecarOf('a.sha512'), { file: 'a', algorithm: 'sha512' });
  for (const file of ['a.SHA1', 'a.sha3', 'sha1', 'asha1']) t.equal(sidecarOf(file), null, file);
  for (const [algorithm, digits] of [
    ['md5', 32],
    ['sha1', 40],
    ['sha256', 64],
    ['sha512', 128],
  ] as const) {
    const right = 'aB09'.repeat(digits / 4);
    t.equal(parseSidecar(right, algorithm), right.toLowerCase(), algorithm);
    t.throws(() => parseSidecar(right.slice(1), algorithm), { message: new RegExp(`${digits} hexadecimal digits`) });
    const header = `X-Checksum-${algorithm[0]?.toUpperCase()}${algorithm.slice(1)}`;
    const announced = (value: string) => announcedDigests((name) => (name === header ? value : undefined));
    t.same(announced(` ${right} `), { [algorithm]: right.toLowerCase() });
    t.same(announced(' '), {});
    for (const wrong of [right.slice(1), `${right}0`, right.replace('a', 'g')]) {
      t.throws(() => announced(wrong), { kind: 'invalid', message: new RegExp(`^The header ${header} is no`) });
    }
  }
  const all = { md5: 'a', sha1: 'b', sha256: 'c', sha512: 'd' };
  const headers = { 'X-Checksum-Md5': 'a', 'X-Checksum-Sha1': 'b', 'X-Checksum-Sha256': 'c', 'X-Checksum-Sha512': 'd' };
  t.same(checksumHeaders(all), headers);
  t.same(digestsIn({ ...headers, ETag: 'x' }), all);
  t.equal(wrongDigest(all, all), undefined);
  t.equal(wrongDigest(all, {}), undefined);
  for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512'] as const) {
    t.equal(wrongDigest(all, { ...all, [algorithm]: 'x' }), algorithm);
  }
  t.same(
    announcedDigests((name) => (name === 'X-Checksum-Sha1' ? digest : undefined)),
    { sha1: digest },
  );
});

t.test('the longest coordinates, and those that are longer', async (t) => {
  const whole = { ...lib, version: '1.0', file: 'lib-1.0.jar' };
  const pathFor = (more: Partial<typeof whole>) => {
    const { group, ...rest } = { ...whole, ...more };
    return writePath({ group: group.replaceAll('.', '/'), ...rest });
  };
  for (const [part, most, says] of [
    ['group', 255, /is no group/],
    ['artifact', 192, /is no artifact/],
    ['version', 128, /is no version/],
    ['file', 255, /is no name of a file/],
  ] as const) {
    t.equal(pathFor({ [part]: 'a'.repeat(most) })[part], 'a'.repeat(most), part);
    t.throws(() => pathFor({ [part]: 'a'.repeat(most + 1) }), { kind: 'invalid', message: says }, part);
  }
  t.ok(pathFor({ file: `${'a'.repeat(255)}.sha512` }), 'a checksum of the longest file');
  t.throws(() => pathFor({ file: `${'a'.repeat(256)}.sha512` }), { message: /is no name of a file/ });
  t.ok(pathFor({ file: `a${'ä'.repeat(127)}` }));
  t.throws(() => pathFor({ file: `a${'ä'.repeat(128)}` }), { message: /is no name of a file/ }, 'bytes count');
});

t.test('characters of coordinates', async (t) => {
  const whole = { ...lib, version: '1.0', file: 'lib-1.0.jar' };
  const accepted = {
    group: ['a', 'A1', '_a', 'a-b_c', '9', 'org/acme_x/b-1'],
    artifact: ['a', 'A.b', '_a', '9', 'a_2.13', 'a-b', 'a.'],
    version: ['1', 'A', '1.0', '1_0', '1+b', '1~b', '1@b', '1!b', '1=b', '1-b', '9.'],
    file: ['a', '_a', '9', 'a b', 'a+b', 'aä.jar', 'a:b', 'a?b', 'a.b.c'],
  };
  const refused = {
    group: ['', '-a', 'a/-b', 'a b', 'a:b', 'ä', 'a//b', 'a/', '/a', 'a.b', '.a', 'a+b', '__proto__', 'a\n'],
    artifact: ['', '-a', '.a', 'a b', 'a:b', 'a/b', 'ä', 'a..b', '..', 'a+b', '__proto__', 'a\n'],
    version: ['', '_1', '-1', '.1', '+1', '1 0', '1:0', '1/0', '1,0', '[1', '1*', '1ä', '1..0', '__proto__', '1\n'],
    file: ['', '.a', '-a', '+a', 'ä', 'a/b', 'a\\b', 'a\n', 'a\0', 'a\x1f', 'a\x7f', 'a..b', '__proto__'],
  };
  const fits = (part: string, value: string) => {
    const params = { ...whole, group: 'org/acme', [part]: value };
    for (const [read, kind] of [
      [readPath, 'notFound'],
      [writePath, 'invalid'],
    ] as const) {
      try {
        t.same(read(params), { ...params, group: params.group.replaceAll('/', '.') }, `${part} ${value}`);
      } catch (error) {
        t.match(error, { kind }, `${part} ${JSON.stringify(value)}`);
        if (kind === 'invalid') return false;
      }
    }
    return true;
  };
  for (const [part, values] of Object.entries(accepted)) for (const value of values) t.ok(fits(part, value), value);
  for (const [part, values] of Object.entries(refused)) {
    for (const value of values) t.notOk(fits(part, value), `${part} ${JSON.stringify(value)}`);
  }
});

t.test('what a path can be', async (t) => {
  t.equal(fileAt('a/b/1'), null, 'too short for a file');
  t.equal(versionAt('a/1'), null, 'too short for a version');
  t.equal(artifactAt('a'), null, 'too short for an artifact');
  t.same(fileAt('a/b/1/f'), { group: 'a', artifact: 'b', version: '1', file: 'f' });
  t.equal(fileAt('a/b/1/.f'), null);
  t.equal(fileAt('a/b/_1/f'), null);
  t.equal(versionAt('a/b/_1'), null);
  t.equal(versionAt('a/-b/1'), null);
  t.same(versionAt('a/b/1'), { group: 'a', artifact: 'b', version: '1' });
  for (const folder of ['', 'a.b', '-', 'a//b', 'a/-b', 'a'.repeat(256)]) t.equal(groupAt(folder), null, folder);
  t.equal(groupAt('a'), 'a');
  t.equal(pathOf({ group: 'a.b', artifact: 'c', version: '1+2', file: 'd e' }), '/a/b/c/1%2B2/d%20e');
  t.ok(isArtifact(lib));
  for (const name of [
    { ...lib, group: '-' },
    { ...lib, artifact: '-' },
  ])
    t.notOk(isArtifact(name));
});

t.test('versions whose files may be replaced', async (t) => {
  for (const version of ['1.0-SNAPSHOT', 'SNAPSHOT', '1-x-SNAPSHOT']) t.ok(isSnapshot(version), version);
  for (const version of ['1.0', '1.0.SNAPSHOT', '1.0SNAPSHOT', '1.0-SNAPSHOT-1', '1-snapshot', 'SNAPSHOT-1']) {
    t.notOk(isSnapshot(version), version);
  }
});
