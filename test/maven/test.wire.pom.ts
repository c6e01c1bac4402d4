import t from 'tap';
import { assertAgreement, assertPomXml, baseNames, parsePom } from '../../ts/maven/wire/wire.pom.js';
import { pomOf } from '../support/maven/artifacts.js';

const project = (inner: string): Buffer => Buffer.from(`<project>${inner}</project>`);
const path = { group: 'org.acme', artifact: 'lib', version: '1.0', file: 'lib-1.0.pom' };
/** An expression. */
const set = (name: string): string => `$\{${name}}`;

t.test('group and version that a POM lacks are those of its parent', async (t) => {
  const parent = '<parent><groupId>org.acme</groupId><artifactId>parent</artifactId><version>1.0</version></parent>';
  t.same(parsePom(project(`${parent}<artifactId>lib</artifactId>`)), {
    groupId: 'org.acme',
    artifactId: 'lib',
    version: '1.0',
    packaging: 'jar',
  });
  const own =
    '<groupId>org.own</groupId><artifactId>lib</artifactId><version> 2.0\n</version><packaging>pom</packaging>';
  t.match(parsePom(project(`${parent}${own}`)), { groupId: 'org.own', version: '2.0', packaging: 'pom' });
});

t.test('the texts for search are short', async (t) => {
  const pom = parsePom(
    Buffer.from(pomOf(path, `<name> A  &amp; B </name><description>${'x'.repeat(10_000)}</description>`)),
  );
  t.equal(pom.name, 'A & B');
  t.equal(pom.description?.length, 500);
  const named = parsePom(Buffer.from(pomOf(path, `<name>Acme $\{project.artifactId}</name>`)));
  t.equal(named.name, 'Acme lib');
  const [long, many] = ['a'.repeat(100_000), `$\{pom.artifactId}`.repeat(50_000)];
  const bomb = parsePom(Buffer.from(pomOf({ ...path, artifact: long }, `<name>${many}</name>`)));
  t.equal(bomb.name?.length, 500, 'expressions do not unpack to gigabytes');
});

t.test('encodings, comments, CDATA, prefixes, and entities that Maven knows', async (t) => {
  const text = pomOf(path, '<name>Tr\u00f8nd</name>');
  const poms: [what: string, bytes: Buffer, name?: string][] = [
    ['UTF-8', Buffer.from(text), 'Tr\u00f8nd'],
    ['UTF-8 with its mark', Buffer.from(`\ufeff${text}`), 'Tr\u00f8nd'],
    ['Latin-1', Buffer.from(text.replace('UTF-8', 'ISO-8859-1'), 'latin1'), 'Tr\u00f8nd'],
    ['UTF-16', Buffer.from(`\ufeff${text}`, 'utf16le'), 'Tr\u00f8nd'],
    ['entities of HTML', Buffer.from(pomOf(path, '<name>Tr&oslash;nd &amp; &#38;</name>')), 'Tr\u00f8nd & &'],
    ['a comment with markup', Buffer.from(pomOf(path, '<!-- <!DOCTYPE a> & <b> -->'))],
    ['CDATA', Buffer.from(pomOf(path, '<name><![CDATA[a < b & c]]></name>')), 'a < b & c'],
    [
      'a namespace prefix',
      Buffer.from(
        pomOf(path)
          .replaceAll(/<(\/?)(?=[a-z])/g, '<$1m:')
          .replace('xmlns=', 'xmlns:m='),
      ),
    ],
    ['attributes with >', Buffer.from(pomOf(path, '<a b=\'1 > 0\' c="x>y"/>'))],
    ['a processing instruction', Buffer.from(pomOf(path, '<?x <y> ?>'))],
  ];
  for (const [what, bytes, name] of poms) {
    t.match(parsePom(bytes), { groupId: 'org.acme', artifactId: 'lib', version: '1.0', ...(name && { name }) }, what);
  }
});

t.test('XML that is refused', async (t) => {
  const bomb = `<!DOCTYPE project [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>${pomOf(path).replace(/<\?.*\?>/, '')}`;
  const cases: [what: string, text: string, says: RegExp][] = [
    ['a document type', '<!DOCTYPE project SYSTEM "file:///etc/passwd"><project/>', /document type/],
    ['entities', bomb, /document type/],
    ['a document type inside', '<project><!DOCTYPE x></project>', /document type/],
    ['an unknown entity', pomOf(path, '<name>&xxe;</name>'), /refers to the entity "&xxe;", which is not defined/],
    ['an unknown entity in an attribute', pomOf(path, '<name a="&xxe;"/>'), /refers to the entity/],
    ['a bare &', pomOf(path, '<name>a & b</name>'), /refers to the entity/],
    ['an element that is not closed', pomOf(path).replace('</project>', ''), /<project> is not closed/],
    ['a tag that is not closed', '<project><groupId', /a tag is not closed/],
    ['the wrong end', '<project><a></b></project>', /<\/b> closes another element/],
    ['two roots', '<project/><project/>', /two root elements/],
    ['text behind the root', '<project/>x', /text outside/],
    ['a comment that is not closed', '<project><!-- x</project>', /<!-- is not closed/],
    ['no element', '<?xml version="1.0"?>', /has no element/],
    ['another root', '<projects/>', /no element <project>/],
    ['deep nesting', `<project>${'<a>'.repeat(100)}${'</a>'.repeat(100)}</project>`, /nested more than 64 levels/],
    ['very deep nesting', '<a>'.repeat(1_000_000), /nested more than 64 levels/],
    ['very many elements', `<project>${'<a/>'.repeat(300_000)}</project>`, /more than 100000 tags/],
    ['very many comments', `<project>${'<!---->'.repeat(300_000)}</project>`, /more than 100000 tags/],
    ['a long tag that is not closed', `<project><${'a'.repeat(3_000_000)}`, /a tag is not closed/],
    ['a name that runs into a quote', `<project><a"b"/></project>`, /a tag is not closed/],
    ['not UTF-8', '', /encoding utf-8/],
    ['an encoding that does not exist', '<?xml version="1.0" encoding="klingon"?><project/>', /encoding klingon/],
    ['no artifact', '<project><groupId>a</groupId><version>1</version></project>', /no <artifactId>/],
    ['no group', '<project><artifactId>a</artifactId><version>1</version></project>', /no <groupId>, and its parent/],
    ['two groups', pomOf(path, '<groupId>org.other</groupId>'), /<groupId> that is not one text/],
    ['a group with elements', pomOf(path).replace('org.acme', '<x>org.acme</x>'), /not one text/],
    [
      'two parents',
      pomOf(path, '<parent><a>1</a></parent><parent><a>1</a></parent>'),
      /more than one element <parent>/,
    ],
    ['JSON', '{}', /text outside the root|not well-formed/],
  ];
  for (const [what, text, says] of cases) {
    const bytes = what === 'not UTF-8' ? Buffer.from([0x3c, 0xff, 0xfe, 0x3e]) : Buffer.from(text);
    t.throws(() => parsePom(bytes), { kind: 'invalid', message: says }, what);
  }
});

t.test('names for prototypes are elements like others', async (t) => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString']) {
    const bytes = Buffer.from(pomOf(path, `<${name}><groupId>x</groupId></${name}>`));
    let pom: object | undefined;
    try {
      pom = parsePom(bytes);
    } catch (error) {
      t.match(error, { kind: 'invalid' }, name);
    }
    if (pom) t.match(pom, { groupId: 'org.acme' }, name);
    t.equal(({} as { groupId?: string }).groupId, undefined);
  }
});

t.test('a POM agrees with its path', async (t) => {
  const pom = { groupId: 'org.acme', artifactId: 'lib', version: '1.0', packaging: 'jar' };
  const check =
    (changes: Partial<typeof pom>, at: Partial<typeof path> = {}) =>
    () =>
      assertAgreement({ ...pom, ...changes }, { ...path, ...at });
  t.doesNotThrow(check({}));
  t.throws(check({ groupId: 'org.other' }), {
    message: /its groupId is "org\.other", its path is that of org\.acme:lib:1\.0/,
  });
  t.throws(check({ artifactId: 'Lib' }), { message: /its artifactId is "Lib"/ });
  t.throws(check({ version: '1.0.0' }), { message: /its version is "1\.0\.0"/ });
  t.doesNotThrow(check({ version: '1.0-SNAPSHOT' }, { version: '1.0-SNAPSHOT' }));
  t.doesNotThrow(check({ version: '1.0-20261128.101112-3' }, { version: '1.0-SNAPSHOT' }), 'as some tools write it');
  t.throws(check({ version: '1.0' }, { version: '1.0-SNAPSHOT' }));
  t.doesNotThrow(check({ artifactId: 'sbt-x' }, { artifact: 'sbt-x_2.12_1.0' }), 'a plugin of older sbt');
  t.throws(check({ artifactId: 'sbt-y' }, { artifact: 'sbt-x_2.12_1.0' }));
  t.throws(check({ artifactId: 'sbt-x' }, { artifact: 'sbt-x_2.12' }), 'a library for Scala is no such plugin');
  for (const version of [set('revision'), `1${set('minor')}`, `${set('major')}.0`, `${set('a')}.${set('b')}`]) {
    t.doesNotThrow(check({ version }), `${version}: set when the build runs`);
  }
  for (const version of [`2${set('minor')}`, `${set('major')}.1`, `1.0${set('x')}.1`, `${set('a')}-${set('b')}`]) {
    t.throws(check({ version }), version);
  }
});

t.test('expressions for what the POM itself says', async (t) => {
  const shown = (name: string) => parsePom(Buffer.from(pomOf(path, `<name>${name}</name>`))).name;
  for (const [text, expected] of [
    [set('project.groupId'), 'org.acme'],
    [set('project.artifactId'), 'lib'],
    [set('project.version'), '1.0'],
    [set('pom.groupId'), 'org.acme'],
    [set('pom.artifactId'), 'lib'],
    [set('pom.version'), '1.0'],
    [`A ${set('pom.version')} ${set('project.version')}`, 'A 1.0 1.0'],
    [set('project.name'), set('project.name')],
    [set('version'), set('version')],
  ] as const) {
    t.equal(shown(text), expected, text);
  }
  const described = pomOf(path, `<description>of ${set('project.artifactId')}</description><packaging>war</packaging>`);
  t.same(parsePom(Buffer.from(described)), {
    groupId: 'org.acme',
    artifactId: 'lib',
    version: '1.0',
    packaging: 'war',
    description: 'of lib',
  });
});

t.test('texts at their limits', async (t) => {
  const shown = (name: string) => parsePom(Buffer.from(pomOf(path, `<name>${name}</name>`))).name;
  t.equal(shown('a  b\n\n\tc'), 'a b c');
  t.equal(shown('x'.repeat(500)), 'x'.repeat(500));
  t.equal(shown('x'.repeat(501)), 'x'.repeat(500));
  t.equal(shown(`${'x'.repeat(499)} y`), 'x'.repeat(499), 'no blank at the end');
  for (const nothing of ['', ' \n ']) t.equal(shown(nothing), undefined);
});

t.test('what a POM lacks is said', async (t) => {
  for (const [inner, says] of [
    ['<groupId>a</groupId><version>1</version>', 'The POM has no <artifactId>'],
    ['<artifactId>a</artifactId><version>1</version>', 'The POM has no <groupId>, and its parent has none'],
    ['<groupId>a</groupId><artifactId>a</artifactId>', 'The POM has no <version>, and its parent has none'],
    [
      '<parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version></parent>',
      'The POM has no <artifactId>',
    ],
  ] as const) {
    t.throws(() => parsePom(project(inner)), { kind: 'invalid', message: says }, inner);
  }
  t.throws(() => assertPomXml(Buffer.from('<projects/>')), { kind: 'invalid', message: /no element <project>/ });
  t.doesNotThrow(() => assertPomXml(Buffer.from('<project/>')));
});

t.test('the names of plugins for sbt', async (t) => {
  for (const [artifact, names] of [
    ['sbt-x_2.12_1.0', ['sbt-x_2.12_1.0', 'sbt-x']],
    ['sbt_x_2.12_1.0-M1', ['sbt_x_2.12_1.0-M1', 'sbt_x']],
    ['x_2.12', ['x_2.12']],
    ['x_a_1.0', ['x_a_1.0']],
    ['x_2.12_a', ['x_2.12_a']],
    ['_2.12_1.0', ['_2.12_1.0']],
    ['lib', ['lib']],
  ] as const) {
    t.same(baseNames(artifact), names, artifact);
  }
});

t.test('expressions that can be the wanted value', async (t) => {
  const [a, b] = [set('a'), set('b')];
  const agrees = (version: string, wanted: string): boolean => {
    const pom = { groupId: 'org.acme', artifactId: 'lib', version, packaging: 'jar' };
    try {
      assertAgreement(pom, { ...path, version: wanted });
      return true;
    } catch (error) {
      t.match(error, { kind: 'invalid' });
      return false;
    }
  };
  for (const [version, wanted, expected] of [
    [a, '1.0', true],
    [`1${a}`, '1', true],
    [`1${a}`, '2', false],
    [`1${a}`, '01', false],
    [`${a}1`, '01', true],
    [`${a}1`, '10', false],
    [`1${a}1`, '1', false],
    [`1${a}1`, '11', true],
    [`${a}.${b}`, '1.0', true],
    [`${a}.${b}`, '10', false],
    [`1.${a}.${b}.2`, '1.x.y.2', true],
    [`1.${a}.${b}.2`, '1.x.2', false],
    [`${a}-1-${b}-1`, 'x-1-1', false],
    [`${a}-1-${b}-1`, 'x-1-y-1', true],
    ['$a', '$a', true],
    ['1.0-20261128.101112-3', '1.0', false],
    ['1.0-20261128.101112-3', '1.0-SNAPSHOT', true],
    ['1.0-2026112.101112-3', '1.0-SNAPSHOT', false],
    ['1.0-20261128.101112-3-x', '1.0-SNAPSHOT', false],
    ['1.1-20261128.101112-3', '1.0-SNAPSHOT', false],
  ] as const) {
    t.equal(agrees(version, wanted), expected, `${version} for ${wanted}`);
  }
  const fits = { groupId: set('g'), artifactId: `${set('x')}-lib`, version: '1.0', packaging: 'jar' };
  t.doesNotThrow(() => assertAgreement(fits, { ...path, artifact: 'my-lib' }));
  t.throws(() => assertAgreement(fits, path), { message: /its artifactId is/ });
});
