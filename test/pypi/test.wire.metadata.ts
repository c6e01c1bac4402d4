import t from 'tap';
import { fieldOf, inspectMetadata, parseMetadata } from '../../ts/pypi/wire/wire.metadata.js';
import { cpuSince } from '../support/cpu.js';
import { refusal } from '../support/npm/packages.js';

const bytes = (text: string): Buffer => Buffer.from(text);
const valid = (more = ''): Buffer => bytes(`Metadata-Version: 2.4\nName: Demo\nVersion: 1.0\n${more}`);

t.test('fields, repeated fields and the description', async (t) => {
  const { fields, description } = parseMetadata(
    bytes(
      'Metadata-Version: 2.1\nName: demo\nVersion:1.0\nClassifier: A :: B\nclassifier: C\nSummary: with: colons\n\n# Read\n\nmore\n',
    ),
  );
  t.same(fields.get('classifier'), ['A :: B', 'C'], 'in any case');
  t.same(fields.get('version'), ['1.0']);
  t.same(fields.get('summary'), ['with: colons']);
  t.equal(description, '# Read\n\nmore\n');
});

t.test('line ends of every system, a byte order mark, and folded lines', async (t) => {
  const windows = parseMetadata(bytes('\ufeffName: demo\r\nLicense: one\r\n  two\r\n\r\nbody\r\n'));
  t.same(
    [...windows.fields],
    [
      ['name', ['demo']],
      ['license', ['one\n  two']],
    ],
  );
  t.equal(windows.description, 'body\n');
  const folded = parseMetadata(bytes('License: one\n\ttwo\n three\n\t \nVersion: 1.0\n'));
  t.same(
    [...folded.fields],
    [
      ['license', ['one\n\ttwo\n three\n\t ']],
      ['version', ['1.0']],
    ],
    'a line may be folded with a tab',
  );
  t.same(parseMetadata(bytes('A: \t x \n')).fields.get('a'), ['x '], 'blanks before a value are not part of it');
  const early = parseMetadata(bytes(' folded\nName: demo\n'));
  t.same([early.fields.size, early.description], [0, ' folded\nName: demo\n'], 'there is nothing to continue');
});

t.test('names of fields', async (t) => {
  for (const name of ['!', '9', ';', '~', 'x-y', 'a.b']) {
    t.same(parseMetadata(bytes(`${name}: x\n`)).fields.get(name), ['x'], name);
  }
  for (const name of ['', 'a b', 'é', 'a\u007f', 'a\u0001']) {
    t.equal(parseMetadata(bytes(`${name}: x\n`)).fields.size, 0, JSON.stringify(name));
  }
});

t.test('a description in a field, as older tools wrote it', async (t) => {
  const bar = parseMetadata(bytes('Name: demo\nDescription: One\n       |two\n       |  three\n'));
  t.equal(bar.description, 'One\ntwo\n  three');
  const blanks = parseMetadata(bytes('Name: demo\nDescription: One\n        two\n          three\nVersion: 1\n'));
  t.equal(blanks.description, 'One\ntwo\n  three');
  const seven = parseMetadata(bytes('Description: One\n       two\n         |three\n'));
  t.equal(seven.description, 'One\n       two\n |three', 'eight blanks, or seven and a bar');
  const both = parseMetadata(bytes('Description: in a field\n\nbehind the fields\n'));
  t.equal(both.description, 'behind the fields\n');
  t.equal(parseMetadata(bytes('Description: in a field\n\n \n')).description, 'in a field');
  t.equal(parseMetadata(bytes('Description:  \n')).description, undefined);
  t.same(blanks.fields.get('version'), ['1']);
  t.equal(parseMetadata(bytes('Name: demo\n\n\n')).description, undefined, 'an empty one is none');
});

t.test('the first line that is no field ends the fields', async (t) => {
  const { fields, description } = parseMetadata(bytes('Name: demo\nno field at all\nVersion: 1\n'));
  t.same([...fields.keys()], ['name']);
  t.equal(description, 'no field at all\nVersion: 1\n');
});

t.test('bytes that are no UTF-8 are read as Latin-1', async (t) => {
  t.same(parseMetadata(Buffer.from('Author: Andr\xe9\n', 'latin1')).fields.get('author'), ['André']);
});

t.test('fields may be called like members of objects', async (t) => {
  const { fields } = parseMetadata(bytes('__proto__: x\nconstructor: y\n'));
  t.same(
    [...fields],
    [
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ],
  );
});

t.test('UNKNOWN and an empty field are not set', async (t) => {
  const metadata = parseMetadata(bytes('Summary: UNKNOWN\nLicense:\nAuthor: ann\n'));
  t.equal(fieldOf(metadata, 'summary'), undefined);
  t.equal(fieldOf(metadata, 'license'), undefined);
  t.equal(fieldOf(metadata, 'home-page'), undefined);
  t.equal(fieldOf(metadata, 'author'), 'ann');
});

t.test('metadata of every version are accepted, with fields that nobody knows', async (t) => {
  for (const version of ['1.0', '1.1', '1.2', '2.0', '2.1', '2.2', '2.3', '2.4', '2.5', '2.12']) {
    const text = `Metadata-Version: ${version}\nName: Demo\nVersion: 1.0\nRequires-Python: >=3.9\nImport-Name: demo\n`;
    t.match(
      inspectMetadata(bytes(text), 'METADATA'),
      { name: 'Demo', version: '1.0', requiresPython: '>=3.9' },
      version,
    );
  }
  t.notOk('requiresPython' in inspectMetadata(valid('Requires-Python:\n'), 'METADATA'));
  t.equal(inspectMetadata(bytes('Metadata-Version: 2.123\nName: a\nVersion: 1\n'), 'PKG-INFO').name, 'a');
});

t.test('what the index relies on has to be right', async (t) => {
  const wrong: [text: string, message: RegExp][] = [
    ['', /METADATA has no field Metadata-Version/],
    ['Metadata-Version: 2.1\nVersion: 1.0\n', /no field Name/],
    ['Metadata-Version: 2.1\nName: demo\n', /no field Version/],
    ['Metadata-Version: 2.1\nName: demo\nName: other\nVersion: 1\n', /the field Name twice/],
    ['Metadata-Version: 2.1\nName: demo\nVersion: 1\nVersion: 2\n', /the field Version twice/],
    ['Metadata-Version: 3.0\nName: demo\nVersion: 1\n', /unknown Metadata-Version/],
    ['Metadata-Version: x\nName: demo\nVersion: 1\n', /unknown Metadata-Version/],
    ...['2', '2.', '2.1234', '12.1', '2.1.1', 'v2.1', '0.1'].map((version): [string, RegExp] => [
      `Metadata-Version: ${version}\nName: demo\nVersion: 1\n`,
      /^METADATA has an unknown Metadata-Version$/,
    ]),
    ['Metadata-Version: 2.1\nMetadata-Version: 2.1\nName: demo\nVersion: 1\n', /the field Metadata-Version twice/],
    ['Metadata-Version: 2.1\nName: UNKNOWN\nVersion: 1\n', /no field Name/],
    [`Metadata-Version: 2.1\nName: demo\nVersion: ${'x'.repeat(101)}\n`, /: "x{100}"$/],
    ['Metadata-Version: 2.1\nName: <b>demo</b>\nVersion: 1\n', /not the name of a project/],
    ['Metadata-Version: 2.1\nName: demo\nVersion: <script>\n', /not a version as PEP 440 defines it: "<script>"/],
    [`Metadata-Version: 2.1\nName: demo\nVersion: ${'1'.repeat(100_000)}\n`, /^.{0,300}$/],
    ['Metadata-Version: 2.1\nName: demo\nVersion: 1\nRequires-Python: <script>alert(1)</script>\n', /Requires-Python/],
  ];
  for (const [text, message] of wrong) {
    t.throws(() => inspectMetadata(bytes(text), 'METADATA'), refusal('invalid', { message }), text.slice(0, 60));
  }
});

t.test('blanks before a line separator of Unicode cost no more than other text', async (t) => {
  const begun = process.cpuUsage();
  const text = `Name: demo\nSummary:${' '.repeat(1024 * 1024)}\u2028x\n`;
  t.same(parseMetadata(bytes(text)).fields.get('summary'), ['\u2028x']);
  t.ok(cpuSince(begun) < 2000, 'an hour with an expression that goes back');
});

t.test('line ends of older systems cost no more than others', async (t) => {
  const count = 4 * 1024 * 1024;
  const begun = process.cpuUsage();
  t.equal(parseMetadata(bytes(`Name: demo\r\r${'\r'.repeat(count)}x`)).description, `${'\n'.repeat(count)}x`);
  t.equal(
    parseMetadata(bytes(`Name: demo\r\n\r\n${'\r\n'.repeat(count / 2)}x\n\r`)).description?.length,
    count / 2 + 3,
  );
  t.ok(cpuSince(begun) < 500, 'two seconds with an expression');
});

t.test('a million lines are refused before the description, and cost little in it', async (t) => {
  const fieldCount = (count: number) => bytes('A:\n'.repeat(count));
  t.equal(parseMetadata(fieldCount(20_000)).fields.get('a')?.length, 20_000);
  t.throws(() => parseMetadata(fieldCount(20_001)), refusal('invalid', { message: /more than 20000 fields/ }));
  for (const line of [' x\n', 'A:\n', 'Description: x\n        y\n']) {
    t.throws(() => inspectMetadata(valid(`Summary: x\n${line.repeat(150_000)}`), 'METADATA'), refusal('invalid'));
  }
  const lines = (count: number) => bytes(`A: x\n${' x\n'.repeat(count - 1)}\nbody`);
  t.equal(parseMetadata(lines(100_000)).description, 'body');
  t.throws(() => parseMetadata(lines(100_001)), refusal('invalid', { message: /more than 100000 lines before/ }));
  const text = 'line\r\n'.repeat(300_000);
  const { description } = parseMetadata(bytes(`Name: demo\r\n\r\n${text}`));
  t.equal(description, text.replaceAll('\r', ''));
  t.equal(parseMetadata(bytes('Name: demo\nno field\nmore')).description, 'no field\nmore');
  t.equal(parseMetadata(bytes('Name: demo\r\rbody\rmore')).description, 'body\nmore');
});
