import t from 'tap';
import type { IFormFields } from '../../ts/core/pipeline/body/interfaces.form.js';
import { checkAttestations, renderProvenance } from '../../ts/pypi/wire/wire.attestations.js';
import { parseFileName } from '../../ts/pypi/wire/wire.filenames.js';
import { parseReason, parseStatus } from '../../ts/pypi/wire/wire.status.js';
import { assertAgreement, assertDigests, parseUploadForm, projectOfForm } from '../../ts/pypi/wire/wire.upload.js';
import { refusal } from '../support/npm/packages.js';
import { attestationOf, hex, wheel } from '../support/pypi/distributions.js';

const formOf = (fields: Record<string, string | string[]>): IFormFields =>
  ({ all: (name: string) => [fields[name] ?? []].flat() }) as unknown as IFormFields;
const least = { name: 'Demo', version: '1.0' };
const form = (more: Record<string, string | string[]> = {}) => parseUploadForm(formOf({ ...least, ...more }));

t.test('the fields of an upload', async (t) => {
  const { project, name, version } = form();
  t.same([project, name, version], ['demo', 'Demo', '1.0']);
  const [md5, sha256] = ['0123456789abcdef'.repeat(2), '0123456789abcdef'.repeat(4)];
  const whole = {
    ':action': 'file_upload',
    protocol_version: '1',
    name: ' Foo.Bar ',
    version: ' 1.0 ',
    filetype: 'sdist',
    md5_digest: md5.toUpperCase(),
    sha256_digest: ` ${sha256} `,
    attestations: '[]',
  };
  const found = {
    project: 'foo-bar',
    name: 'Foo.Bar',
    version: '1.0',
    filetype: 'sdist',
    md5,
    sha256,
    attestations: '[]',
  };
  t.same(form(whole), found);
  for (const empty of ['', ' ', 'UNKNOWN']) {
    const {
      filetype,
      md5: noMd5,
      sha256: noSha,
      attestations,
    } = form({
      ':action': empty,
      protocol_version: empty,
      filetype: empty,
      md5_digest: empty,
      sha256_digest: empty,
      attestations: empty,
    });
    t.same([filetype, noMd5, noSha, attestations], [undefined, undefined, undefined, undefined]);
    t.throws(() => form({ name: empty }), refusal('invalid', { message: 'The field name is missing' }));
    t.throws(() => form({ version: empty }), refusal('invalid', { message: 'The field version is missing' }));
    t.equal(projectOfForm(formOf({ name: empty })), undefined);
  }
  t.equal(projectOfForm(formOf({})), undefined);
  t.equal(projectOfForm(formOf({ name: 'Foo_Bar' })), 'foo-bar');
  t.throws(() => projectOfForm(formOf({ name: '-' })), refusal('invalid'));
  t.throws(() => projectOfForm(formOf({ name: ['a', 'b'] })), refusal('invalid'));
  t.equal(form({ name: ['Demo', ' Demo '] }).name, 'Demo', 'the same value twice is one');
  const wrong: [more: Record<string, string | string[]>, message: RegExp][] = [
    ...[
      'name',
      'version',
      ':action',
      'protocol_version',
      'filetype',
      'md5_digest',
      'sha256_digest',
      'attestations',
    ].map((field): [Record<string, string[]>, RegExp] => [
      { [field]: ['1', '2'] },
      /^The form has two values for the field /,
    ]),
    [{ ':action': 'submit' }, /^The :action of an upload is file_upload; this index has no "submit"$/],
    [{ ':action': 'x'.repeat(41) }, /has no "x{40}"$/],
    [{ protocol_version: '2' }, /^The protocol_version of an upload is 1$/],
    [{ name: 'simple' }, /it is a path of this index/],
    [{ version: 'x'.repeat(101) }, /^"x{100}" is not a version as PEP 440 defines it$/],
    [{ md5_digest: md5.slice(1) }, /^The field md5_digest is not 32 hex digits$/],
    [{ md5_digest: `${md5}0` }, /is not 32 hex digits/],
    [{ md5_digest: `g${md5.slice(1)}` }, /is not 32 hex digits/],
    [{ sha256_digest: sha256.slice(1) }, /^The field sha256_digest is not 64 hex digits$/],
    [{ sha256_digest: `${sha256}0` }, /is not 64 hex digits/],
  ];
  for (const [more, message] of wrong)
    t.throws(() => form(more), refusal('invalid', { message }), JSON.stringify(more));
  const digests = { md5, sha256 };
  t.doesNotThrow(() => assertDigests(form(), digests));
  t.doesNotThrow(() => assertDigests(form({ md5_digest: md5, sha256_digest: sha256 }), digests));
  for (const [more, message] of [
    [{ md5_digest: 'a'.repeat(32) }, `The md5 of the received file is ${md5}, and the form says ${'a'.repeat(32)}`],
    [
      { sha256_digest: 'a'.repeat(64) },
      `The sha256 of the received file is ${sha256}, and the form says ${'a'.repeat(64)}`,
    ],
  ] as const) {
    t.throws(() => assertDigests(form(more), digests), refusal('digestMismatch', { message }));
  }
});

t.test('the form, the file name and the metadata are of one release', async (t) => {
  const inside = (name: string, version: string) => ({ name, version }) as never;
  const agrees = (more: Record<string, string>, filename: string, name = 'demo', version = '1.0.0') =>
    assertAgreement(form(more), parseFileName(filename), inside(name, version));
  const WHEEL = 'demo-1.0-py3-none-any.whl';
  t.doesNotThrow(() => agrees({ filetype: 'bdist_wheel' }, WHEEL));
  t.doesNotThrow(() => agrees({ filetype: 'sdist' }, 'demo-1.0.tar.gz', 'DEMO'));
  for (const [run, message] of [
    [() => agrees({ filetype: 'sdist' }, WHEEL), `The filetype "sdist" is not that of ${WHEEL}`],
    [() => agrees({ filetype: 'x'.repeat(41) }, WHEEL), `The filetype "${'x'.repeat(40)}" is not that of ${WHEEL}`],
    [() => agrees({}, WHEEL, 'other'), 'The form is for the project Demo, and the METADATA in the file says other'],
    [() => agrees({}, WHEEL, 'demo', '2.0'), 'The form says version 1.0, and the METADATA in the file says 2.0'],
    [
      () => agrees({}, 'demo-1.0.zip', 'other'),
      'The form is for the project Demo, and the PKG-INFO in the file says other',
    ],
    [() => agrees({}, 'demo-2.0.zip'), 'The file name demo-2.0.zip is not one of demo 1.0.0'],
    [() => agrees({}, 'other-1.0.zip'), 'The file name other-1.0.zip is not one of demo 1.0.0'],
  ] as const) {
    t.throws(run, refusal('invalid', { message }), message);
  }
});

t.test('reasons and statuses', async (t) => {
  const limit = 'x'.repeat(1000);
  t.equal(parseReason(` ${limit} `), limit);
  t.throws(() => parseReason(`${limit}x`), refusal('invalid', { message: /longer than 1000 characters/ }));
  for (const value of [undefined, null, '', ' ']) t.equal(parseReason(value), undefined);
  for (const value of [5, {}, []]) t.throws(() => parseReason(value), refusal('invalid', { message: /is not a text/ }));
  for (const code of [0x00, 0x0a, 0x1f, 0x7f, 0x80, 0x9f]) {
    const message = /line breaks or control characters/;
    t.throws(() => parseReason(`a${String.fromCharCode(code)}b`), refusal('invalid', { message }), `${code}`);
  }
  t.equal(parseReason('a ~\u00a0é'), 'a ~\u00a0é');
  for (const status of ['active', 'archived', 'quarantined', 'deprecated']) t.same(parseStatus({ status }), { status });
  const message = 'The status is one of active, archived, quarantined, deprecated';
  for (const body of [{ status: 'gone' }, [], null, 'active']) {
    t.throws(() => parseStatus(body), refusal('invalid', { message }));
  }
});

t.test('attestations: sixteen at most, and each of their parts', async (t) => {
  const file = wheel('demo', '1.0');
  const sha256 = hex('sha256', file.bytes);
  const right = attestationOf(file) as { envelope: object };
  const text = JSON.stringify(Array(16).fill(right));
  t.equal(checkAttestations(text, sha256), text);
  t.equal(checkAttestations('[]'.padEnd(1_000_000), sha256), undefined);
  const tooLong = refusal('invalid', { message: /^The field attestations has more than 1000000 characters$/ });
  t.throws(() => checkAttestations('[]'.padEnd(1_000_001), sha256), tooLong);
  const envelope = (statement: unknown) => ({
    ...right,
    envelope: { statement: Buffer.from(JSON.stringify(statement)).toString('base64') },
  });
  const cases: [attestation: unknown, message: RegExp][] = [
    [null, /is not an object of version 1 with verification_material/],
    [{ ...right, version: '1' }, /version 1/],
    [{ ...right, verification_material: 'x' }, /verification_material/],
    [{ ...right, envelope: 'x' }, /^An attestation has no statement$/],
    [{ ...right, envelope: { statement: 5 } }, /has no statement/],
    [{ ...right, envelope: { statement: 'bm9uZQ==' } }, /is not JSON in base64/],
    [envelope(null), /about another file/],
    [envelope({ subject: {} }), /about another file/],
    [envelope({ subject: [] }), /about another file/],
    [envelope({ subject: [null] }), /about another file/],
    [envelope({ subject: [{ digest: 'x' }] }), /about another file/],
    [envelope({ subject: [{ digest: { sha256: sha256.toUpperCase() } }] }), /about another file/],
    [envelope({ subject: [{ digest: { sha256 } }, { digest: { sha256 } }] }), /about another file/],
  ];
  for (const [attestation, message] of cases) {
    const list = JSON.stringify([right, attestation]);
    t.throws(() => checkAttestations(list, sha256), refusal('invalid', { message }), String(message));
  }
  t.equal(
    renderProvenance('[1]'),
    '{"version":1,"attestation_bundles":[{"publisher":{"kind":"unverified","claims":null},"attestations":[1]}]}',
  );
});
