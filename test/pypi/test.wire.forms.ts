import t from 'tap';
import { checkAttestations, renderProvenance } from '../../ts/pypi/wire/wire.attestations.js';
import { chooseForm, formNamed } from '../../ts/pypi/wire/wire.forms.js';
import { parseStatus, parseYank } from '../../ts/pypi/wire/wire.status.js';
import { refusal } from '../support/npm/packages.js';
import { attestationOf, hex, wheel } from '../support/pypi/distributions.js';

const JSON_V1 = 'application/vnd.pypi.simple.v1+json';
const HTML_V1 = 'application/vnd.pypi.simple.v1+html';
const HTML = 'text/html; charset=utf-8';

t.test('every client gets the form that it prefers', async (t) => {
  const cases: [who: string, accept: string | undefined, type: string][] = [
    ['pip', `${JSON_V1}, ${HTML_V1}; q=0.1, text/html; q=0.01`, JSON_V1],
    ['uv', `${JSON_V1}, ${HTML_V1};q=0.2, text/html;q=0.01`, JSON_V1],
    ['poetry', `${JSON_V1}, */*;q=0.1`, JSON_V1],
    ['curl', '*/*', HTML],
    ['nobody', undefined, HTML],
    ['empty', '', HTML],
    ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', HTML],
    ['pip before 22', 'text/html', HTML],
    ['equals, JSON named', `text/html, ${JSON_V1}`, JSON_V1],
    ['HTML preferred', `text/html, ${JSON_V1};q=0.5`, HTML],
    ['v1 HTML', HTML_V1, HTML_V1],
    ['latest JSON', 'application/vnd.pypi.simple.latest+json', JSON_V1],
    ['latest HTML', 'application/vnd.pypi.simple.latest+html', HTML_V1],
    ['JSON refused', `${JSON_V1};q=0, */*`, HTML],
    ['nothing of ours', 'application/vnd.pypi.simple.v2+json', HTML],
    ['nonsense', 'text/plain', HTML],
    ['malformed', ';;;q=x,,', HTML],
    ['in capitals', JSON_V1.toUpperCase(), JSON_V1],
  ];
  for (const [who, accept, type] of cases) t.equal(chooseForm(accept).contentType, type, who);
});

t.test('a form is asked for by the name of its media type', async (t) => {
  t.equal(formNamed(JSON_V1)?.contentType, JSON_V1);
  t.equal(formNamed(JSON_V1.replace('+', ' '))?.contentType, JSON_V1, 'a plus that was typed into an address');
  t.equal(formNamed('text/html')?.contentType, HTML);
  t.equal(formNamed('application/vnd.pypi.simple.latest+html')?.contentType, HTML_V1);
  for (const other of [undefined, '', 'json', 'image/png', '*/*', 'constructor', `${JSON_V1};q=0.5`]) {
    t.equal(formNamed(other), undefined, String(other));
  }
});

t.test('statuses and their reasons', async (t) => {
  t.same(parseStatus({ status: 'archived', reason: ' done ' }), { status: 'archived', reason: 'done' });
  t.same(parseStatus({ status: 'active', reason: 'of no use' }), { status: 'active' });
  t.same(parseStatus({ status: 'deprecated', reason: '' }), { status: 'deprecated' });
  t.same(parseYank({}), '');
  t.same(parseYank({ reason: '<b>broken</b>' }), '<b>broken</b>');
  for (const body of [null, 1, [], 'archived', {}, { status: 'Archived' }, { status: 'toString' }]) {
    t.throws(() => parseStatus(body), refusal('invalid'), JSON.stringify(body));
  }
  for (const reason of [1, {}, 'a\nb', 'a\u001b[31m', 'x'.repeat(1001)]) {
    t.throws(() => parseYank({ reason }), refusal('invalid'), JSON.stringify(reason).slice(0, 30));
    t.throws(() => parseStatus({ status: 'archived', reason }), refusal('invalid'));
  }
  t.throws(() => parseYank([]), refusal('invalid'));
});

t.test('attestations are about the file that they come with', async (t) => {
  const file = wheel('demo', '1.0');
  const sha256 = hex('sha256', file.bytes);
  const right = attestationOf(file);
  const text = JSON.stringify([right]);
  t.equal(checkAttestations(text, sha256), text);
  t.equal(checkAttestations('[]', sha256), undefined, 'none');
  t.match(JSON.parse(renderProvenance(text)), {
    version: 1,
    attestation_bundles: [{ publisher: { kind: 'unverified' }, attestations: [right] }],
  });
  const subject = { name: file.filename, digest: { sha256 } };
  const envelope = (statement: unknown) => [{ ...right, envelope: { statement, signature: '' } }];
  const wrong: [what: string, value: unknown][] = [
    ['no array', {}],
    ['no object', [1]],
    ['another version', [{ ...right, version: 2 }]],
    ['no material', [{ ...right, verification_material: undefined }]],
    ['no envelope', [{ ...right, envelope: undefined }]],
    ['no JSON in it', envelope('bm9uZQ==')],
    ['no subject', envelope(Buffer.from('{}').toString('base64'))],
    ['two files', envelope(Buffer.from(JSON.stringify({ subject: [subject, subject] })).toString('base64'))],
    ['another file', [attestationOf(wheel('demo', '2.0'))]],
    ['too many', Array.from({ length: 17 }, () => right)],
  ];
  for (const [what, value] of wrong) {
    t.throws(() => checkAttestations(JSON.stringify(value), sha256), refusal('invalid'), what);
  }
  t.throws(() => checkAttestations('no JSON', sha256), refusal('invalid'));
});
