import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RequestBody } from '../../../ts/core/pipeline/body/classes.requestbody.js';
import { manyTurns } from '../../support/waiting.js';

/** A sender who says nothing, and whether it was let go. */
const silent = () => {
  const seen = { cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: () => new Promise(() => {}),
      cancel: () => {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
};
const OPTIONS = { defaultLimit: 1000, idleTimeoutMs: 1000 };

t.test('a body in an encoding that is not known is refused, and let go', async (t) => {
  const { stream, seen } = silent();
  const body = new RequestBody(stream, { ...OPTIONS, contentEncoding: 'br' });
  await t.rejects(body.bytes(), { status: 415 } as never);
  body.dispose();
  t.ok(seen.cancelled);
});

t.test(
  'a body that is longer than it says is given up at the first byte too many, though there is no other limit',
  async (t) => {
    let sent = 0;
    let isLeft = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (; sent < 10_000; sent++) yield Buffer.alloc(100);
      } finally {
        isLeft = true;
      }
    }
    const body = new RequestBody(endless(), { ...OPTIONS, contentLength: '250' });
    await t.rejects(streamToBuffer(body.stream()), { status: 400 } as never);
    t.ok(sent < 5, `${sent} chunks were taken`);
    t.ok(isLeft);
  },
);

t.test(
  'a host that has decoded a packed body leaves the headers of the packed one: its length says nothing then',
  async (t) => {
    const text = 'x'.repeat(500);
    const contentLength = String(gzipSync(text).byteLength);
    const options = { ...OPTIONS, contentLength, contentEncoding: 'gzip' };
    t.equal(await new RequestBody(text, options).text(), text);
    t.equal(await new RequestBody(gzipSync(text), options).text(), text);
    t.equal(
      await new RequestBody('', { ...OPTIONS, contentEncoding: 'gzip' }).text(),
      '',
      'nothing is nothing, packed or not',
    );
  },
);

t.test('a request whose client has gone before its body is read does not wait for it', async (t) => {
  const { stream, seen } = silent();
  const gone = AbortSignal.abort(new Error('gone'));
  const body = new RequestBody(stream, { ...OPTIONS, idleTimeoutMs: 600_000, signal: gone });
  await t.rejects(body.bytes(), { kind: 'timeout' } as never);
  t.ok(seen.cancelled);
});

t.test(
  'a request of Node is left half read, and not destroyed: its socket has still to bring the answer',
  async (t) => {
    const server = http.createServer(async (request, response) => {
      const body = new RequestBody(request, OPTIONS);
      const thrown = await body.bytes().catch((error: { status: number }) => error);
      body.dispose();
      await manyTurns();
      response.writeHead('status' in thrown ? thrown.status : 200).end('the answer');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as { port: number };
    const request = http.request({ port, host: '127.0.0.1', method: 'PUT', agent: false });
    request.write(Buffer.alloc(2000));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    t.equal(response.statusCode, 413);
    const [text] = (await once(response, 'data')) as [Buffer];
    t.equal(text.toString(), 'the answer');
    request.destroy();
  },
);

t.test(
  'a body whose stream nobody reads is let go at the end of the request, and cannot be read after it',
  async (t) => {
    const { stream, seen } = silent();
    const body = new RequestBody(stream, OPTIONS);
    await body.stream().cancel();
    const late = new RequestBody('x', OPTIONS);
    const unread = late.stream();
    body.dispose();
    late.dispose();
    t.ok(seen.cancelled);
    await t.rejects(unread.getReader().read(), { kind: 'internal' } as never);
  },
);

/** Timers, listeners on the signal, and the source: what a body holds while it is read. */
const counted = (t: Test, body: 'silent' | 'flowing' | 'gzip') => {
  const timers = new Set<unknown>();
  const { setInterval: start, clearInterval: stop } = globalThis;
  globalThis.setInterval = ((...args: Parameters<typeof start>) => {
    const timer = start(...args);
    timers.add(timer);
    return timer;
  }) as typeof start;
  globalThis.clearInterval = ((timer: Parameters<typeof stop>[0]) => {
    timers.delete(timer);
    stop(timer);
  }) as typeof stop;
  t.teardown(() => {
    Object.assign(globalThis, { setInterval: start, clearInterval: stop });
  });
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener: add, removeEventListener: remove } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners += 1;
    return add.apply(signal, args as never);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners -= 1;
    return remove.apply(signal, args as never);
  };
  let isOpen = true;
  const content = body === 'gzip' ? gzipSync(randomBytes(500_000)) : Buffer.alloc(500_000);
  let at = 0;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (body === 'silent') return new Promise<void>(() => {});
        controller.enqueue(content.subarray(at, at + 50_000));
        at += 50_000;
        if (at < content.byteLength) return undefined;
        isOpen = false;
        return controller.close();
      },
      cancel: () => {
        isOpen = false;
      },
    },
    { highWaterMark: 0 },
  );
  const contentEncoding = body === 'gzip' ? 'gzip' : undefined;
  const held = () => ({ timers: timers.size, listeners, isOpen });
  const contentType = 'multipart/form-data; boundary=b';
  return { request: new RequestBody(stream, { ...OPTIONS, contentEncoding, contentType, signal }), held };
};

t.test('a body is freed in every state that a request may leave it in', async (t) => {
  const nothing = { timers: 0, listeners: 0, isOpen: false };
  const quiet = (promise: Promise<unknown>) => void promise.catch(() => undefined);
  const states: [string, (body: RequestBody) => unknown][] = [
    ['untouched', () => undefined],
    ['a stream of it that was never read', (body) => body.stream()],
    ['a stream of it that was left after one chunk', (body) => void quiet(body.stream().getReader().read())],
    ['chunks that were left after one', (body) => void quiet(body.chunks().next())],
    ['still being read as a whole', (body) => quiet(body.bytes({ limit: 1e9 }))],
    ['still being read as JSON', (body) => quiet(body.json({ limit: 1e9 }))],
    ['a reader that was never asked', (body) => body.reader()],
    ['a frame that was left half-way', (body) => quiet(body.reader().takeStream(1e6).getReader().read())],
    ['a form that still waits', (body) => quiet(body.form())],
    ['a part that still waits', (body) => quiet(body.reader({ limit: 1e9 }).take(1e8))],
  ];
  for (const kind of ['silent', 'flowing', 'gzip'] as const) {
    for (const [state, reach] of states) {
      await t.test(`${kind}: ${state}`, async (t) => {
        const { request, held } = counted(t, kind);
        reach(request);
        await new Promise((resolve) => setTimeout(resolve, 20));
        request.dispose();
        request.dispose();
        await new Promise((resolve) => setTimeout(resolve, 20));
        t.same(held(), nothing);
      });
    }
  }
  await t.test('a stream that was begun and left cannot be read on', async (t) => {
    const { request } = counted(t, 'flowing');
    const reader = request.stream().getReader();
    await reader.read();
    request.dispose();
    await t.rejects(reader.read(), { kind: 'internal' } as never);
  });
});

t.test('the idle time-out counts the silence of the sender, not the time that a reader takes', async (t) => {
  async function* steady(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 3; count++) yield Buffer.from('x');
  }
  const body = new RequestBody(steady(), { ...OPTIONS, idleTimeoutMs: 40 });
  for await (const _chunk of body.chunks()) await new Promise((resolve) => setTimeout(resolve, 120));
  t.pass('a slow reader got all of it');
  const idle = new RequestBody(silent().stream, { ...OPTIONS, idleTimeoutMs: 40 });
  await t.rejects(idle.bytes(), { kind: 'timeout' } as never);
});

t.test('an abort is heard while a sender is silent', async (t) => {
  const gone = new AbortController();
  const body = new RequestBody(silent().stream, { ...OPTIONS, idleTimeoutMs: 60_000, signal: gone.signal });
  const began = Date.now();
  setTimeout(() => gone.abort(), 20);
  await t.rejects(body.bytes(), { kind: 'timeout' } as never);
  t.ok(Date.now() - began < 10_000, 'long before the idle time-out');
});

t.test('JSON of many small values is refused while it comes in', async (t) => {
  let sent = 0;
  async function* many(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('[');
    for (;;) {
      sent += 30_000;
      yield Buffer.from('[],'.repeat(10_000));
    }
  }
  const endless = new RequestBody(many(), { ...OPTIONS, defaultLimit: 32 * 1024 * 1024 });
  await t.rejects(endless.json(), { kind: 'tooLarge', message: /1000000 values/ } as never);
  t.ok(sent < 2_000_000, `${sent} bytes were taken`);
  const texts: [string, number][] = [
    ['1', 1],
    ['[1,2,3]', 4],
    ['{"a":{"b":[]},"c":"x,y[{"}', 4],
    ['{"a\\\\":"\\",\\"[","b":2}', 3],
  ];
  for (const [text, atMost] of texts) {
    for (let size = 1; size <= text.length; size++) {
      const open = (maxValues: number) => {
        const bytes = Buffer.from(text);
        const chunks = async function* () {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        };
        return new RequestBody(chunks(), OPTIONS).json({ maxValues });
      };
      t.same(await open(atMost + 1), JSON.parse(text), `${text}, ${size} bytes at a time`);
      await t.rejects(open(atMost - 1), { kind: 'tooLarge' } as never, text);
    }
  }
});

t.test('a packed body of nothing ends at a limit, however little it unpacks to', async (t) => {
  const empty = Buffer.concat(Array(1000).fill(gzipSync('')));
  let sent = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; sent < 100_000_000; sent += empty.byteLength) yield empty;
  }
  const body = new RequestBody(endless(), { ...OPTIONS, contentEncoding: 'gzip' });
  await t.rejects(body.bytes(), { kind: 'tooLarge' } as never);
  t.ok(sent < 1_000_000, `${sent} bytes were read`);
  const random = gzipSync(randomBytes(1000), { level: 0 });
  const whole = new RequestBody(random, { ...OPTIONS, contentEncoding: 'gzip' });
  t.equal((await whole.bytes()).byteLength, 1000, 'what does not shrink may be larger packed');
});

t.test('of a body that comes byte by byte the bytes are kept, and not the chunks', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const alive: number[] = [];
  async function* tiny(): AsyncGenerator<Uint8Array> {
    const chunks: WeakRef<Uint8Array>[] = [];
    for (let at = 0; at < 2000; at++) {
      const chunk = Buffer.from('x');
      chunks.push(new WeakRef(chunk));
      yield chunk;
    }
    // a WeakRef holds on until the end of the turn
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    alive.push(chunks.filter((chunk) => chunk.deref()).length);
  }
  const whole = new RequestBody(tiny(), { ...OPTIONS, defaultLimit: 10_000 });
  t.equal((await whole.text()).length, 2000);
  const framed = new RequestBody(tiny(), OPTIONS);
  const reader = framed.reader({ limit: 10_000 });
  t.equal((await reader.take(2000)).length, 2000);
  await reader.end();
  framed.dispose();
  t.ok(Math.max(...alive) < 100, `${alive} chunks were alive at the end`);
});

t.test('a body is as long as it says, and no longer than it may be', async (t) => {
  const wrong = { status: 400, message: /not as long as its Content-Length says/ };
  const tooLong = { status: 413, message: /larger than the 10 bytes/ };
  const noNumber = { status: 400, message: /not a number of bytes/ };
  const cases: [
    sent: number,
    contentLength: string | undefined,
    refusal: { status: number; message: RegExp } | undefined,
  ][] = [
    [10, undefined, undefined],
    [11, undefined, tooLong],
    [10, '10', undefined],
    [9, '10', wrong],
    [10, '9', wrong],
    [0, '1', wrong],
    [0, '0', undefined],
    [1, '0', wrong],
    [0, '', undefined],
    [10, '11', tooLong],
    [10, '-1', noNumber],
    [10, '1.5', noNumber],
    [10, 'ten', noNumber],
    [10, '1e99', noNumber],
  ];
  for (const [sent, contentLength, refusal] of cases) {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < sent; at++) yield Buffer.from('x');
    };
    for (const body of [pieces(), Buffer.alloc(sent, 'x'), 'x'.repeat(sent)]) {
      const read = async () => new RequestBody(body, { ...OPTIONS, contentLength }).bytes({ limit: 10 });
      const name = `${sent} of ${contentLength}`;
      if (refusal) await t.rejects(read(), refusal, name);
      else t.equal((await read()).byteLength, sent, name);
    }
  }
  const of = (size: number) => new RequestBody(Buffer.alloc(size, 'x'), { ...OPTIONS, defaultLimit: 10 });
  t.equal((await of(10).text()).length, 10);
  for (const read of [() => of(11).text(), () => of(11).bytes(), () => of(11).json()]) await t.rejects(read(), tooLong);
  await t.rejects(of(10).json(), { status: 400, message: /not valid JSON/ });
  for (const contentEncoding of ['gzip', 'X-GZIP', ' gzip ']) {
    const packed = (size: number) => new RequestBody(gzipSync('x'.repeat(size)), { ...OPTIONS, contentEncoding });
    t.equal((await packed(10).bytes({ limit: 10 })).byteLength, 10, contentEncoding);
    await t.rejects(packed(11).bytes({ limit: 10 }), tooLong);
  }
  t.equal((await new RequestBody('xy', { ...OPTIONS, contentEncoding: 'Identity' }).bytes()).byteLength, 2);
  const broken = Buffer.concat([gzipSync('x'.repeat(100)).subarray(0, 15), Buffer.alloc(20, 0xff)]);
  await t.rejects(new RequestBody(broken, { ...OPTIONS, contentEncoding: 'gzip' }).bytes(), {
    status: 400,
    message: /not valid gzip/,
  });
});

t.test('whether there may be a body', async (t) => {
  for (const [body, contentLength, exists] of [
    [undefined, undefined, false],
    [null, '5', false],
    ['', '0', false],
    ['', undefined, true],
    ['x', '1', true],
    [{}, undefined, true],
  ] as const) {
    t.equal(new RequestBody(body, { ...OPTIONS, contentLength }).exists, exists, `${body} ${contentLength}`);
  }
});

t.test('a body is read once', async (t) => {
  const body = new RequestBody('x', OPTIONS);
  t.equal(await body.text(), 'x');
  await t.rejects(body.text(), { kind: 'internal', message: /read twice/ });
  const parsed = new RequestBody({ a: 1 }, OPTIONS);
  t.same([await parsed.json(), await parsed.json()], [{ a: 1 }, { a: 1 }], 'what is parsed may be read again');
  await t.rejects(parsed.bytes(), { status: 400, message: /exact bytes/ });
});
