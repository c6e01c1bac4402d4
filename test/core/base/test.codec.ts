import t from 'tap';
import { deepFreeze, encode, freezeFor, type ICodec, jsonCodec } from '../../../ts/core/base/helpers.codec.js';
import { ofKind } from '../../support/expect.js';

const written = (value: unknown): string => jsonCodec.serialize(value) as string;
const many = (member: (n: number) => unknown, count = 300): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`m${n}`, member(n)]));
const frozen = (n: number): object => Object.freeze({ n, text: `"${n}"\u2028\ud800`, list: Object.freeze([n, null]) });

t.test('documents are written as JSON.stringify writes them', async (t) => {
  const nested = many((n) => frozen(n));
  const cases: [string, unknown][] = [
    ['nothing', {}],
    ['a small object', { a: 1, b: { c: [1, 'x', null, true] } }],
    ['a list', [1, { a: 2 }]],
    ['a text', 'x"y'],
    ['a number', 5],
    ['null', null],
    ['many members', nested],
    ['many members of an object', { before: 1, inner: nested, after: { more: nested, none: {} } }],
    ['deeper than it is looked', { a: { b: { c: { d: nested } } } }],
    ['many texts', many((n) => `${n}"`)],
    ['members without a form', many((n) => (n % 2 === 0 ? undefined : n))],
    ['only members without a form', many(() => undefined)],
    ['small, without a form', { a: undefined, f: () => 1, b: 2, s: Symbol('x') }],
    ['numbers that JSON has not', many((n) => (n === 0 ? Number.NaN : -0))],
    ['dates', { at: new Date(0), all: many((n) => new Date(n)) }],
    ['what writes itself', { toJSON: () => 'itself' }],
    ['many that write themselves', many((n) => Object.freeze({ toJSON: () => `itself ${n}` }))],
    ['a large object that writes itself', { ...nested, toJSON: () => 'itself' }],
    ['a Map', { map: new Map([[1, 2]]) }],
    ['an object without a prototype', { a: Object.assign(Object.create(null), { b: 1 }) }],
    ['names for prototypes', JSON.parse('{"__proto__":{"a":1},"constructor":{"b":2}}')],
    ['many members and such a name', { ...nested, ...JSON.parse('{"x":{"__proto__":1}}') }],
    ['names that are numbers', { b: 1, 2: 1, 1: 2 }],
  ];
  for (const [name, value] of cases) {
    t.equal(written(value), JSON.stringify(value), name);
    t.equal(written(value), JSON.stringify(value), `${name}, again`);
  }
  t.throws(() => written(many((n) => BigInt(n))), TypeError);
  t.equal(
    jsonCodec.serialize(nested, { revision: 7, id: 'x' }),
    `${JSON.stringify(nested).slice(0, -1)},"$revision":7}`,
  );
});

t.test('of a large object only what is new is written anew', async (t) => {
  let count = 0;
  const { stringify } = JSON;
  t.teardown(() => {
    JSON.stringify = stringify;
  });
  const first = many(frozen);
  written({ versions: first });
  JSON.stringify = ((value: unknown) => {
    if (typeof value === 'object' && value !== null) count++;
    return stringify(value);
  }) as typeof stringify;
  const text = written({ versions: { ...first, added: Object.freeze({ a: 1 }), m5: Object.freeze({ n: 'other' }) } });
  JSON.stringify = stringify;
  t.equal(count, 2);
  t.match(text, '"m5":{"n":"other"}');
});

t.test('a member that is not frozen is looked at each time', async (t) => {
  const changing = { n: 1 };
  const value = { ...many(frozen), changing };
  written(value);
  changing.n = 2;
  t.equal(written(value), JSON.stringify(value));
});

t.test('bytes that are not UTF-8 are refused, not read as other letters', async (t) => {
  t.throws(() => jsonCodec.parse(Buffer.from([0x22, 0xff, 0x22])), TypeError);
});

t.test('the revision is the last member of an object, and no part of its value', async (t) => {
  const stamp = { revision: 7, id: 'x' };
  const table: [value: unknown, text: string][] = [
    [{}, '{"$revision":7}'],
    [{ a: 1 }, '{"a":1,"$revision":7}'],
    [[1], '[1]'],
    ['{', '"{"'],
    [5, '5'],
    [null, 'null'],
  ];
  for (const [value, text] of table) {
    t.equal(jsonCodec.serialize(value, stamp), text);
    t.same(jsonCodec.parse(Buffer.from(text)), value);
  }
  t.throws(() => jsonCodec.serialize({ $revision: 1 }, stamp), ofKind('internal'));
  t.equal(jsonCodec.serialize({ $revision: 1 }), '{"$revision":1}', 'without a stamp nothing is added');
  t.equal(jsonCodec.contentType, 'application/json');
  t.same(encode('ü'), Buffer.from('ü'));
  const bytes = new Uint8Array(3);
  t.equal(encode(bytes), bytes);
});

t.test('a value is frozen, and it is known whether its text would be parsed to the same', async (t) => {
  class Own {
    public a = 1;
  }
  const exact = [
    {},
    { a: [1, 'x', true, null, { b: {} }] },
    [],
    'x',
    5,
    true,
    false,
    null,
    -1.5,
    Object.freeze({ a: undefined }),
  ];
  const sparse: unknown[] = [];
  sparse[2] = 1;
  const others = [
    undefined,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    1n,
    Symbol('x'),
    () => 1,
    { a: undefined },
    { a: { b: Number.NaN } },
    [undefined],
    sparse,
    new Own(),
    { a: new Date(0) },
    Object.create(null),
    { [Symbol('x')]: 1 },
    { a: new Uint8Array(2) },
    Object.assign([1], { more: 2 }),
    new (class extends Array {})(),
  ];
  for (const value of exact) t.equal(freezeFor(jsonCodec, value), true, JSON.stringify(value));
  for (const [at, value] of others.entries()) t.equal(freezeFor(jsonCodec, value), false, `other ${at}`);
  const value = { a: { b: [{ c: 1 }] }, bytes: new Uint8Array(1) };
  freezeFor(jsonCodec, value);
  for (const part of [value, value.a, value.a.b, value.a.b[0]]) t.ok(Object.isFrozen(part));
  const deep = { a: { b: [{ c: 1 }] }, bytes: new Uint8Array(1), map: new Map([[1, {}]]) };
  t.equal(deepFreeze(deep), deep);
  for (const part of [deep, deep.a, deep.a.b, deep.a.b[0], deep.map]) t.ok(Object.isFrozen(part));
  t.notOk(Object.isFrozen(deep.map.get(1)), 'what is in a Map stays');
  t.equal(deepFreeze('x'), 'x');
  const inner = { changing: 1 };
  deepFreeze(Object.freeze({ inner }));
  t.notOk(Object.isFrozen(inner), 'a frozen part is taken to be frozen throughout');
  const plain = { parse: () => ({}), serialize: () => '', contentType: 'a/b' } as unknown as ICodec<object>;
  const own = { a: {} };
  t.equal(freezeFor(plain, own), false);
  t.ok(Object.isFrozen(own.a));
  const open = { a: 1 };
  t.equal(freezeFor({ ...plain, immutableValues: true }, open), true);
  t.notOk(Object.isFrozen(open));
});
