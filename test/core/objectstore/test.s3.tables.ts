import { getEventListeners } from 'node:events';
import t, { type Test } from 'tap';
import { RegistryError, type TErrorKind } from '../../../ts/core/classes.registryerror.js';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import { headIn, readContentRange, S3Failure } from '../../../ts/core/objectstore/s3/connection/helpers.answers.js';
import {
  abortReason,
  codeOf,
  explain,
  isNoSuchKey,
  sizeIn,
  type TWriteFailure,
  toRegistryError,
  writeFailureOf,
} from '../../../ts/core/objectstore/s3/connection/helpers.errors.js';
import { checkKey } from '../../../ts/core/objectstore/s3/connection/helpers.keys.js';
import {
  infoOf,
  toHeaders,
  writeIdIn,
  writeIdOf,
} from '../../../ts/core/objectstore/s3/connection/helpers.metadata.js';
import {
  copyingTime,
  copySource,
  must,
  pause,
  run,
  sendingTime,
  unquoted,
} from '../../../ts/core/objectstore/s3/connection/helpers.request.js';
import { readSettings } from '../../../ts/core/objectstore/s3/connection/helpers.settings.js';
import type { IS3Session } from '../../../ts/core/objectstore/s3/connection/interfaces.session.js';
import { ByteSource, toReadable } from '../../../ts/core/objectstore/s3/writing/classes.bytesource.js';
import { UploadBudget } from '../../../ts/core/objectstore/s3/writing/classes.uploadbudget.js';
import { conditions, requireCompleteConditions } from '../../../ts/core/objectstore/s3/writing/helpers.creation.js';
import { contradicts } from '../../../ts/core/objectstore/s3/writing/helpers.write.js';
import { ofKind } from '../../support/expect.js';
import { startSmallServer } from '../../support/store/s3-small-server.js';

/** What S3 says about a request; without `Code` the answer had no error document. */
const failure = (status: number | undefined, fields: Record<string, unknown> = {}) => ({
  ...fields,
  ...(status !== undefined && { $metadata: { httpStatusCode: status, ...(fields.$metadata as object) } }),
});

const sessionOf = (about: object): IS3Session => ({ timing: { requestMs: 1000, idleMs: 100 }, ...about }) as IS3Session;

t.test('what a failed write may have done', async (t) => {
  const table: [failure: object, expected: TWriteFailure][] = [
    ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'].map(
      (code): [object, TWriteFailure] => [failure(undefined, { code }), 'again'],
    ),
    [failure(undefined, { name: 'CredentialsProviderError' }), 'again'],
    [failure(429), 'again'],
    ...['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'RequestTimeout', 'TooManyRequests'].flatMap((code) => [
      [failure(503, { Code: code }), 'again'] as [object, TWriteFailure],
      [failure(400, { Code: code }), 'again'] as [object, TWriteFailure],
      // a proxy's page has no code: it may have passed the write on
      [failure(503, { name: code }), 'unknown'] as [object, TWriteFailure],
    ]),
    [failure(undefined, { code: 'ERR_INVALID_CHAR' }), 'refused'],
    [failure(undefined, { code: 'ECONNRESET' }), 'unknown'],
    [failure(undefined, { name: 'TimeoutError' }), 'unknown'],
    [failure(500, { Code: 'InternalError' }), 'unknown'],
    [failure(499, { Code: 'InternalError' }), 'refused'],
    [failure(501, { Code: 'NotImplemented' }), 'refused'],
    [failure(502), 'unknown'],
    [failure(200, { Code: 'InternalError' }), 'unknown'],
    [failure(299, { Code: 'Any' }), 'unknown'],
    [failure(300, { Code: 'Any' }), 'refused'],
    [failure(403, { Code: 'RequestTimeTooSkewed', $metadata: { clockSkewCorrected: true } }), 'again'],
    [failure(403, { Code: 'RequestTimeTooSkewed' }), 'refused'],
    [failure(412), 'condition'],
    [failure(412, { Code: 'PreconditionFailed' }), 'condition'],
    [failure(403), 'unknown'],
    [failure(413), 'refused'],
    [failure(404, { Code: 'NoSuchUpload' }), 'unknown'],
    ...[
      'ConditionalRequestConflict',
      'OperationAborted',
      'AccessDenied',
      'ExistingObjectIsDirectory',
      'ObjectParentIsFile',
    ].map((code): [object, TWriteFailure] => [failure(409, { Code: code }), 'again']),
    [failure(404, { Code: 'NoSuchKey' }), 'absent'],
    [failure(404, { Code: 'NoSuchBucket' }), 'refused'],
    [failure(400, { Code: 'InvalidRequest' }), 'refused'],
  ];
  for (const [error, expected] of table) t.equal(writeFailureOf(error), expected, JSON.stringify(error));
  t.same(
    [404, 400].map((status) => isNoSuchKey(failure(status, { Code: 'NoSuchKey' }))),
    [true, false],
    'absence has a status and a code',
  );
});

t.test('the code of a failure, for the log and the operator', async (t) => {
  const codes: [unknown, string][] = [
    [{ name: 'AbortError', code: 'X' }, 'no answer in time'],
    [{ name: 'TimeoutError', Code: 'X' }, 'no answer in time'],
    [failure(502, { name: 'Unknown' }), 'HTTP 502'],
    [{ name: 'Unknown' }, 'Unknown'],
    [{ name: 'N', code: 'c', Code: 'C' }, 'C'],
    [{ name: 'N', code: 'c' }, 'c'],
    [{ name: 'N', code: 7 }, 'N'],
    [{}, 'unknown error'],
    ['text', 'unknown error'],
    [null, 'unknown error'],
  ];
  for (const [error, expected] of codes) t.equal(codeOf(error), expected, JSON.stringify(error));
  const hints: [code: string, advice: RegExp][] = [
    ['InvalidAccessKeyId', /config\.storage\.accessKey$/],
    ['XAdminUserNotFound', /config\.storage\.accessKey$/],
    ['SignatureDoesNotMatch', /accessSecret does not belong/],
    ['AccessDenied', /list, read, write and delete/],
    ['ExpiredToken', /sessionToken is no longer valid/],
    ['InvalidToken', /sessionToken is not valid/],
    ['RequestTimeTooSkewed', /clock/],
    ['AuthorizationHeaderMalformed', /config\.storage\.region/],
    ['PermanentRedirect', /config\.storage\.region or config\.storage\.endpoint/],
    ['InvalidBucketName', /config\.storage\.bucketName/],
    ['NoSuchBucket', /does not exist/],
    ['EPROTO', /config\.storage\.useSsl/],
    ['ECONNREFUSED', /config\.storage\.port/],
    ['ENOTFOUND', /config\.storage\.endpoint/],
    ['CredentialsProviderError', /no credentials/],
  ];
  for (const [code, advice] of hints) {
    t.match(explain({ Code: code }), advice, code);
    t.ok(explain({ Code: code }).startsWith(`${code}: `), code);
  }
  t.match(explain({ Code: 'AuthorizationHeaderMalformed', Region: 'eu-north-1' }), /, which is eu-north-1$/);
  t.equal(explain({ Code: 'SomethingElse' }), 'SomethingElse');
  t.equal(explain(new Error('in words')), 'in words');
});

t.test('what a caller gets to know of a failure', async (t) => {
  const table: [failure: object, kind: TErrorKind][] = [
    [failure(400, { Code: 'EntityTooLarge' }), 'tooLarge'],
    [failure(413), 'tooLarge'],
    [failure(400, { Code: 'KeyTooLongError' }), 'invalid'],
    [failure(undefined, { code: 'ERR_INVALID_CHAR' }), 'invalid'],
    [failure(409, { Code: 'ExistingObjectIsDirectory' }), 'conflict'],
    [failure(409, { Code: 'ObjectParentIsFile' }), 'conflict'],
    [failure(403, { Code: 'AccessDenied' }), 'unavailable'],
    [failure(undefined, { code: 'ECONNRESET' }), 'unavailable'],
  ];
  for (const [error, kind] of table) {
    const made = toRegistryError(error);
    t.equal(made.kind, kind, JSON.stringify(error));
    t.equal(made.cause, error);
    t.equal(made.headers['Retry-After'], kind === 'unavailable' ? '5' : undefined);
  }
  const own = new RegistryError('timeout', 'slow');
  t.equal(toRegistryError(own), own);
  for (const [size, expected] of [
    ['5', 5],
    [0, 0],
    [undefined, undefined],
    ['1.5', undefined],
    ['x', undefined],
  ]) {
    t.equal(sizeIn({ ActualObjectSize: size }), expected, String(size));
  }
  const reason = new Error('the client is gone');
  t.equal(abortReason(AbortSignal.abort(reason)), reason);
  t.match(abortReason(AbortSignal.abort('in words')), ofKind('timeout'));
});

t.test('metadata in headers, and back', async (t) => {
  const values = { Note: '  two words\t', Sign: '!~$&', percent: '100%', word: 'ü', del: '\x7f' };
  const sent = toHeaders(values, 'id');
  t.same(sent, {
    'smartregistry-write': 'id',
    note: '%20%20two%20words%09',
    sign: '!~$&',
    percent: '100%25',
    word: '%c3%bc',
    del: '%7f',
  });
  const answer = { ETag: '"e"', LastModified: new Date(5), ContentType: 'a/b', Metadata: sent };
  const { Note, Sign, ...others } = values;
  t.same(infoOf('key', answer, 7), {
    ...{ key: 'key', size: 7, etag: 'e', lastModified: new Date(5), contentType: 'a/b' },
    metadata: { note: Note, sign: Sign, ...others },
  });
  t.match(infoOf('key', { ETag: 'e', Metadata: { 'smartregistry-write': 'id' } }, 0), {
    lastModified: new Date(0),
    metadata: undefined,
  });
  t.same(toHeaders({ 'write-id': 'a b' }, 'a b'), { 'write-id': 'a%20b' }, 'the caller’s own id is the only one');
  t.equal(writeIdOf({ 'write-id': 'mine' }), 'mine');
  t.not(writeIdOf(undefined), writeIdOf({}), 'else each write has one of its own');
  t.equal(writeIdIn({ 'write-id': 'a%20b', 'smartregistry-write': 'x' }), 'a b');
  t.equal(writeIdIn({ 'smartregistry-write': 'x' }), 'x');
  t.equal(writeIdIn(undefined), undefined);
});

t.test('times, ETags and sources', async (t) => {
  const session = sessionOf({ settings: { bucket: 'b c' } });
  t.equal(sendingTime(session, 64 * 500), 1500);
  t.equal(copyingTime(session, 4096 * 500), 1500);
  for (const [etag, expected] of [
    ['"e"', 'e'],
    ['W/"e"', 'e'],
    ['e', 'e'],
    ['"a"b"', 'a"b'],
    [undefined, ''],
  ]) {
    t.equal(unquoted(etag), expected, String(etag));
  }
  t.equal(copySource(session, 'a/b+c/ü%2F'), 'b%20c/a/b%2Bc/%C3%BC%252F');
  t.same(conditions({ ifMatch: 'e' }), { IfMatch: '"e"', IfNoneMatch: undefined });
  t.same(conditions({ ifNoneMatch: '*' }), { IfMatch: undefined, IfNoneMatch: '*' });
  for (const [complete, condition, isRefused] of [
    [true, { ifMatch: 'e' }, false],
    [false, {}, false],
    [false, { ifMatch: 'e' }, true],
    [false, { ifNoneMatch: '*' }, true],
  ] as const) {
    const require = () => requireCompleteConditions(sessionOf({ abilities: { complete } }), condition);
    if (isRefused) t.throws(require, ofKind('unsupported'));
    else t.doesNotThrow(require);
  }
});

t.test('whether what is stored contradicts a condition', async (t) => {
  for (const [etag, condition, expected] of [
    [null, {}, false],
    ['e', {}, false],
    [null, { ifNoneMatch: '*' }, false],
    ['e', { ifNoneMatch: '*' }, true],
    [null, { ifMatch: 'e' }, true],
    ['e', { ifMatch: 'e' }, false],
    ['f', { ifMatch: 'e' }, true],
  ] as const) {
    t.equal(contradicts(etag, condition), expected, JSON.stringify([etag, condition]));
  }
});

t.test('the head of an answer, its range, and a refusal', async (t) => {
  const headers = { etag: '"e"', 'content-length': '12', 'last-modified': 'Thu, 01 Jan 1970 00:00:05 GMT' };
  const more = { 'content-type': 'a/b', 'content-range': 'bytes 0-1/12', 'x-amz-meta-note': 'n', 'x-other': 'o' };
  t.same(headIn({ ...headers, ...more }), {
    ...{ ETag: '"e"', ContentLength: 12, LastModified: new Date(5000) },
    ...{ ContentType: 'a/b', ContentRange: 'bytes 0-1/12', Metadata: { note: 'n' } },
  });
  for (const [name, values] of [
    ['etag', [undefined, '']],
    ['content-length', [undefined, '', '1x', 'x1', '-1']],
    ['last-modified', [undefined, 'yesterday']],
  ] as const) {
    for (const value of values) {
      t.equal(headIn({ ...headers, [name]: value } as Record<string, string>), undefined, `${name}: ${value}`);
    }
  }
  t.same(readContentRange('bytes 10-24/125'), { start: 10, end: 24, size: 125 });
  for (const other of [undefined, '', 'bytes */125', 'bytes 0-4/*', 'xbytes 0-4/5', 'bytes 0-4/5x', 'bytes 0--1/0']) {
    t.equal(readContentRange(other), null, String(other));
  }
  const document =
    '<?xml version="1.0"?><Error><Code>A</Code><Message>B</Message><ActualObjectSize>7</ActualObjectSize>';
  t.match(new S3Failure(416, `${document}</Error>`), {
    ...{ name: 'A', Code: 'A', message: 'B', ActualObjectSize: '7' },
    $metadata: { httpStatusCode: 416 },
  });
  t.match(new S3Failure(416, '<Error xmlns="x"><Code>A</Code></Error>'), { Code: 'A' });
  for (const other of ['', document, '<Errors><Code>A</Code></Errors>', '<html>502</html>']) {
    const error = new S3Failure(502, other);
    t.same([error.name, error.Code, error.message], ['Unknown', undefined, 'The answer 502 has no document'], other);
  }
});

t.test('keys that S3 would take, and that no driver takes', async (t) => {
  for (const key of ['', '/', 'a//b', 'a/', '/a', '.', 'a/.', '..', '../a', 'a/../b', 'a\0b', 'a\ud800', '\udc00']) {
    t.throws(() => checkKey(key), ofKind('invalid'), JSON.stringify(key));
  }
  for (const key of ['a', 'a/b', '...', '.a', 'a.', '🚀']) t.doesNotThrow(() => checkKey(key), key);
});

t.test('what the configuration leaves out', async (t) => {
  const base = { endpoint: ' s3.example.com ', bucketName: 'b' };
  t.match(readSettings(base), {
    ...{ endpoint: 'https://s3.example.com', region: 'us-east-1', bucket: 'b', prefix: '' },
    ...{ credentials: undefined, checksums: 'WHEN_SUPPORTED', encryption: undefined },
    ...{ allowUnconditionalWrites: false, createBucket: true },
  });
  const keys = { accessKey: 'k', accessSecret: 's', sessionToken: 't' };
  const more = { region: 'eu', checksums: 'WHEN_REQUIRED', serverSideEncryption: 'AES256' } as const;
  t.match(readSettings({ ...base, ...keys, ...more, allowUnconditionalWrites: true, createBucket: false }), {
    ...{ region: 'eu', checksums: 'WHEN_REQUIRED', encryption: 'AES256' },
    ...{ credentials: { accessKeyId: 'k', secretAccessKey: 's', sessionToken: 't' } },
    ...{ allowUnconditionalWrites: true, createBucket: false },
  });
  for (const [fields, endpoint] of [
    [{ port: '' }, 'https://s3.example.com'],
    [{ port: 1 }, 'https://s3.example.com:1'],
    [{ port: 65_535 }, 'https://s3.example.com:65535'],
    [{ useSsl: '0' as unknown as boolean }, 'http://s3.example.com'],
    [{ useSsl: ' FALSE ' as unknown as boolean }, 'http://s3.example.com'],
    [{ useSsl: true }, 'https://s3.example.com'],
    [{ endpoint: 'HTTP://s3.example.com', port: 9000 }, 'http://s3.example.com:9000'],
  ] as const) {
    t.equal(readSettings({ ...base, ...fields }).endpoint, endpoint, JSON.stringify(fields));
  }
  for (const [fields, message] of [
    [{ port: -1 }, /config\.storage\.port must/],
    [{ port: 1.5 }, /config\.storage\.port must/],
    [{ endpoint: 'https://me@s3.example.com' }, /must not hold credentials/],
    [{ endpoint: 'https://:pw@s3.example.com' }, /must not hold credentials/],
    [{ directoryPath: 'a/./b' }, /config\.storage\.directoryPath/],
  ] as const) {
    t.throws(() => readSettings({ ...base, ...fields }), { message } as unknown as Error, JSON.stringify(fields));
  }
});

/** The delays of all timers that `work` sets; none of them fires. */
const timersOf = async (t: Test, work: () => Promise<unknown>): Promise<number[]> => {
  const { setTimeout: real } = globalThis;
  const delays: number[] = [];
  t.teardown(() => Object.assign(globalThis, { setTimeout: real }));
  Object.assign(globalThis, {
    setTimeout: (_call: () => void, ms: number) => {
      delays.push(ms);
      return real(() => {}, 0);
    },
  });
  await work().finally(() => Object.assign(globalThis, { setTimeout: real }));
  return delays;
};

t.test('an operation has a limit for each attempt and one for all, and lets go of its signal', async (t) => {
  const session = sessionOf({});
  const seen: number[] = [];
  const operation = async ({ requestTimeout }: { requestTimeout: number }) => seen.push(requestTimeout);
  const { signal } = new AbortController();
  const delays = await timersOf(t, async () => {
    await run(session, operation, { signal });
    await run(session, operation, { ms: 200 });
    await run(session, operation, { ms: 0 });
  });
  t.same(
    [seen, delays],
    [
      [1000, 200, 0],
      [4500, 900],
    ],
  );
  const broken = new Error('broken');
  const fail = async () => {
    throw broken;
  };
  await t.rejects(run(session, fail, { signal }), broken);
  await t.rejects(must(session, fail), ofKind('unavailable'));
  t.equal(getEventListeners(signal, 'abort').length, 0);
  for (const how of [run, must]) {
    const gone = new AbortController();
    const reason = new Error('the client is gone');
    const stopped = how(
      session,
      ({ abortSignal }) =>
        new Promise((_resolve, reject) => {
          abortSignal.addEventListener('abort', () => reject(broken));
          gone.abort(reason);
        }),
      { signal: gone.signal },
    );
    await t.rejects(stopped, reason);
    const begun: string[] = [];
    await t.rejects(
      how(session, async () => begun.push('late'), { signal: gone.signal }),
      reason,
    );
    t.same(begun, [], 'what comes too late is not begun');
  }
  await t.rejects(
    run(session, ({ abortSignal }) => new Promise((_, no) => abortSignal.addEventListener('abort', () => no(broken))), {
      ms: 1,
    }),
    broken,
    'a server that never ends is left',
  );
  const leaving = new AbortController();
  const paused = pause(3_600_000, leaving.signal);
  leaving.abort();
  await paused;
  t.equal(getEventListeners(leaving.signal, 'abort').length, 0);
});

t.test('how long a server is waited for, unless the application says otherwise', async (t) => {
  const server = await startSmallServer({ conditions: true });
  const store = new S3ObjectStore(server.config);
  t.teardown(async () => {
    await store.destroy();
    await server.stop();
  });
  await store.init();
  const delays = await timersOf(t, () => store.head('key'));
  t.ok(delays.includes(30_000 * 4.5), `${delays}`);
});

/** A source of these chunks, and what became of it. */
const sourceOf = (chunks: number[], end: 'close' | 'fail' | 'silence' = 'close', size?: number) => {
  const left = [...chunks];
  const told: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = left.shift();
        if (next !== undefined) controller.enqueue(new Uint8Array(next).fill(next));
        else if (end === 'close') controller.close();
        else if (end === 'fail') controller.error(new Error('the source broke'));
        return next === undefined && end === 'silence' ? new Promise<void>(() => {}) : undefined;
      },
      cancel: (reason) => void told.push(reason),
    },
    { highWaterMark: 0 },
  );
  return { source: new ByteSource(stream, size), told };
};

t.test('the bytes of an upload, as they are taken', async (t) => {
  const KIB = 1024;
  const small = sourceOf([40 * KIB, 0, 30 * KIB, 64 * KIB, 1]).source;
  const sizes: (number | undefined)[] = [];
  for (let n = 0; n < 4; n++) sizes.push((await small.next())?.byteLength);
  t.same(sizes, [70 * KIB, 64 * KIB, 1, undefined], 'gathered to chunks that S3 takes');
  t.equal(small.total, 134 * KIB + 1);

  const { source } = sourceOf([3, 4, 5]);
  t.same([...(await source.take(5))], [3, 3, 3, 4, 4]);
  t.notOk(source.drained);
  const room = Buffer.alloc(9);
  const rest = await source.take(9, room);
  t.same([...rest], [4, 4, 5, 5, 5, 5, 5]);
  t.equal(rest.buffer, room.buffer);
  t.ok(source.drained);
  const whole = sourceOf([3, 4]).source;
  await whole.take(7);
  t.ok(whole.drained, 'the end is known together with the last byte');
  t.equal((await whole.take(7)).byteLength, 0);

  for (const [chunks, size] of [
    [[5, 1], 5],
    [[6], 5],
    [[4], 5],
    [[], 1],
  ] as const) {
    const { source: wrong, told } = sourceOf([...chunks], 'close', size);
    await t.rejects(wrong.take(size), ofKind('invalid'), `${chunks} instead of ${size}`);
    t.match(wrong.failure?.reason, ofKind('invalid'));
    t.notOk(wrong.drained);
    await t.rejects(wrong.next(), ofKind('invalid'), 'again');
    t.equal(told.length, chunks.length > 0 && chunks.reduce<number>((sum, one) => sum + one, 0) > size ? 1 : 0);
  }
  await sourceOf([2, 3], 'close', 5).source.take(5);

  const broken = sourceOf([3], 'fail').source;
  await t.rejects(broken.take(5), /the source broke/);
  t.match(broken.failure, { reason: /the source broke/ });

  const silent = sourceOf([3], 'silence');
  const waiting = silent.source.next();
  const reason = new Error('the client is gone');
  silent.source.fail(reason);
  silent.source.fail(new Error('a later one'));
  await t.rejects(waiting, reason);
  t.same(silent.told, [reason]);
  const over = sourceOf([]);
  await over.source.next();
  over.source.fail(reason);
  t.equal(over.source.failure, undefined, 'what has ended cannot fail');
});

t.test('whose turn it is while a stream is sent, and a source that fails', async (t) => {
  const turns: boolean[] = [];
  const readable = toReadable(sourceOf([1, 2]).source, t.fail, (waiting) => turns.push(waiting));
  let bytes = 0;
  for await (const chunk of readable) bytes += (chunk as Buffer).byteLength;
  t.equal(bytes, 3);
  t.same(turns.slice(0, 2), [false, true]);
  t.equal(turns.at(-1), true);
  let failed = () => {};
  const failure = new Promise<void>((resolve) => {
    failed = resolve;
  });
  const bad = toReadable(sourceOf([], 'fail').source, failed, () => {});
  bad.on('error', () => t.fail('nobody would hear it'));
  bad.resume();
  await failure;
});

t.test('who waits for memory is served in order, and an idle process keeps none', async (t) => {
  const budget = new UploadBudget({ parts: 100 });
  const [first, second] = [await budget.part(60), await budget.part(30)];
  const granted: string[] = [];
  const waiting = [
    budget.part(60).then((room) => {
      granted.push('large');
      return room;
    }),
    budget.part(10).then((room) => {
      granted.push('small');
      return room;
    }),
  ];
  budget.endPart(second, true);
  await new Promise((resolve) => setImmediate(resolve));
  t.same(granted, [], 'a small one does not pass a large one');
  budget.endPart(first, true);
  const rooms = await Promise.all(waiting);
  t.same(granted, ['large', 'small']);
  for (const room of rooms) budget.endPart(room, true);
  t.not(await budget.part(60), rooms[0]);

  const full = new UploadBudget({ parts: 1 });
  const only = await full.part(1);
  let next: Promise<Buffer> | undefined;
  const delays = await timersOf(t, async () => {
    next = full.part(1);
  });
  t.same(delays, [30_000]);
  full.endPart(only, false);
  full.endPart((await next) as Buffer, false);
  t.equal(full.held, 0);
});
