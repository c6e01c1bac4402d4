import t from 'tap';
import { loadServeConfig } from '../../ts/cli/helpers.cliconfig.js';
import { oneOf, parseCommand, parseDuration, parsePort, required } from '../../ts/cli/helpers.commandline.js';
import { fileSchema } from '../../ts/cli/helpers.fileschema.js';
import { fileJsonSchema } from '../../ts/cli/helpers.jsonschema.js';
import { progressLine } from '../../ts/cli/helpers.progress.js';
import { substitute } from '../../ts/cli/helpers.substitution.js';
import { didYouMean, nearestName } from '../../ts/config/helpers.names.js';
import { fieldOf } from '../../ts/config/helpers.problems.js';
import { kindsOf, unknownNames } from '../../ts/config/helpers.walk.js';
import { configAdvice, scopeAdvice } from '../../ts/helpers.scopeadvice.js';

t.test('a duration is a number and a unit', async (t) => {
  const units = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };
  for (const [unit, seconds] of Object.entries(units)) {
    t.equal(parseDuration(`1${unit}`, '--x'), seconds);
    t.equal(parseDuration(`30${unit}`, '--x'), 30 * seconds);
  }
  for (const text of ['', '1', 'd', '0d', '-1d', '1.5d', '01d', '1D', '1 d', '1dd', '1month']) {
    t.throws(() => parseDuration(text, '--expires'), { name: 'UsageError', message: /^--expires must be/ }, text);
  }
});

t.test('a port, a word of several, and an option that is needed', async (t) => {
  t.equal(parsePort('0', '--port'), 0);
  t.equal(parsePort('65535', '--port'), 65_535);
  for (const text of ['', '65536', '-1', '1.5', '0x10', '1e3', ' 80']) {
    t.throws(() => parsePort(text, '--port'), { name: 'UsageError', message: /^--port must be/ }, text);
  }
  t.equal(oneOf('b', ['a', 'b'], '--x'), 'b');
  t.throws(() => oneOf('c', ['a', 'b'], '--x'), { name: 'UsageError', message: '--x must be one of a, b' });
  t.equal(required('x', '--x'), 'x');
  for (const none of [undefined, '']) t.throws(() => required(none, '--x'), { message: '--x is missing' });
});

t.test('the arguments of a command', async (t) => {
  const options = { flag: { type: 'boolean' }, text: { type: 'string' } } as const;
  t.match(parseCommand(['a', '--flag', '--text', 'x', 'b'], options, ['ONE', 'TWO']), {
    values: { flag: true, text: 'x' },
    operands: ['a', 'b'],
  });
  t.throws(() => parseCommand(['a'], options, ['ONE', 'TWO']), { name: 'UsageError', message: 'TWO is missing' });
  t.throws(() => parseCommand(['a', 'b'], options, ['ONE']), { message: '"b" is one argument too many' });
  t.throws(
    () => parseCommand(['--', '--text', 'x'], options),
    { message: '--text stands after "--", where nothing is an option: leave the "--" out' },
    'as npm start wants it, and pnpm start passes it on',
  );
  t.same(parseCommand(['a', 'b', 'c'], options, ['ONE'], { more: true }).operands, ['a', 'b', 'c']);
  t.throws(() => parseCommand([], options, ['ONE'], { more: true }), { message: 'ONE is missing' });
  const unknown = () => parseCommand(['--other'], options);
  t.throws(unknown, { name: 'UsageError', message: /^Unknown option '--other'$/ });
});

t.test('progress is one line on a terminal, drawn now and then', async (t) => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  const silent = progressLine({ isTTY: false, write });
  silent.show('a');
  silent.clear();
  t.same(written, []);
  const line = progressLine({ isTTY: true, write });
  const { now } = performance;
  let time = 5;
  performance.now = () => time;
  try {
    line.clear();
    line.show('one');
    time += 99;
    line.show('two');
    time += 1;
    line.show('three');
    line.clear();
    line.clear();
    line.show('four');
  } finally {
    performance.now = now;
  }
  t.same(written, ['\r\u001b[Kone', '\r\u001b[Kthree', '\r\u001b[K', '\r\u001b[Kfour']);
});

t.test('advice about scopes', async (t) => {
  t.same(scopeAdvice(), []);
  t.same(scopeAdvice(['no scope at all', '*:*:*:*', '*:*:*:push', 'oci:repository:*:delete']), []);
  t.match(scopeAdvice(['*:*:*:publish']), [/grants nothing: there is oci:repository:NAME:pull\|push\|delete, npm:/]);
  t.match(scopeAdvice(['npm:package:a:pull', 'x:y:z:read']), [
    /npm:package:NAME:read\|write\|delete$/,
    /protocols are oci, npm/,
  ]);
  for (const scope of [
    'cargo:crate:A:read',
    'composer:package:A/b:read',
    'pypi:package:a.b:read',
    'maven:artifact:a/b:c:read',
  ]) {
    t.match(scopeAdvice([scope]), [/in scopes, the names of/], scope);
  }
  t.same(scopeAdvice(['npm:package:A/b_c.d:read', 'rubygems:gem:A_b.c:read', 'oci:repository:a/b_c.d:pull']), []);
  t.equal(
    configAdvice({
      auth: {
        anonymousScopes: ['a:b:c:d'],
        users: [
          { username: 'a', password: 'b', scopes: ['e:f:g:h'] },
          { username: 'c', password: 'd' },
        ],
      },
    } as never).length,
    2,
  );
  t.same(configAdvice({}), []);
});

/** `#{NAME}` as it stands in a configuration file */
const dollars = <T>(value: T): T => (typeof value === 'string' ? (value.replaceAll('#', '$') as T) : value);

t.test('variables in texts', async (t) => {
  const env = { A: 'text', NUMBER: '7', YES: 'true', NO: 'false', EMPTY: '', _x1: 'low' };
  const config = (value: string | number, path: 'port' | 'trustProxy' | 'host' = 'host') =>
    (substitute({ [path]: dollars(value) }, env).config as Record<string, unknown>)[path];
  t.equal(config('#{A}'), 'text');
  t.equal(config('x#{A}y#{_x1}'), 'xtextylow');
  t.equal(config('##{A} #{EMPTY}'), dollars('#{A} '));
  t.equal(config('#A {A}'), '$A {A}');
  t.equal(config('#{NUMBER}'), '7', 'a text stays one');
  t.equal(config('#{NUMBER}', 'port'), 7);
  t.equal(config('1#{NUMBER}', 'port'), 17);
  t.equal(config('#{A}', 'port'), 'text');
  t.equal(config('#{YES}', 'trustProxy'), true);
  t.equal(config('#{NO}', 'trustProxy'), false);
  t.equal(config('#{NUMBER}', 'trustProxy'), '7');
  t.equal(config(5, 'port'), 5);
  t.equal(config('7', 'port'), '7', 'only a variable is converted');
  const problems = (value: string) =>
    substitute({ a: [{ b: dollars(value) }] }, env).problems.map(({ message }) => message);
  t.same(problems('#{NONE}'), ['config.a[0].b needs the environment variable NONE, which is not set']);
  for (const text of ['#{', '#{A', '#{}', '#{1A}', '#{A-B}', '#{ A}'])
    t.match(problems(text), [/^config\.a\[0\]\.b has a "\$\{"/], text);
  t.equal(config('#{A} #{NONE}'), dollars('#{A} #{NONE}'), 'a text with a problem stays');
  t.same(substitute({ a: null, b: [1, true], c: {} }, env).config, { a: null, b: [1, true], c: {} });
});

t.test('the nearest of the known names', async (t) => {
  const known = ['storageHooks', 'npm', 'maxArtifactSize', 'url'];
  t.equal(nearestName('STORAGEHOOKS', known), 'storageHooks');
  t.equal(nearestName('nmp', known), 'npm');
  t.equal(nearestName('maxArtefactSzie', known), 'maxArtifactSize');
  t.equal(nearestName('maxFileSizes', known), undefined);
  t.equal(nearestName('u', known), undefined, 'half of a word is not another one');
  t.equal(didYouMean('nmp', known), '; did you mean npm?');
  t.equal(didYouMean('nmp', known, 'is it'), '; is it npm?');
  t.equal(didYouMean('else', known), '');
});

t.test('the path of a field, what may stand there, and names that are not known', async (t) => {
  t.equal(fieldOf(['users', '0', 'name']), 'users[0].name');
  t.equal(fieldOf(['a']), 'a');
  t.equal(fieldOf([]), '');
  t.equal(fieldOf(['a', '1', '2', 'b1']), 'a[1][2].b1');
  const kinds = (path: string[], root: unknown = {}) => [...kindsOf(fileSchema, root, path)].sort();
  t.same(kinds(['port']), ['number']);
  t.same(kinds(['trustProxy']), ['boolean']);
  t.same(kinds(['auth', 'jwtSecret'], { auth: {} }), ['string']);
  t.same(kinds(['storage', 'port'], { storage: { bucketName: 'b' } }), ['number', 'string']);
  t.same(kinds(['auth', 'users', '0', 'password'], { auth: { users: [{}] } }), ['string']);
  t.same(kinds(['nothing']), []);
  t.same(kinds(['port', 'x']), []);
  t.same(unknownNames(fileSchema, { auth: { users: [{ pasword: 1 }] }, constructor: 1 }), [
    { path: ['auth', 'users', '0', 'pasword'], hint: '; did you mean password?' },
    { path: ['constructor'], hint: '' },
  ]);
  t.same(unknownNames(fileSchema, { auth: 7, npm: null }), []);
});

interface INode {
  type?: string;
  title?: string;
  pattern?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: INode[];
  items?: INode;
  required?: string[];
  properties?: Record<string, INode>;
}

t.test('the JSON Schema lets a variable stand for what is not any text', async (t) => {
  const schema = fileJsonSchema() as INode;
  t.equal(schema.title, 'Configuration of smartregistry');
  const { auth, port, npm, host, storage } = schema.properties as Record<string, INode>;
  const pattern = '\\$\\{[A-Za-z_]\\w*\\}';
  t.match(port?.anyOf, [{ type: /number|integer/ }, { type: 'string', pattern }]);
  t.match(npm?.properties?.enabled?.anyOf, [{ type: 'boolean' }, { pattern }]);
  t.match(npm?.properties?.basePath?.anyOf, [{ type: 'string', pattern: /./ }, { pattern }]);
  t.match(auth?.properties?.tokenStore?.anyOf, [{ enum: ['memory', 'redis', 'database', 'bucket'] }, { pattern }]);
  t.equal(host?.type, 'string', 'a text may hold one anyway');
  t.equal(auth?.properties?.users?.items?.properties?.password?.type, 'string');
  t.same(auth?.properties?.users?.items?.required, ['username', 'password']);
  t.ok(storage?.properties === undefined, 'each kind of storage has fields of its own');
});

t.test('without a file: a directory, tokens in the bucket, every protocol', async (t) => {
  const { config, server } = await loadServeConfig({}, {});
  t.match(config.storage, { directory: /\/data$/ });
  t.same(config.auth, { tokenStore: 'bucket' });
  for (const protocol of ['oci', 'npm', 'maven', 'cargo', 'composer', 'pypi', 'rubygems'] as const) {
    t.same(config[protocol], { enabled: true }, protocol);
  }
  t.same(server, { host: undefined, port: undefined, tls: undefined });
  t.match((await loadServeConfig({}, { SMARTREGISTRY_DATA: '/there' })).config.storage, { directory: '/there' });
  const both = await loadServeConfig({ data: '/here' }, { SMARTREGISTRY_DATA: '/there', SMARTREGISTRY_CONFIG: '' });
  t.match(both.config.storage, { directory: '/here' });
});
