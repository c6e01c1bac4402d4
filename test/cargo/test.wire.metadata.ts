import t from 'tap';
import { frameParts, LENGTH_BYTES, readLength } from '../../ts/cargo/wire/wire.frame.js';
import { assertLine, entryOf, pubtimeOf } from '../../ts/cargo/wire/wire.index.js';
import { checkMetadata, parseMetadata } from '../../ts/cargo/wire/wire.metadata.js';
import {
  assertDependencyName,
  assertFeatureName,
  assertFeatureValue,
  isCrateName,
  quoted,
} from '../../ts/cargo/wire/wire.names.js';
import { refusal } from '../support/npm/packages.js';

const a = (length: number): string => 'a'.repeat(length);
const LEAST = { name: 'a', vers: '1.0.0' };
const checked = (more: object) => checkMetadata({ ...LEAST, ...more });
const dependency = (more: object) => checked({ deps: [{ name: 'x', version_req: '*', ...more }] }).deps[0];
const bare = {
  name: 'x',
  req: '*',
  features: [],
  optional: false,
  default_features: true,
  target: null,
  kind: 'normal',
  registry: null,
  package: null,
};

t.test('names of crates', async (t) => {
  for (const name of ['a', 'Z', 'a0', 'A_c-9', 'z-', 'z_', 'constructor', a(64)]) t.ok(isCrateName(name), name);
  for (const name of ['', '_a', '-a', '0a', 'a.b', 'a b', 'a/b', 'é', 'aé', 'a\n', '\na', a(65), 5, null, undefined]) {
    t.notOk(isCrateName(name), String(name));
  }
});

t.test('names of dependencies: other registries may have names in all letters', async (t) => {
  for (const name of ['a', '_', '_x', 'é', '你好', 'a-b', 'a1', 'Z_9', a(256)])
    t.equal(assertDependencyName(name), name);
  for (const name of ['', '-a', '1a', 'a.b', 'a+b', 'a b', 'a\n', a(257), 5, null, undefined]) {
    t.throws(() => assertDependencyName(name), refusal('invalid', { message: /is not a valid name of a dependency/ }));
  }
});

t.test('names of features', async (t) => {
  for (const name of ['a', '_', '0', '9x', 'a+b', 'a.b', 'a-b', 'é', a(256)]) t.equal(assertFeatureName(name), name);
  for (const name of ['', '+a', '.a', '-a', 'a b', 'a/b', 'a?', 'a:b', 'a\n', a(257)]) {
    t.throws(() => assertFeatureName(name), refusal('invalid'), name);
  }
});

t.test('items of features', async (t) => {
  for (const item of ['a', '0a', 'c++', 'a.b', 'dep:a', 'dep:a-b', 'a/b', 'a?/b', 'a/0', 'a/b+c', '_/x']) {
    t.equal(assertFeatureValue(item), item);
  }
  const wrong = [
    '',
    'dep:',
    'dep:0',
    'dep:a/b',
    'dep:a?',
    'x dep:a',
    '/b',
    '?/b',
    'a/',
    'a?/',
    'a??/b',
    'a/b/c',
    '0/b',
  ];
  for (const item of [...wrong, 'a/-b', '-a', 'a?', 'a/b\n', 'dep:a\n', 5, null, {}]) {
    t.throws(() => assertFeatureValue(item), refusal('invalid', { message: /is not a valid item/ }), String(item));
  }
});

t.test('texts from outside in messages are short', async (t) => {
  t.equal(quoted(a(80)), `\`${a(80)}\``);
  t.equal(quoted(a(81)), `\`${a(80)}…\``);
  for (const [value, text] of [
    [{}, '{…}'],
    [[], '[…]'],
    [null, 'null'],
    [undefined, 'undefined'],
    [5, '5'],
  ] as const) {
    t.equal(quoted(value), `\`${text}\``);
  }
});

t.test('a publish of the least, and one of everything', async (t) => {
  t.same(checkMetadata(LEAST), {
    ...LEAST,
    deps: [],
    features: {},
    features2: null,
    links: null,
    rustVersion: null,
    about: { description: null, keywords: [], homepage: null, documentation: null, repository: null, license: null },
    others: {},
  });
  const about = {
    description: 'one',
    keywords: ['two', a(256)],
    homepage: 'three',
    documentation: 'four',
    repository: 'five',
    license: 'six',
  };
  const ignored = { authors: ['x'], readme: 'x', readme_file: 'x', categories: ['x'], license_file: 'x', badges: {} };
  const ours = { cksum: 'x', yanked: true, pubtime: 'x', v: 2 };
  const metadata = { ...about, ...ignored, ...ours, links: 'seven', rust_version: '1.70', newer: { x: [1] } };
  t.match(checked({ ...metadata, keywords: ['two', a(257)] }), {
    about,
    links: 'seven',
    rustVersion: '1.70',
  });
  t.same(checked(metadata).others, { newer: { x: [1] } }, 'what cargo of today sends is not in the index');
  const frame =
    '{"name":"a","vers":"1.0.0","__proto__":{"x":1},"deps":[{"name":"x","version_req":"*","__proto__":{}}]}';
  const parsed = parseMetadata(Buffer.from(frame));
  for (const one of [parsed.others, parsed.deps[0] as object]) t.notOk(Object.hasOwn(one, '__proto__'));
  t.throws(() => parseMetadata(Buffer.from('{')), refusal('invalid', { message: /are not valid JSON/ }));
  const described = '{"name":"a","vers":"1.0.0","description":"é"}';
  t.equal(parseMetadata(Buffer.from(described)).about.description, 'é');
  t.throws(
    () => parseMetadata(Buffer.from(described, 'latin1')),
    refusal('invalid', { message: /are not valid JSON/ }),
  );
});

t.test('texts have a limit, and are texts', async (t) => {
  const limit = 64 * 1024;
  for (const field of ['description', 'homepage', 'documentation', 'repository', 'license', 'links']) {
    t.ok(checked({ [field]: a(limit) }), field);
    const long = new RegExp(`\`${field}\` of the metadata has more than 65536 characters`);
    t.throws(() => checked({ [field]: a(limit + 1) }), refusal('invalid', { message: long }), field);
    const other = new RegExp(`\`${field}\` of the metadata is not a text`);
    for (const value of [5, true, ['x'], {}]) {
      t.throws(() => checked({ [field]: value }), refusal('invalid', { message: other }), field);
    }
    t.ok(checked({ [field]: null }), 'null is absent');
  }
  for (const field of ['target', 'registry']) {
    t.throws(() => dependency({ [field]: 5 }), refusal('invalid', { message: /is not a text/ }), field);
  }
  t.throws(() => dependency({ target: 'cfg(' }), refusal('invalid', { message: /`cfg\(` is not a valid platform/ }));
  t.equal(dependency({ target: a(limit) })?.target, a(limit));
  t.throws(() => dependency({ target: a(limit + 1) }), refusal('invalid'));
  t.throws(() => checked({ rust_version: 1 }), refusal('invalid', { message: /`rust_version` .* is not a text/ }));
  for (const field of ['deps', 'keywords']) {
    t.throws(
      () => checked({ [field]: 'x' }),
      refusal('invalid', { message: new RegExp(`\`${field}\` .* not a list`) }),
    );
  }
  t.throws(() => dependency({ features: 'x' }), refusal('invalid', { message: /`features` .* is not a list/ }));
  for (const field of ['features', 'features2']) t.throws(() => checked({ [field]: 'x' }), refusal('invalid'));
});

t.test('a dependency', async (t) => {
  t.same(dependency({}), bare);
  const nothing = { features: null, optional: null, default_features: null, target: null, kind: null, registry: null };
  t.same(dependency({ ...nothing, explicit_name_in_toml: null }), bare);
  t.same(dependency({ req: 'x', package: 'y', artifact: ['bin'] }), { ...bare, artifact: ['bin'] });
  t.same(dependency({ explicit_name_in_toml: 'alias' }), { ...bare, name: 'alias', package: 'x' });
  for (const kind of ['normal', 'dev', 'build']) t.equal(dependency({ kind })?.kind, kind);
  for (const kind of ['', 'Normal', 'test', 5, ['dev']]) {
    t.throws(() => dependency({ kind }), refusal('invalid', { message: /is not a kind of dependency/ }));
  }
  for (const field of ['optional', 'default_features']) {
    for (const value of [true, false]) t.equal(dependency({ [field]: value })?.[field], value);
    for (const value of ['true', 1, 0, '']) {
      const message = new RegExp(`\`${field}\` of a dependency is neither true nor false`);
      t.throws(() => dependency({ [field]: value }), refusal('invalid', { message }));
    }
  }
  for (const url of [
    'sparse+https://x.example.org/i/',
    'registry+https://x.example.org/i',
    'https://x.example.org/i',
  ]) {
    t.equal(dependency({ registry: url })?.registry, url);
  }
  for (const url of ['mine', '/i', 'sparse+mine', 'sparse+https:', 'registry+https://', 'https://', 'mailto:x']) {
    t.throws(() => dependency({ registry: url }), refusal('invalid', { message: /is not the URL of a registry/ }), url);
  }
});

t.test('artifact dependencies: cargo does not find a version with another type in one of their fields', async (t) => {
  const sent = { artifact: ['bin:x', 'cdylib'], bindep_target: 'x86_64-unknown-none', lib: true };
  t.same(dependency(sent), { ...bare, ...sent });
  t.same(dependency({ artifact: null, bindep_target: null, lib: null }), {
    ...bare,
    artifact: null,
    bindep_target: null,
  });
  t.same(dependency({ lib: false }), { ...bare, lib: false });
  for (const artifact of ['bin', {}, [1], [null], true]) {
    t.throws(() => dependency({ artifact }), refusal('invalid', { message: /`artifact` .* is not a list of texts/ }));
  }
  t.throws(() => dependency({ bindep_target: 5 }), refusal('invalid', { message: /`bindep_target` .* is not a text/ }));
  t.throws(() => dependency({ lib: 'x' }), refusal('invalid', { message: /`lib` .* is neither true nor false/ }));
});

t.test('rust versions', async (t) => {
  for (const version of ['0', '1', '1.70', '0.0.0', '1.70.0', '123456789.123456789.123456789']) {
    t.equal(checked({ rust_version: version }).rustVersion, version);
  }
  const wrong = [
    '1.2.3.4',
    '1234567890',
    '1.1234567890',
    'v1.70',
    '1.70x',
    '1.',
    '.1',
    '1..2',
    '1.70-beta',
    ' 1',
    '1\n',
    '01.70',
    '1.07',
    '1.70.00',
  ];
  for (const version of wrong) t.throws(() => checked({ rust_version: version }), refusal('invalid'), version);
});

t.test('features that cargo before 1.60 cannot read have a place of their own', async (t) => {
  const features = { dep: ['a', 'dep:x'], weak: ['x?/y'], strong: ['x/y'], none: [] };
  t.match(checked({ features }), {
    features: { strong: ['x/y'], none: [] },
    features2: { dep: ['a', 'dep:x'], weak: ['x?/y'] },
  });
  t.equal(checked({ features: { strong: ['x/y'] } }).features2, null);
  const chain = { default: ['two', 'old'], two: ['one'], one: ['dep:x'], loop: ['loop', 'old'], old: ['x/one'] };
  t.same(checked({ features: chain }).features, { loop: ['loop', 'old'], old: ['x/one'] });
  t.same(
    checked({ features: chain }).features2,
    { default: ['two', 'old'], two: ['one'], one: ['dep:x'] },
    'with those that enable them, at any distance, as in the index of the public registry',
  );
  const apart = checked({ features: { x: ['a'] }, features2: { x: ['dep:y'] } });
  t.same([apart.features, apart.features2], [{ x: ['a'] }, { x: ['dep:y'] }]);
  t.same(checked({ features: null, features2: null }).features, {});
});

t.test('what is passed through may have 16 levels', async (t) => {
  const lists = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  const objects = (levels: number): unknown => JSON.parse(`${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}`);
  for (const nested of [lists, objects]) {
    t.same(checked({ newer: nested(16) }).others, { newer: nested(16) });
    t.same(dependency({ newer: nested(16) })?.newer, nested(16));
    const deep = refusal('invalid', { message: /`newer` is nested too deeply/ });
    t.throws(() => checked({ newer: nested(17) }), deep);
    t.throws(() => dependency({ newer: nested(17) }), deep);
  }
  t.same(checked({ newer: null, also: 'x' }).others, { newer: null, also: 'x' });
});

t.test('a line of the index', async (t) => {
  const time = '2026-01-02T03:04:05.678Z';
  t.equal(pubtimeOf(time), '2026-01-02T03:04:05Z');
  const features = { old: [], new: ['dep:x'] };
  const metadata = checked({
    features,
    links: 'z',
    rust_version: '1.70',
    newer: 1,
    deps: [{ name: 'x', version_req: '*' }],
  });
  t.equal(
    JSON.stringify(entryOf(metadata, 'abc', time)),
    `{"name":"a","vers":"1.0.0","deps":[${JSON.stringify(bare)}],"cksum":"abc","features":{"old":[]},"yanked":false,` +
      '"links":"z","rust_version":"1.70","pubtime":"2026-01-02T03:04:05Z","v":2,"features2":{"new":["dep:x"]},"newer":1}',
  );
  const entry = (filler: number) => entryOf(checked({ filler: a(filler) }), 'abc', time);
  const rest = JSON.stringify(entry(0)).length + 1;
  const limit = 1024 * 1024;
  assertLine(entry(limit - rest));
  t.throws(() => assertLine(entry(limit - rest + 1)), refusal('invalid', { message: /more than 1048576 characters/ }));
});

t.test('the frame of a publish', async (t) => {
  const content = async function* () {
    yield Buffer.from('crate');
  };
  const chunks = [];
  for await (const chunk of frameParts({ a: 'é' }, { size: 0x0102_0304, content: content() })) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const json = Buffer.from('{"a":"é"}');
  t.same(
    bytes,
    Buffer.concat([Buffer.from([10, 0, 0, 0]), json, Buffer.from([4, 3, 2, 1]), Buffer.from('crate')]),
    'lengths are of bytes, the lowest first',
  );
  t.equal(readLength(bytes.subarray(0, LENGTH_BYTES)), 10);
  t.equal(readLength(Buffer.from([0xff, 0xff, 0xff, 0xff])), 0xffff_ffff);
});
