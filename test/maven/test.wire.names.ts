import t from 'tap';
import { documentKey, documentKeyOf, documentNameOf, fileKey, ownerOf } from '../../ts/maven/keys.maven.js';
import { announcedDigests, parseSidecar, sidecarOf } from '../../ts/maven/wire/wire.checksums.js';
import { artifactAt, fileAt, groupAt, parseName, pathOf, versionAt } from '../../ts/maven/wire/wire.coordinates.js';
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
  ];
  for (const [version, file, expected] of cases) t.same(parseFileName(lib, version, file), expected, file);
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
  t.equal(documentNameOf('maven/metadata/org.acme/metadata.json'), undefined);
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
  t.same(
    announcedDigests((name) => (name === 'X-Checksum-Sha1' ? digest : undefined)),
    { sha1: digest },
  );
});
