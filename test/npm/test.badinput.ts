import { gzipSync } from 'node:zlib';
import t from 'tap';
import { RawClient } from '../support/http/client.js';
import { serveWith, within } from '../support/http/host.js';
import { npmWorld } from '../support/npm/actors.js';
import { publishOf } from '../support/npm/packages.js';

/** About 10 KB that unpack to 10 MB. */
const bomb = gzipSync(Buffer.from(`{"a":"${'x'.repeat(10_000_000)}"}`));

/** What a client may send as it likes, on a real socket: nothing resolves, decodes or corrects it on the way. */
t.test('bad requests over the wire: a 4xx each, no key more or less, and the server goes on', async (t) => {
  const stray: unknown[] = [];
  const onStray = (reason: unknown) => void stray.push(reason);
  process.on('unhandledRejection', onStray);
  t.teardown(() => void process.off('unhandledRejection', onStray));
  const { registry, writer, everything } = await npmWorld(t, {
    limits: { maxMetadataSize: 100_000, maxArtifactSize: 200_000, bodyIdleTimeoutMs: 300 },
  });
  await writer.publish('there', '1.0.0');
  const before = await everything();
  const { port } = await serveWith(t, registry);
  const body = JSON.stringify(await publishOf('a', '1.0.0'));
  const packed = gzipSync(body);
  const put = (path: string, ...more: string[]) => [
    `PUT ${path} HTTP/1.1`,
    'Host: x',
    'Connection: close',
    `Authorization: Bearer ${writer.token}`,
    ...more,
  ];
  const length = (bytes: number) => `Content-Length: ${bytes}`;
  const cases: [string, string[], string | Buffer | undefined, number][] = [
    ['a body shorter than it says, and then silence', put('/npm/a', length(body.length + 10)), body, 408],
    ['a body that ends in the middle', put('/npm/a', length(100)), body.slice(0, 100), 400],
    ['two lengths', put('/npm/a', length(body.length), length(5)), body, 400],
    ['a length and chunks', put('/npm/a', length(5), 'Transfer-Encoding: chunked'), '0\r\n\r\n', 400],
    ['a length that is none', put('/npm/a', 'Content-Length: many'), body, 400],
    ['chunks that are none', put('/npm/a', 'Transfer-Encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n', 400],
    ['gzip that is none', put('/npm/a', 'Content-Encoding: gzip', length(4)), Buffer.from([0x1f, 0x8b, 1, 2]), 400],
    ['gzip cut off', put('/npm/a', 'Content-Encoding: gzip', length(40)), packed.subarray(0, 40), 400],
    ['another encoding', put('/npm/a', 'Content-Encoding: br', length(2)), '{}', 415],
    ['more than the limit, announced', put('/npm/a', length(10_000_000)), '{', 413],
    ['more than the limit, packed', put('/npm/a', 'Content-Encoding: gzip', length(bomb.length)), bomb, 413],
    ['a path with ..', ['GET /npm/../there HTTP/1.1', 'Host: x', 'Connection: close'], undefined, 400],
    ['a path with %2e%2e', put('/npm/x%2f%2e%2e%2fa', length(body.length)), body, 400],
    ['a path with %00', put('/npm/a%00', length(body.length)), body, 400],
    ['a path with \\', put('/npm/a\\b', length(body.length)), body, 400],
    ['a path with broken UTF-8', put('/npm/%ff', length(body.length)), body, 400],
    ['a name for prototypes', put('/npm/__proto__', length(body.length)), body, 400],
    ['a tag for prototypes', put('/npm/-/package/there/dist-tags/__proto__', length(7)), '"9.9.9"', 404],
    ['a method that is none', ['BREW /npm/a HTTP/1.1', 'Host: x', 'Connection: close'], undefined, 400],
    ['a method that is not possible', ['PATCH /npm/a HTTP/1.1', 'Host: x', 'Connection: close'], undefined, 405],
    ['a host that is none', ['GET /npm/there HTTP/1.1', 'Host: a/b', 'Connection: close'], undefined, 400],
    ['no mount', put('/elsewhere/a', length(2)), '{}', 404],
    ['a large header', put('/npm/a', `X-Large: ${'x'.repeat(40_000)}`), undefined, 431],
    [
      'a name longer than any key',
      ['GET /npm/{} HTTP/1.1'.replace('{}', 'a'.repeat(20_000)), 'Host: x', 'Connection: close'],
      undefined,
      404,
    ],
  ];
  for (const [name, head, content, status] of cases) {
    const client = await RawClient.connect(port);
    client.head(...head);
    if (content !== undefined) client.socket.write(content);
    const answer = await client.until(/\r\n\r\n/);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), name);
    client.socket.destroy();
    t.same(await everything(), before, `${name}: nothing is left`);
  }
  t.equal((await within(writer.put('/a', body), 'the good one')).status, 201, 'the good one still goes');
  t.same(stray, [], 'nothing was thrown that nobody waits for');
});

const VALUES: unknown[] = [
  null,
  0,
  -1,
  1e308,
  '',
  'x',
  [],
  {},
  [[]],
  { toString: 1, valueOf: 1 },
  true,
  '1.0.0',
  { data: 'H4sI' },
];
const KEYS = ['__proto__', 'constructor', 'latest', '', '1.0.0', 'length', 'toString'];

/** The same numbers in every run, so that what fails can be repeated. */
const seeded = (seed: number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

const mutate = (value: unknown, random: () => number): unknown => {
  const pick = <T>(list: T[]): T => list[Math.floor(random() * list.length)] as T;
  if (random() < 0.02) return pick<unknown>(VALUES);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(() => random() > 0.02)
    .map(([key, item]): [string, unknown] => [random() < 0.02 ? pick(KEYS) : key, mutate(item, random)]);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
};

t.test('whatever a document holds, it is taken or refused, and never a fault of ours', async (t) => {
  const { writer, anon } = await npmWorld(t);
  await writer.publish('there', '1.0.0');
  const documents = [await publishOf('a', '1.0.0'), await publishOf('there', '1.1.0'), await writer.packument('there')];
  const random = seeded(1);
  const seen = new Set<number>();
  for (let round = 0; round < 3_000; round++) {
    const document = mutate(documents[round % documents.length], random);
    const path = ['/a', '/there', '/there/-rev/1-x'][Math.floor(random() * 3)] as string;
    const { status } = await writer.put(path, document);
    seen.add(status);
    if (status >= 500) t.fail(`${status} for ${path}: ${JSON.stringify(document)}`);
  }
  t.ok(seen.has(400) && seen.has(201), `${[...seen]}`);
  for (const name of ['there', 'a']) t.equal((await anon.get(`/${name}`)).status, 200, `${name} can be read`);
});
