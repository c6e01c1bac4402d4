import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { AuthManager } from '../../../ts/core/classes.authmanager.js';
import type { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { ILogSnapshot } from '../../../ts/core/listing/log/interfaces.log.js';
import { type IServeLogOptions, serveLog } from '../../../ts/core/pipeline/serving/helpers.log.js';

const NOW = Date.parse('2026-01-01T00:00:10.500Z');
const HEAD = 'created: 1\n---\n';
const LONG = 'x'.repeat(3000);

const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

const snapshotOf = (lines: string, generation = 'first'): ILogSnapshot => {
  const bytes = Buffer.from(`${HEAD}${lines}`);
  return {
    generation,
    bytes,
    headSize: HEAD.length,
    md5: digest('md5', bytes),
    sha256: digest('sha256', bytes),
    lastModified: new Date(NOW - 3_600_000),
  };
};

/** A log that can be served; what is asked of it can be replaced. */
const start = (first: ILogSnapshot) => {
  const log = { now: first, current: async () => log.now };
  const open = async (
    headers: Record<string, string> = {},
    {
      method = 'GET',
      readable = undefined as string[] | undefined,
      options = { contentType: 'text/plain' } as IServeLogOptions,
    } = {},
  ) => {
    const auth = {
      allowsAll: async () => readable === undefined,
      allowedNames: async (_token: unknown, _right: unknown, names: string[]) =>
        names.filter((name) => readable?.includes(name)),
    } as unknown as AuthManager;
    const storage = { now: () => new Date(NOW) } as unknown as RegistryStorage;
    const request = { method, header: (name: string) => headers[name], storage, token: null, auth };
    return serveLog(request, log, { protocol: 'p', type: 't', action: 'read' }, options);
  };
  const get: (
    ...args: Parameters<typeof open>
  ) => Promise<{ packed: boolean; text: string } & Awaited<ReturnType<typeof open>>> = async (...args) => {
    const answer = await open(...args);
    const bytes = await streamToBuffer(answer.body);
    const packed = answer.headers['Content-Encoding'] === 'gzip';
    return { ...answer, packed, text: `${packed ? gunzipSync(bytes) : bytes}` };
  };
  return { log, open, get };
};

const GZIP = { 'accept-encoding': 'gzip' };

t.test('the headers of a log, whole or filtered', async (t) => {
  const snapshot = snapshotOf('a 1\nb 1\na 2\n');
  const { get } = start(snapshot);
  const options = { contentType: 'text/x-log', headers: { 'X-Own': '1' } };
  const whole = await get({}, { options });
  t.match(whole, {
    status: 200,
    text: `${HEAD}a 1\nb 1\na 2\n`,
    headers: {
      'Content-Type': 'text/x-log',
      'X-Own': '1',
      'Accept-Ranges': 'bytes',
      ETag: `"${snapshot.md5}"`,
      'Repr-Digest': `sha-256=:${Buffer.from(snapshot.sha256, 'hex').toString('base64')}:`,
      'Last-Modified': 'Wed, 31 Dec 2025 23:00:10 GMT',
    },
  });
  t.equal((await get()).headers['Content-Type'], 'text/plain', 'as another route sends it');
  const text = `${HEAD}a 1\na 2\n`;
  const part = await get({ range: 'bytes=0-3' }, { options, readable: ['a'] });
  t.match(part, { status: 200, text });
  t.match(part.headers, { 'Content-Type': 'text/x-log', 'X-Own': '1' });
  t.equal(part.headers.ETag, `"${digest('md5', Buffer.from(text))}"`);
  t.match(await get({}, { readable: ['b', 'a'] }), { text: `${HEAD}a 1\na 2\nb 1\n` }, 'in the order of first lines');
  t.equal((await get({}, { readable: ['a'] })).headers['X-Own'], undefined);
});

t.test('a new base of a log, and a filtered log of it', async (t) => {
  const { log, get } = start(snapshotOf('a 1\nb 1\n'));
  const some = { readable: ['a'] };
  t.equal((await get({}, some)).text, `${HEAD}a 1\n`);
  log.now = snapshotOf('a 1\nb 1\na 2\n');
  t.equal((await get({}, some)).text, `${HEAD}a 1\na 2\n`);
  const bytes = Buffer.from('created: 12345\n---\na 1,2\n');
  log.now = { ...snapshotOf('', 'second'), bytes, headSize: bytes.indexOf('a 1') };
  t.equal((await get({}, some)).text, `${bytes}`, 'a longer beginning');
});

t.test('one version of a log is compressed at a time', async (t) => {
  const { log, open, get } = start(snapshotOf(`a ${LONG}\n`));
  const first = log.now;
  const [one, same] = await Promise.all([open(GZIP), open(GZIP)]);
  for (const { headers } of [one, same]) t.equal(headers['Content-Encoding'], 'gzip', 'both wait for the same');
  const opened = open(GZIP);
  log.now = snapshotOf(`b ${LONG}\n`);
  const [packing, meanwhile, asHead] = await Promise.all([get(GZIP), get(GZIP), get(GZIP, { method: 'HEAD' })]);
  t.ok([packing, meanwhile].every(({ packed, text }) => packed && text === `${HEAD}b ${LONG}\n`));
  t.match(asHead.status, 200);
  await opened;
  log.now = snapshotOf(`c ${LONG}\n`);
  const of = open(GZIP);
  await new Promise((resolve) => process.nextTick(resolve));
  log.now = snapshotOf(`d ${LONG}\n`);
  const late = await get(GZIP);
  t.equal((await of).headers['Content-Encoding'], 'gzip');
  t.notOk(late.packed, 'it is sent as it is while another one is compressed');
  t.equal(late.text, `${HEAD}d ${LONG}\n`);
  t.ok((await get(GZIP)).packed, 'then it is its turn');
  log.now = first;
  t.ok((await get(GZIP)).packed, 'a third one, when nothing is compressed');
  t.notOk((await get({})).packed);
});

t.test('what is not compressed keeps the method and the conditions of its request', async (t) => {
  const { log, open, get } = start(snapshotOf(`a ${LONG}\n`));
  const packing = open(GZIP);
  await new Promise((resolve) => process.nextTick(resolve));
  log.now = snapshotOf(`b ${LONG}\n`);
  const head = await open(GZIP).then(({ headers }) => headers);
  t.equal(head['Content-Encoding'], undefined);
  const [ranged, known] = await Promise.all([
    get({ ...GZIP, range: 'bytes=0-6' }),
    get({ ...GZIP, 'if-none-match': `"${log.now.md5}"` }),
  ]);
  t.match(ranged, { status: 206, text: 'created' });
  t.match(known, { status: 304, text: '' });
  await packing;
});
