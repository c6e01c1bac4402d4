import t from 'tap';
import { checkAttestations } from '../../ts/rubygems/wire/wire.attestations.js';
import { assertChecksums } from '../../ts/rubygems/wire/wire.checksums.js';
import { requirementOf, versionIn } from '../../ts/rubygems/wire/wire.requirements.js';
import type { TYaml } from '../../ts/rubygems/wire/wire.yaml.js';
import { bundleOf } from '../support/rubygems/gems.js';

const sha256 = 'ab'.repeat(32);

const payloadOf = (statement: unknown) => Buffer.from(JSON.stringify(statement)).toString('base64');
const subject = (...digests: unknown[]) => ({ subject: digests.map((digest) => ({ name: 'demo', digest })) });
const about = (statement: unknown) => ({ ...bundleOf(), dsseEnvelope: { payload: payloadOf(statement) } });

t.test('bundles that are stored as they came', async (t) => {
  const { dsseEnvelope: _envelope, ...rest } = bundleOf() as Record<string, unknown>;
  for (const [what, bundle] of [
    ['whose payload is no JSON', bundleOf()],
    ['about the gem', about(subject({ sha256 }))],
    ['with the digest in capitals', about(subject({ sha256: sha256.toUpperCase() }))],
    ['about the gem and another file', about(subject({ sha256: '0'.repeat(64) }, { sha256 }))],
    ['with another kind of digest', about(subject({ sha512: '0' }))],
    ['without a digest', about(subject(undefined))],
    ['without a subject', about({})],
    ['whose statement is a list', about([])],
    ['whose statement is null', about(null)],
    ['whose payload is no text', { ...bundleOf(), dsseEnvelope: { payload: 1 } }],
    ['with a signature of the file itself', { ...rest, messageSignature: {} }],
    [
      'of another version of the format',
      { ...bundleOf(), mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1' },
    ],
  ] as const) {
    const text = JSON.stringify([bundle]);
    t.equal(checkAttestations(text, sha256), text, what);
  }
  const most = JSON.stringify(Array(16).fill(bundleOf()));
  t.equal(checkAttestations(most, sha256), most, '16 of them');
  t.equal(checkAttestations(' [] ', sha256), undefined, 'none');
});

t.test('attestations that are refused', async (t) => {
  const { dsseEnvelope: _envelope, ...neither } = bundleOf() as Record<string, unknown>;
  const other = 'An attestation is about another file: its subject has another sha256 than the gem';
  const noBundle = 'An attestation is not a Sigstore bundle: its mediaType is another one';
  for (const [what, bundles, says] of [
    ['17 of them', Array(17).fill(bundleOf()), 'A gem has at most 16 attestations'],
    ['an object', {}, 'The attestations are not an array of Sigstore bundles'],
    ['a text', 'x', 'The attestations are not an array of Sigstore bundles'],
    ['null in the list', [null], noBundle],
    ['a list in the list', [[]], noBundle],
    ['no media type', [{ ...bundleOf(), mediaType: undefined }], noBundle],
    ['a media type that is no text', [{ ...bundleOf(), mediaType: 1 }], noBundle],
    ['another media type', [{ ...bundleOf(), mediaType: 'x application/vnd.dev.sigstore.bundle' }], noBundle],
    ['no material', [{ ...bundleOf(), verificationMaterial: 'x' }], 'An attestation has no verificationMaterial'],
    ['no signature', [neither], 'An attestation has neither a dsseEnvelope nor a messageSignature'],
    ['another gem', [about(subject({ sha256: '0'.repeat(64) }))], other],
    ['another gem in the second', [bundleOf(), about(subject({ sha256: '0'.repeat(64) }))], other],
  ] as const) {
    t.throws(() => checkAttestations(JSON.stringify(bundles), sha256), { kind: 'unprocessable', message: says }, what);
  }
  t.throws(() => checkAttestations('[', sha256), { kind: 'unprocessable', message: 'The attestations are not JSON' });
});

const digests = new Map(
  ['metadata.gz', 'data.tar.gz', 'metadata.gz.sig'].map((file) => [
    file,
    { SHA256: `256 of ${file}`, SHA512: `512 of ${file}` },
  ]),
);
const line = (algorithm: string, file: string) => `  ${file}: ${algorithm.slice(3)} of ${file}\n`;
const table = (algorithm: string, ...files: string[]) =>
  `${algorithm}:\n${files.map((file) => line(algorithm, file)).join('')}`;
const BOTH = ['metadata.gz', 'data.tar.gz'];

t.test('checksums inside a gem', async (t) => {
  for (const [what, text] of [
    ['both kinds', table('SHA256', ...BOTH) + table('SHA512', ...BOTH)],
    ['SHA256 only', table('SHA256', ...BOTH)],
    ['SHA512 only', table('SHA512', ...BOTH)],
    ['one of each', table('SHA256', 'metadata.gz') + table('SHA512', 'data.tar.gz')],
    ['SHA1 only, as in 2013', 'SHA1:\n  metadata.gz: x\n'],
    ['SHA1 beside others', `SHA1:\n  metadata.gz: x\n${table('SHA512', ...BOTH)}`],
    ['of a signature too', table('SHA256', ...BOTH, 'metadata.gz.sig')],
    ['an unknown kind beside', `MD5: x\n${table('SHA256', ...BOTH)}`],
  ] as const) {
    t.doesNotThrow(() => assertChecksums(text, digests), what);
  }
  const none = (file: string) => `checksums.yaml of the gem has no SHA256 and no SHA512 of ${file}`;
  for (const [what, text, says] of [
    ['nothing', '{}', none('metadata.gz')],
    ['no metadata', table('SHA256', 'data.tar.gz'), none('metadata.gz')],
    ['no data', table('SHA256', 'metadata.gz'), none('data.tar.gz')],
    ['SHA1 and too little', `SHA1:\n  x: y\n${table('SHA512', 'metadata.gz')}`, none('data.tar.gz')],
    ['another kind only', 'MD5:\n  metadata.gz: x\n', none('metadata.gz')],
    [
      'another SHA256',
      `${table('SHA256', 'metadata.gz')}  data.tar.gz: x\n`,
      'The SHA256 of data.tar.gz in the gem is not the one in its checksums.yaml: the gem is damaged',
    ],
    [
      'another SHA512',
      `${table('SHA256', ...BOTH)}SHA512:\n  metadata.gz: 256 of metadata.gz\n`,
      'The SHA512 of metadata.gz in the gem is not the one in its checksums.yaml: the gem is damaged',
    ],
    ['a foreign file', 'SHA512:\n  x: y\n', 'checksums.yaml of the gem names x, which the gem does not have'],
    ['a text', 'x', 'checksums.yaml of the gem has something else than checksums by file'],
    ['a list', '- x', 'checksums.yaml of the gem has something else than checksums by file'],
    ['a text for SHA256', 'SHA256: x', 'checksums.yaml of the gem has something else than checksums by file'],
    ['nothing for SHA256', 'SHA256:', 'checksums.yaml of the gem has something else than checksums by file'],
  ] as const) {
    t.throws(() => assertChecksums(text, digests), { kind: 'invalid', message: says }, what);
  }
});

const map = (members: Record<string, TYaml>): TYaml => new Map(Object.entries(members));

t.test('requirements', async (t) => {
  const read = (value: TYaml | undefined) => requirementOf(value, 'field x');
  const pairs = (...list: TYaml[]) => map({ requirements: list });
  for (const [what, value, expected] of [
    ['nothing', undefined, ['>= 0']],
    ['null', null, ['>= 0']],
    ['no conditions', pairs(), ['>= 0']],
    ['one', pairs(['>=', map({ version: '1.0' })]), ['>= 1.0']],
    ['in their order', pairs(['<', '2'], ['>=', '1']), ['< 2', '>= 1']],
    ['without doubles', pairs(['>=', '1'], ['<', '2'], ['>=', '1']), ['>= 1', '< 2']],
    ['a list', [['=', '1']], ['= 1']],
    ['a version with a dash and blanks', pairs(['=', ' 1.0-rc1 ']), ['= 1.0.pre.rc1']],
    ['the key of Syck', pairs([map({}), '1']), ['= 1']],
    ['50 conditions', pairs(...Array.from({ length: 50 }, () => ['>=', '1'])), ['>= 1']],
  ] as const) {
    t.same(read(value as TYaml | undefined), expected, what);
  }
  for (const operator of ['=', '!=', '>', '<', '>=', '<=', '~>']) {
    t.same(read(pairs([operator, '1'])), [`${operator} 1`], operator);
  }
  const noOperator = 'The field x has a condition without an operator that RubyGems knows';
  for (const [what, value, says] of [
    ['a text', '>= 1', 'The field x is no requirement'],
    ['a map without conditions', map({}), 'The field x is no requirement'],
    [
      '51 conditions',
      pairs(...Array.from({ length: 51 }, () => ['>=', '1'])),
      'The field x has more than 50 conditions',
    ],
    ['a condition that is no pair', pairs('>= 1'), noOperator],
    ['an unknown operator', pairs(['==', '1']), noOperator],
    ['no operator', pairs([null, '1']), noOperator],
    ['a map as operator', pairs([map({ a: 'b' }), '1']), noOperator],
    ['no version', pairs(['>=']), 'The field x has the condition >= "", which names no version'],
    ['an odd version', pairs(['>=', 'x']), 'The field x has the condition >= "x", which names no version'],
  ] as const) {
    t.throws(() => read(value as TYaml), { kind: 'invalid', message: says }, what);
  }
  t.equal(versionIn(map({ version: ' 1 ' })), '1');
  t.equal(versionIn('1'), '1');
  for (const value of [undefined, null, [], map({}), map({ version: [] })]) t.equal(versionIn(value), undefined);
});
