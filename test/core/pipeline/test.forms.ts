import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RequestBody } from '../../../ts/core/pipeline/body/classes.requestbody.js';
import type { IFormFields, IFormFile, IFormOptions } from '../../../ts/core/pipeline/body/interfaces.form.js';
import { ofKind } from '../../support/expect.js';
import { type IPart, multipart } from '../../support/multipart.js';

const OPTIONS = { defaultLimit: 100_000, fileLimit: 10_000_000, idleTimeoutMs: 1000 };

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

interface IReadForm {
  fields: IFormFields;
  files: { field: string; filename: string | undefined; contentType: string; text: string; known: string[] }[];
}

const readForm = async (body: RequestBody, options: IFormOptions = {}): Promise<IReadForm> => {
  const files: IReadForm['files'] = [];
  const onFile = async ({ field, filename, contentType, stream, fields }: IFormFile) => {
    const known = fields.names();
    files.push({ field, filename, contentType, text: (await streamToBuffer(stream)).toString('latin1'), known });
  };
  return { fields: await body.form({ onFile, ...options }), files };
};

const bodyOf = (parts: IPart[], size = 65_536): RequestBody => {
  const { bytes, contentType } = multipart(parts);
  return new RequestBody(chunked(bytes, size), { ...OPTIONS, contentType });
};

t.test('a multipart form: fields, repeated fields and files in their order, however it is cut', async (t) => {
  const parts: IPart[] = [
    { name: ':action', value: 'file_upload' },
    { name: 'classifiers', value: 'one' },
    { name: 'classifiers', value: 'zwei ü' },
    { name: '__proto__', value: 'a name like any other' },
    { name: 'content', filename: 'dir/a-1.0.tar.gz', value: 'x'.repeat(20_000), contentType: 'application/gzip' },
    { name: 'gpg_signature', filename: 'ä.asc', value: '\r\n--not the boundary\r\n' },
    { name: 'empty', filename: 'e', value: '' },
    { name: 'sha256_digest', value: 'abc' },
  ];
  for (const size of [1, 7, 1000, 1_000_000]) {
    const { fields, files } = await readForm(bodyOf(parts, size));
    t.same(fields.names(), [':action', 'classifiers', '__proto__', 'sha256_digest'], `${size} bytes at a time`);
    t.same(fields.all('classifiers'), ['one', 'zwei ü']);
    t.equal(fields.get('__proto__'), 'a name like any other');
    t.equal(fields.get('constructor'), undefined);
    t.equal(({} as Record<string, unknown>).polluted, undefined);
    t.same(
      files.map(({ field, filename, contentType, text }) => [field, filename, contentType, text.length]),
      [
        ['content', 'a-1.0.tar.gz', 'application/gzip', 20_000],
        ['gpg_signature', 'ä.asc', 'application/octet-stream', 22],
        ['empty', 'e', 'application/octet-stream', 0],
      ],
    );
    t.equal(files[1]?.text, '\r\n--not the boundary\r\n');
    t.same(files[0]?.known, [':action', 'classifiers', '__proto__'], 'a file knows the fields before it');
  }
});

t.test('an urlencoded form', async (t) => {
  const contentType = 'application/x-www-form-urlencoded; charset=utf-8';
  const text = 'gem_name=a%2Bb&version=1.0+x&version=2&packages%5B0%5D=v%2Fn&__proto__=y&empty=';
  for (const size of [1, 5, 1000]) {
    const body = new RequestBody(chunked(Buffer.from(text), size), { ...OPTIONS, contentType });
    const { fields, files } = await readForm(body);
    t.same(fields.names(), ['gem_name', 'version', 'packages[0]', '__proto__', 'empty']);
    t.same(fields.all('version'), ['1.0 x', '2']);
    t.equal(fields.get('gem_name'), 'a+b');
    t.equal(fields.get('empty'), '');
    t.same(files, []);
  }
});

t.test('what is not a form, or not whole, is refused in clear words', async (t) => {
  const { bytes, contentType } = multipart([
    { name: 'a', value: 'b' },
    { name: 'content', filename: 'f', value: 'x'.repeat(200) },
  ]);
  const open = (body: unknown, type: string | undefined) => new RequestBody(body, { ...OPTIONS, contentType: type });
  const cases: [string, RequestBody, object][] = [
    ['no Content-Type', open(bytes, undefined), { status: 415 }],
    ['JSON', open(bytes, 'application/json'), { status: 415 }],
    ['no boundary', open(bytes, 'multipart/form-data'), { status: 400, message: /boundary/ }],
    ['another boundary', open(bytes, 'multipart/form-data; boundary=other'), { status: 400, message: /malformed/ }],
    ['an empty body', open('', contentType), { status: 400 }],
    ['broken off in a file', open(bytes.subarray(0, bytes.length - 100), contentType), { status: 400 }],
    ['broken off in a header', open(bytes.subarray(0, 60), contentType), { status: 400 }],
    [
      'a header that is none',
      open('--b\r\nwhat?\r\n\r\nx\r\n--b--\r\n', 'multipart/form-data; boundary=b'),
      { status: 400 },
    ],
    [
      'no name',
      open('--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n', 'multipart/form-data; boundary=b'),
      {
        status: 400,
        message: /no name/,
      },
    ],
    ['bad escapes', open('a=%zz', 'application/x-www-form-urlencoded'), { status: 400 }],
    ['an unknown charset', open('a=%ff', 'application/x-www-form-urlencoded; charset=nonsense'), { status: 400 }],
    [
      'a field in an unknown charset',
      open(
        '--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nx\r\n--b--\r\n',
        'multipart/form-data; boundary=b',
      ),
      { status: 400, message: /"a" is in a charset that is not known/ },
    ],
    ['an overlong name', open(`${'n'.repeat(2000)}=x`, 'application/x-www-form-urlencoded'), { status: 400 }],
  ];
  for (const [what, body, reason] of cases) {
    await t.rejects(readForm(body), reason as never, what);
    body.dispose();
  }
});

t.test('limits on number, size and order', async (t) => {
  const field = (name: string, value = 'v'): IPart => ({ name, value });
  const file = (name: string, value = 'content'): IPart => ({ name, filename: name, value });
  const cases: [string, IPart[], IFormOptions, object | undefined][] = [
    ['as many fields as may be', [field('a'), field('b')], { limits: { fields: 2 } }, undefined],
    ['one more', [field('a'), field('b'), field('c')], { limits: { fields: 2 } }, { status: 400, message: /2 fields/ }],
    ['as many files as may be', [file('a'), file('b')], { limits: { files: 2 } }, undefined],
    ['one more', [file('a'), file('b'), file('c')], { limits: { files: 2 } }, { status: 400, message: /2 files/ }],
    ['a field of just the size', [field('a', 'x'.repeat(10))], { limits: { fieldSize: 10 } }, undefined],
    ['one byte more', [field('a', 'x'.repeat(11))], { limits: { fieldSize: 10 } }, { status: 413, message: /"a"/ }],
    ['the size is that in bytes', [field('a', 'ä'.repeat(6))], { limits: { fieldSize: 11 } }, { status: 413 }],
    ['as many bytes as may be', [field('a', 'ä'.repeat(5))], { limits: { fieldSize: 10 } }, undefined],
    ['fields in sum', [field('a', 'xxxxx'), field('b', 'xxxxx')], { limits: { fieldsSize: 11 } }, { status: 413 }],
    ['a file of just the size', [file('a', 'x'.repeat(10))], { limits: { fileSize: 10 } }, undefined],
    ['one byte more', [file('a', 'x'.repeat(11))], { limits: { fileSize: 10 } }, { status: 413, message: /"a"/ }],
    ['the whole body', [file('a', 'x'.repeat(1000))], { limits: { total: 500 } }, { status: 413 }],
    ['the name first', [field('name'), file('content')], { fieldsBeforeFiles: ['name'] }, undefined],
    [
      'the name behind',
      [file('content'), field('name')],
      { fieldsBeforeFiles: ['name'] },
      { status: 400, message: /before/ },
    ],
    ['no file where none is expected', [file('content')], { onFile: undefined }, { status: 400, message: /none is/ }],
  ];
  for (const [what, parts, options, reason] of cases) {
    for (const size of [3, 65_536]) {
      const body = bodyOf(parts, size);
      if (reason) await t.rejects(readForm(body, options), reason as never, `${what}, ${size} at a time`);
      else await t.resolves(readForm(body, options), what);
    }
  }
  const urlencoded = new RequestBody('a=1&b=2&c=3', { ...OPTIONS, contentType: 'application/x-www-form-urlencoded' });
  await t.rejects(readForm(urlencoded, { limits: { fields: 2 } }), { status: 400 } as never);
  const many = new RequestBody('a&'.repeat(200_000), {
    ...OPTIONS,
    defaultLimit: 1e7,
    contentType: 'application/x-www-form-urlencoded',
  });
  await t.rejects(readForm(many), { status: 400, message: /5000 fields/ } as never);
  const { fields } = await readForm(bodyOf([field('a'), field('unknown')]), { fields: ['a'] });
  t.same(fields.names(), ['a'], 'fields that nobody asked for are dropped');
});

t.test('limits that hold if a protocol sets none', async (t) => {
  const field = (name: string, value = 'v'): IPart => ({ name, value });
  const file = (name: string, value = 'x'): IPart => ({ name, filename: name, value });
  const urlencoded = (count: number) => {
    const contentType = 'application/x-www-form-urlencoded';
    const text = Array.from({ length: count }, (_, at) => `f${at}`).join('&');
    return new RequestBody(text, { ...OPTIONS, contentType });
  };
  t.equal((await readForm(urlencoded(5000))).fields.names().length, 5000);
  await t.rejects(readForm(urlencoded(5001)), { message: /5000 fields/ } as never);
  const files = (count: number) => bodyOf(Array.from({ length: count }, (_, at) => file(`f${at}`)));
  t.equal((await readForm(files(16))).files.length, 16);
  await t.rejects(readForm(files(17)), { status: 400, message: /16 files/ } as never);
  const open = (parts: IPart[], more: object) => {
    const { bytes, contentType } = multipart(parts);
    return new RequestBody(bytes, { ...OPTIONS, contentType, ...more });
  };
  for (const [what, parts, more, isAllowed] of [
    ['names and values', [field('ab', 'cde')], { defaultLimit: 5 }, true],
    ['one byte more', [field('ab', 'cdef')], { defaultLimit: 5 }, false],
    ['a file', [file('a', 'x'.repeat(9))], { fileLimit: 9 }, true],
    ['one byte more', [file('a', 'x'.repeat(10))], { fileLimit: 9 }, false],
  ] as const) {
    const read = readForm(open([...parts], more));
    if (isAllowed) await t.resolves(read, what);
    else await t.rejects(read, what);
  }
  const named = (length: number) => {
    const contentType = 'application/x-www-form-urlencoded';
    return readForm(new RequestBody(`${'n'.repeat(length)}=x`, { ...OPTIONS, contentType }));
  };
  t.equal((await named(1024)).fields.names()[0]?.length, 1024);
  await t.rejects(named(1025), { status: 400, message: /overlong name/ } as never);
  const long = { status: 400, message: `The form has a file ("${'n'.repeat(100)}…"), and none is expected here` };
  await t.rejects(open([file('n'.repeat(101))], {}).form(), long as never);
  const type = { typeIfNone: 'application/x-www-form-urlencoded' } as const;
  const untyped = new RequestBody('a=1', OPTIONS);
  t.equal((await readForm(untyped, type)).fields.get('a'), '1', 'a protocol may know the type of its forms');
  const typed = new RequestBody('a=1', { ...OPTIONS, contentType: 'application/json' });
  await t.rejects(readForm(typed, type), { status: 415 } as never);
  const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) as object;
  const parsed = (body: object) => readForm(new RequestBody(body, OPTIONS));
  t.same((await parsed(nested(8))).fields.names(), [`a${'[a]'.repeat(7)}`]);
  await t.rejects(parsed(nested(9)), ofKind('invalid'));
});

t.test('a parsed form without the name or the type of a file', async (t) => {
  const file = { fieldname: 'content', buffer: Buffer.from('bytes') };
  const request = { httpVersion: '1.1', readableDidRead: true, [Symbol.asyncIterator]() {}, body: {}, file };
  t.match((await readForm(new RequestBody(request, OPTIONS))).files, [
    { field: 'content', filename: undefined, contentType: 'application/octet-stream', text: 'bytes' },
  ]);
  const data = new FormData();
  data.append('content', new Blob(['bytes']));
  t.match((await readForm(new RequestBody(data, OPTIONS))).files, [{ contentType: 'application/octet-stream' }]);
  for (const lacking of [{ httpVersion: undefined }, { readableDidRead: false }, { body: undefined }]) {
    const other = { ...request, ...lacking };
    t.equal(new RequestBody(other, OPTIONS).parsed, undefined, 'no request whose body a parser has read');
  }
});

t.test('a file that grows past its limit is refused while it comes in', async (t) => {
  let sent = 0;
  const { head, contentType } = multipart([]);
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield head('content', 'f');
    for (;;) {
      sent += 65_536;
      yield new Uint8Array(65_536);
    }
  }
  const body = new RequestBody(endless(), { ...OPTIONS, contentType });
  await t.rejects(readForm(body, { limits: { fileSize: 1_000_000 } }), ofKind('tooLarge'));
  t.ok(sent < 1_200_000, `${sent} bytes were taken`);
});

t.test('files stream with backpressure: no more is taken than their readers take', async (t) => {
  let sent = 0;
  const { head, tail, contentType } = multipart([]);
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const name of ['one', 'two']) {
      yield head(name, name);
      for (let count = 0; count < 40; count++) {
        sent += 50_000;
        yield new Uint8Array(50_000);
      }
    }
    yield tail;
  }
  const body = new RequestBody(source(), { ...OPTIONS, contentType });
  const sizes: number[] = [];
  await body.form({
    onFile: async ({ stream }) => {
      const before = sent;
      await new Promise((resolve) => setTimeout(resolve, 20));
      t.ok(sent - before <= 50_000, 'nothing is taken that nobody asked for');
      let size = 0;
      for await (const chunk of stream) {
        size += chunk.byteLength;
        t.ok(sent - sizes.length * 2_000_000 - size <= 200_000, 'and little ahead of the reader');
      }
      sizes.push(size);
    },
  });
  t.same(sizes, [2_000_000, 2_000_000]);
});

t.test('files that are read by halves or not at all are skipped, and what follows is read', async (t) => {
  const parts: IPart[] = [
    { name: 'a', filename: 'a', value: 'x'.repeat(300_000) },
    { name: 'b', filename: 'b', value: 'y'.repeat(300_000) },
    { name: 'after', value: 'here' },
  ];
  let kept: ReadableStream<Uint8Array> | undefined;
  const fields = await bodyOf(parts).form({
    onFile: async ({ field, stream }) => {
      if (field === 'b') kept = stream;
      else await stream.getReader().read();
    },
  });
  t.equal(fields.get('after'), 'here');
  await t.rejects(streamToBuffer(kept), ofKind('internal'), 'a stream that was kept does not look like an empty file');
  const cancelled = await bodyOf(parts).form({ onFile: ({ stream }) => stream.cancel() });
  t.equal(cancelled.get('after'), 'here');
});

t.test('a file that nobody reads is not kept in memory, however long it is', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { bytes, contentType } = multipart([{ name: 'a', filename: 'a', value: '#' }]);
  const [start = '', end = ''] = bytes.toString('latin1').split('#');
  const chunks: WeakRef<ArrayBufferLike>[] = [];
  let alive = Number.POSITIVE_INFINITY;
  async function* long(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(start);
    for (let count = 0; count < 500; count++) {
      const chunk = Buffer.alloc(1000, 'x');
      chunks.push(new WeakRef(chunk.buffer));
      yield chunk;
    }
    // a WeakRef holds on until the end of the turn
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    alive = chunks.filter((chunk) => chunk.deref()).length;
    yield Buffer.from(end);
  }
  const body = new RequestBody(long(), { ...OPTIONS, contentType });
  await body.form({ onFile: ({ stream }) => stream.cancel() });
  body.dispose();
  t.ok(alive < 100, `${alive} of 500 chunks were alive at the end`);
});

t.test('a handler that throws ends the form with its error, and the source is let go', async (t) => {
  let isLetGo = false;
  const { head, contentType } = multipart([]);
  const source = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(Buffer.concat([head('content', 'f'), Buffer.from('some bytes')])),
      cancel: () => {
        isLetGo = true;
      },
    },
    { highWaterMark: 0 },
  );
  const body = new RequestBody(source, { ...OPTIONS, contentType });
  const began = Date.now();
  const onFile = async ({ stream }: IFormFile) => {
    // a read that waits for a silent client must not hold up the answer
    stream
      .getReader()
      .read()
      .catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw new Error('no room');
  };
  await t.rejects(body.form({ onFile }), { message: 'no room' });
  t.ok(Date.now() - began < 900, 'before the idle time-out');
  body.dispose();
  t.ok(isLetGo);
});

t.test('a client that falls silent, or goes away, in a form', async (t) => {
  const { head, contentType } = multipart([]);
  const silent = () =>
    new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(head('content', 'f')) }, { highWaterMark: 0 });
  const idle = new RequestBody(silent(), { ...OPTIONS, contentType, idleTimeoutMs: 50 });
  await t.rejects(readForm(idle), ofKind('timeout'));
  const gone = new AbortController();
  const left = new RequestBody(silent(), { ...OPTIONS, contentType, signal: gone.signal });
  setTimeout(() => gone.abort(), 20);
  await t.rejects(readForm(left), ofKind('timeout'));
  async function* reset(): AsyncGenerator<Uint8Array> {
    yield head('content', 'f');
    throw new Error('reset');
  }
  const broken = new RequestBody(Readable.from(reset()), { ...OPTIONS, contentType });
  await t.rejects(readForm(broken), ofKind('invalid'));
});

t.test('forms that the host has parsed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const open = (body: unknown) => new RequestBody(body, { ...OPTIONS, contentType: 'multipart/form-data; boundary=b' });
  const parsed = JSON.parse('{"a":"b","list":["1","2"],"n":7,"deep":{"x":"y"},"__proto__":"p","none":null}');
  const { fields } = await readForm(open(parsed));
  t.same(fields.names(), ['a', 'list', 'n', 'deep[x]', '__proto__']);
  t.same(fields.all('list'), ['1', '2']);
  t.equal(fields.get('__proto__'), 'p');

  const data = new FormData();
  data.append('name', 'a');
  data.append('content', new File(['bytes'], 'x\\a.gem', { type: 'application/x-gem' }));
  data.append('behind', 'b');
  t.match(await readForm(open(data)), {
    files: [{ field: 'content', filename: 'a.gem', contentType: 'application/x-gem', text: 'bytes' }],
  });

  await writeFile(join(folder, 'upload'), 'from disk');
  const file = (more: object) => ({ fieldname: 'content', originalname: '../a.whl', mimetype: 'x/y', ...more });
  const request = (more: object) => ({
    httpVersion: '1.1',
    readableDidRead: true,
    [Symbol.asyncIterator]() {},
    ...more,
  });
  const body = Object.assign(Object.create(null), { name: 'a' });
  for (const [more, text] of [
    [{ file: file({ buffer: Buffer.from('in memory') }) }, 'in memory'],
    [{ files: [file({ path: join(folder, 'upload') })] }, 'from disk'],
    [{ files: { content: [file({ buffer: Buffer.from('by field') })] } }, 'by field'],
  ] as const) {
    const read = await readForm(open(request({ body, ...more })), { fieldsBeforeFiles: ['name'] });
    t.equal(read.fields.get('name'), 'a');
    t.match(read.files, [{ field: 'content', contentType: 'x/y', text }]);
    t.equal(read.files[0]?.filename, 'a.whl', 'and no path');
  }
  const forged = { file: file({ path: join(folder, 'upload') }), files: [file({ path: join(folder, 'upload') })] };
  t.same((await readForm(open(forged))).files, [], 'a path that stands in the body is a field and no file');
  t.same((await readForm(open(request({ body: forged })))).files, []);
  const posing = JSON.parse(JSON.stringify({ ...request({ body, ...forged }) }));
  t.same((await readForm(open(posing))).files, [], 'nor does a body that poses as the request of the host');
  await t.rejects(readForm(open({ a: 'x'.repeat(200_000) })), ofKind('tooLarge'), 'limits hold here too');
  const nested = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
  await t.rejects(readForm(open(nested)), ofKind('invalid'));
  const two = () => open(request({ body, files: [1, 2].map(() => file({ buffer: Buffer.from('x') })) }));
  await t.rejects(readForm(two(), { limits: { files: 1 } }), ofKind('invalid'), 'a file too many');
  await t.rejects(readForm(two(), { fieldsBeforeFiles: ['version'] }), ofKind('invalid'), 'a field that is missing');
  await t.rejects(two().form(), ofKind('invalid'), 'files where none are expected');
  await t.rejects(
    readForm(open(request({ body, file: file({ buffer: Buffer.alloc(11) }) })), { limits: { fileSize: 10 } }),
    ofKind('tooLarge'),
  );
});

t.test('members of a parsed form that are bytes, a Blob or a web stream are its files', async (t) => {
  const open = (body: unknown) => new RequestBody(body, { ...OPTIONS, contentType: 'multipart/form-data' });
  const content: [what: string, value: () => unknown][] = [
    ['a Buffer', () => Buffer.from('bytes')],
    ['a Uint8Array', () => new Uint8Array(Buffer.from('bytes'))],
    ['a Blob', () => new Blob(['bytes'])],
    ['a web stream', () => new Blob(['bytes']).stream()],
  ];
  for (const [what, value] of content) {
    const { fields, files } = await readForm(open({ content: value(), filename: 'a.whl' }));
    t.same(fields.names(), ['filename'], what);
    t.match(files, [{ field: 'content', filename: undefined, text: 'bytes' }], what);
  }
  let isLeft = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from('x')),
    cancel: () => {
      isLeft = true;
    },
  });
  await open({ content: endless }).form({ onFile: async ({ stream }) => void (await stream.getReader().read()) });
  t.ok(isLeft, 'a file that is not read to its end is let go');
  const named = await readForm(open({ content: new File(['bytes'], 'x/b.whl') }));
  t.match(named.files, [{ filename: 'b.whl' }]);
  const limits = { fileSize: 3 };
  await t.rejects(readForm(open({ content: Buffer.from('bytes') }), { limits }), ofKind('tooLarge'));
  const parsed = JSON.parse(JSON.stringify({ content: Buffer.from('bytes') }));
  t.same((await readForm(open(parsed))).files, [], 'what JSON makes of a Buffer is no file');
});
