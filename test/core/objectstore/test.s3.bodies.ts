import { randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import * as http from 'node:http';
import * as net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type IBufferSource, takeSource } from '../../../ts/core/base/helpers.streams.js';
import { type IBodyOptions, toWebStream } from '../../../ts/core/objectstore/s3/reading/helpers.body.js';
import { readAll, sha256 } from '../../support/store/objectstore-bytes.js';

const KIB = 1024;
const MIB = 1024 ** 2;
const bytes = randomBytes(24 * MIB);
const digest = sha256(bytes);
const head = (size: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`;

type TAnswer = (socket: net.Socket) => void;
/** All of it. */
const whole: TAnswer = (socket) => void socket.write(Buffer.concat([Buffer.from(head(bytes.length)), bytes]));
/** Half of it, then what is scripted. */
const half =
  (then: TAnswer): TAnswer =>
  (socket) => {
    socket.write(head(bytes.length));
    socket.write(bytes.subarray(0, bytes.length / 2), () => then(socket));
  };

/** A server that answers each request as scripted, and a client with the driver's kind of agent. */
const setUp = async (t: Test, answer: TAnswer) => {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    let received = '';
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      received += piece;
      if (!received.endsWith('\r\n\r\n')) return;
      received = '';
      answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new http.Agent({ keepAlive: true });
  t.teardown(() => {
    agent.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  const open = async (options: Partial<IBodyOptions> = {}) => {
    const raw = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get({ host: '127.0.0.1', port, agent }, resolve).on('error', reject);
    });
    const expected = Number(raw.headers['content-length']);
    return { raw, body: toWebStream(raw, { expected, idleMs: 2_000, ...options }) };
  };
  /** Whether the client has let go of its end, seen from the server. */
  const freed = async (index = 0): Promise<boolean> => {
    for (let tries = 0; tries < 100 && !sockets[index]?.destroyed; tries++) await delay(20);
    return sockets[index]?.destroyed === true;
  };
  return { open, sockets, freed, agent };
};

type TTake = (bytes: Uint8Array) => Promise<void> | undefined;
/** What stands behind an unread body, as a host reads it. */
const sourceOf = (body: ReadableStream<Uint8Array>) => takeSource(body) as Required<IBufferSource>;
const flowAll = async (body: ReadableStream<Uint8Array>, pauses?: TTake): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  await sourceOf(body).flow((chunk) => {
    chunks.push(chunk);
    return pauses?.(chunk);
  });
  return Buffer.concat(chunks);
};

const isBroken = { kind: 'unavailable', message: /broke off after \d+ of 25165824 bytes/ };

t.test('bodies come whole, one after another on one connection, and side by side', async (t) => {
  const { open, sockets } = await setUp(t, whole);
  for (let round = 0; round < 3; round++) {
    const { body } = await open();
    t.equal(sha256(await (round % 2 === 0 ? readAll(body) : flowAll(body))), digest);
    await delay(200); // the connection is free a moment after the last byte
  }
  t.equal(sockets.length, 1);
  const several = await Promise.all([open(), open(), open(), open()]);
  const digests = await Promise.all(several.map(async ({ body }) => sha256(await readAll(body))));
  t.same(digests, [digest, digest, digest, digest]);

  const size = 8 * MIB;
  const chunked = await setUp(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n`);
    socket.write(bytes.subarray(0, size));
    socket.write('\r\n0\r\n\r\n');
  });
  for (let round = 0; round < 3; round++) {
    const { body } = await chunked.open({ expected: size });
    t.equal(sha256(await readAll(body)), sha256(bytes.subarray(0, size)), 'a chunked body');
    await delay(200);
  }
  t.equal(chunked.sockets.length, 1);
});

t.test('a connection is free for others after the last byte, also if the reader asks for no more', async (t) => {
  let finish = () => {};
  const { open, agent } = await setUp(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n');
    finish = () => void socket.write('0\r\n\r\n');
  });
  const { body } = await open({ expected: 4 });
  const reader = body.getReader();
  t.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'some');
  finish();
  let turns = 0;
  while (Object.keys(agent.freeSockets).length === 0 && turns++ < 200) await delay(20);
  t.equal(Object.keys(agent.freeSockets).length, 1);
});

t.test('a server that breaks off', async (t) => {
  const ways: Record<string, TAnswer> = {
    'with an end': (socket) => socket.end(),
    'with a reset': (socket) => setTimeout(() => socket.resetAndDestroy(), 50),
    'with silence': () => {},
  };
  for (const [way, then] of Object.entries(ways)) {
    const { open, freed } = await setUp(t, half(then));
    await t.rejects(readAll((await open({ idleMs: 500 })).body), isBroken, `${way} is an error`);
    t.ok(await freed());
    await t.rejects(flowAll((await open({ idleMs: 500 })).body), isBroken, 'in a flow too');
    t.ok(await freed(1));
    const { body } = await open({ idleMs: 500 });
    const reader = body.getReader();
    await reader.read();
    await delay(300);
    const rest = (async () => {
      for (;;) if ((await reader.read()).done) return;
    })();
    await t.rejects(rest, isBroken, 'also for a reader who comes later');
  }
  const all = await setUp(t, (socket) => {
    whole(socket);
    socket.end();
  });
  t.equal(sha256(await readAll((await all.open()).body)), digest, 'but not after the last byte');
  await delay(200); // the client sees that this connection has ended
  t.equal(sha256(await flowAll((await all.open()).body)), digest);
  await delay(200);
  const { body } = await all.open();
  const reader = body.getReader();
  let size = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.byteLength;
    if (size > bytes.length - 256 * KIB) await delay(50);
  }
  t.equal(size, bytes.length, 'however slowly those are read');
});

t.test('a server that sends more than it announced', async (t) => {
  const { open, freed } = await setUp(t, (socket) => {
    socket.write(head(bytes.length));
    socket.write(bytes);
    socket.write(head(4));
    socket.write('more');
  });
  t.equal(sha256(await readAll((await open()).body)), digest, 'is read as far as announced');
  t.ok(await freed());
  t.equal(sha256(await readAll((await open()).body)), digest, 'and the rest is no other answer');
});

t.test('a reader who leaves', async (t) => {
  const { open, freed } = await setUp(t, whole);
  const readSome = async (body: ReadableStream<Uint8Array>) => {
    const reader = body.getReader();
    for (let size = 0; size < MIB; ) size += (await reader.read()).value?.byteLength ?? 0;
    return reader;
  };
  await (await readSome((await open()).body)).cancel();
  t.ok(await freed(0), 'frees the connection');

  const abort = new AbortController();
  const reader = await readSome((await open({ signal: abort.signal })).body);
  abort.abort(new Error('the client is gone'));
  await t.rejects(reader.read(), { message: 'the client is gone' });
  t.ok(await freed(1), 'and so does an abort');
  t.equal(getEventListeners(abort.signal, 'abort').length, 0);
});

t.test('a slow reader holds little, and the server waits for it', async (t) => {
  const { open } = await setUp(t, whole);
  const { raw, body } = await open({ idleMs: 200 });
  const { socket } = raw;
  const reader = body.getReader();
  const seen: Uint8Array[] = [];
  let size = 0;
  let most = 0;
  for (let step = await reader.read(), turn = 0; !step.done; step = await reader.read(), turn++) {
    seen.push(step.value);
    size += step.value.byteLength;
    // longer than the idle time, which counts only while the reader waits
    if (turn % 40 === 0) await delay(turn === 40 ? 600 : 50);
    if (turn > 20) most = Math.max(most, socket.bytesRead - size);
  }
  t.ok(most < 512 * KIB, `${most} bytes were ahead of it at most`);
  t.equal(sha256(Buffer.concat(seen)), digest);
});

t.test('a flow waits for whoever takes it', async (t) => {
  const { open } = await setUp(t, whole);
  const { raw, body } = await open({ idleMs: 200 });
  const { socket } = raw;
  let size = 0;
  let most = 0;
  let turn = 0;
  let isTaking = false;
  const all = await flowAll(body, ({ byteLength }) => {
    t.notOk(isTaking);
    size += byteLength;
    if (++turn > 20) most = Math.max(most, socket.bytesRead - size);
    if (turn % 40 !== 0) return undefined;
    isTaking = true;
    // longer than the idle time, which counts only while the socket is waited for
    return delay(turn === 40 ? 600 : 50).then(() => {
      isTaking = false;
    });
  });
  t.equal(sha256(all), digest);
  t.ok(most < 512 * KIB, `${most} bytes were ahead of it at most`);
  await flowAll((await open({ expected: 0 })).body);
});

t.test('a flow that is broken off', async (t) => {
  const { open, freed } = await setUp(t, whole);
  const closed = sourceOf((await open()).body);
  await closed.flow(() => void closed.close());
  t.ok(await freed(0), 'by its reader, frees the connection');

  const abort = new AbortController();
  const aborted = sourceOf((await open({ signal: abort.signal })).body);
  await t.rejects(
    aborted.flow(() => void abort.abort(new Error('the client is gone'))),
    { message: 'the client is gone' },
    'by a signal',
  );
  t.ok(await freed(1));
  t.equal(getEventListeners(abort.signal, 'abort').length, 0);

  const refuse = () => {
    throw new Error('too much');
  };
  await t.rejects(sourceOf((await open()).body).flow(refuse), { message: 'too much' }, 'by an error of its taker');
  t.ok(await freed(2));
  await t.rejects(
    sourceOf((await open()).body).flow(() => delay(10).then(refuse)),
    { message: 'too much' },
  );
  t.ok(await freed(3), 'also of a later one');
});

t.test('a body of more bytes than were promised is broken', async (t) => {
  const { open } = await setUp(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsome more\r\n0\r\n\r\n');
  });
  const broken = { kind: 'unavailable', message: /broke off after 9 of 4 bytes/ } as unknown as Error;
  await t.rejects(readAll((await open({ expected: 4 })).body), broken);
  await t.rejects(flowAll((await open({ expected: 4 })).body), broken, 'in a flow too');
});

t.test('a flow ends when its last buffer is taken', async (t) => {
  const { open } = await setUp(t, (socket) => void socket.write(`${head(4)}some`));
  let isTaken = false;
  await flowAll((await open()).body, () =>
    delay(30).then(() => {
      isTaken = true;
    }),
  );
  t.ok(isTaken);
});

t.test('a body that is opened for a caller who has left is not read', async (t) => {
  const { open, freed } = await setUp(
    t,
    half(() => {}),
  );
  const { body } = await open({ signal: AbortSignal.abort(new Error('the client is gone')) });
  await t.rejects(readAll(body), { message: 'the client is gone' });
  t.ok(await freed());
});
