import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { S3ObjectStore } from '../../../ts/core/objectstore/s3/classes.s3objectstore.js';
import {
  type IUploadBudgetOptions,
  UploadBudget,
} from '../../../ts/core/objectstore/s3/writing/classes.uploadbudget.js';
import { ofKind } from '../../support/expect.js';
import { bytesOf, KIB, MIB, sha256, streamOf } from '../../support/store/objectstore-bytes.js';
import { startS3Server } from '../../support/store/s3-server.js';
import { startSmallServer } from '../../support/store/s3-small-server.js';

const versitygw = await startS3Server();
t.teardown(async () => versitygw?.stop());

const setUp = async (t: Test, options?: IUploadBudgetOptions) => {
  const server = await startSmallServer({ conditions: true });
  const budget = new UploadBudget(options);
  // two stores of one process share it
  const stores = [0, 1].map(() => new S3ObjectStore(server.config, { uploadBudget: budget }));
  await Promise.all(stores.map((store) => store.init()));
  t.teardown(async () => {
    await Promise.all(stores.map((store) => store.destroy()));
    await server.stop();
  });
  return { server, budget, stores: stores as [S3ObjectStore, S3ObjectStore] };
};

/** Sends `size` bytes in chunks, then nothing, until it is ended. */
const stalledStream = (size: number) => {
  let sent = 0;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent < size) {
          sent += 64 * KIB;
          return controller.enqueue(new Uint8Array(64 * KIB));
        }
        await ended;
        controller.error(new Error('the client is gone'));
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, end, sent: () => sent };
};

/** Until everything has begun and nothing is read any more. */
const untilStill = async (streams: ReturnType<typeof stalledStream>[]): Promise<number> => {
  for (let tries = 0; tries < 250 && streams.some(({ sent }) => sent() === 0); tries++) await delay(20);
  const total = () => streams.reduce((sum, { sent }) => sum + sent(), 0);
  for (let last = -1; last !== total(); await delay(500)) last = total();
  return total();
};

t.test('the room of a part is used again, unless a request that was broken off may still read it', async (t) => {
  const budget = new UploadBudget({ parts: 4 * MIB });
  // while another upload goes on: an idle process keeps no room
  await budget.part(MIB);
  const sent = await budget.part(MIB);
  budget.endPart(sent, true);
  const again = await budget.part(MIB);
  t.equal(again, sent);
  budget.endPart(again, false);
  t.not(await budget.part(MIB), again);
  t.equal(budget.held, 2 * MIB);
});

t.test('the memory of all uploads of a process: 32 MiB for beginnings, and 16 parts of 8 MiB', async (t) => {
  const budget = new UploadBudget();
  for (let count = 0; count < 16; count++) t.ok(budget.tryPart(8 * MIB), `part ${count + 1}`);
  t.notOk(budget.tryPart(8 * MIB), 'no more');
  t.ok(budget.growBeginning(0, MIB), 'a beginning may have a 32nd part of what is free');
  t.equal(budget.held, (128 + 1) * MIB);
  t.notOk(budget.growBeginning(0, MIB));
});

t.test('100 stalled uploads cost no more than the budget, and small uploads pass them', async (t) => {
  const { budget, stores, server } = await setUp(t, { waitMs: 6_000 });
  const before = process.memoryUsage().rss;
  const stalled = Array.from({ length: 100 }, () => stalledStream(6 * MIB));
  const outcomes = stalled.map(({ stream }, index) =>
    stores[index % 2]!.put(`stalled/${index}`, stream).then(
      () => 'stored',
      (error: RegistryError) => error.kind ?? error.message,
    ),
  );
  const sent = await untilStill(stalled);
  const grown = (process.memoryUsage().rss - before) / MIB;
  t.comment(`${(sent / MIB).toFixed(0)} MiB were read, RSS +${grown.toFixed(0)} MiB`);
  t.ok(budget.held <= 160 * MIB, `${budget.held} bytes are held`);
  t.ok(sent < 170 * MIB, 'what finds no memory is not read');
  // the streams and promises of 100 uploads, and the SDK's first requests, are a part of this
  t.ok(grown < 160 + 64, `nor does the process hold more: ${grown} MiB`);

  const begun = performance.now();
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const size = 1 + index * 4 * KIB;
      await stores[index % 2]!.put(`small/${index}`, streamOf(size));
      t.equal(server.objects.get(`small/${index}`)?.bytes.length, size);
      await stores[index % 2]!.put(`sized/${index}`, streamOf(size), { size });
    }),
  );
  t.ok(performance.now() - begun < 5_000, 'small uploads do not wait');
  await stores[0].put('large and sized', streamOf(20 * MIB), { size: 20 * MIB });

  const turnedAway = await stores[0].put('large', streamOf(7 * MIB)).catch((error: RegistryError) => error);
  t.match(turnedAway, { kind: 'unavailable', status: 503, headers: { 'Retry-After': /^\d+$/ } }, 'a large one does');

  for (const { end } of stalled) end();
  const ends = await Promise.all(outcomes);
  t.equal(ends.filter((end) => end === 'the client is gone').length, 16, 'as many as there are parts held one');
  t.equal(ends.filter((end) => end === 'unavailable').length, 84, 'the others were turned away');
  t.equal(budget.held, 0, 'all is given back');
  await stores[0].put('large', streamOf(7 * MIB));
  t.equal(budget.held, 0);
});

t.test('who waits gets its part when one is free, in order', async (t) => {
  const { budget, stores, server } = await setUp(t, { beginnings: 2 * MIB, parts: 16 * MIB, waitMs: 30_000 });
  const stalled = [stalledStream(MIB), stalledStream(MIB)];
  const gone = stalled.map(({ stream }, index) =>
    t.rejects(stores[0].put(`stalled/${index}`, stream), /the client is gone/),
  );
  for (let tries = 0; tries < 500 && stalled.some(({ sent }) => sent() < MIB); tries++) await delay(20);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (number) => {
    await delay(number * 20);
    await stores[0].put(`waiting/${number}`, streamOf(5 * MIB, { seed: number }));
    order.push(number);
  });
  const leaves = new AbortController();
  const left = stores[1].put('left', streamOf(5 * MIB), { signal: leaves.signal });
  setTimeout(() => leaves.abort(new Error('hung up')), 100);
  await t.rejects(left, /hung up/, 'a caller that leaves waits no more');
  t.same(order, []);
  stalled[0]!.end();
  await Promise.all(waiting);
  t.same(order, [1, 2, 3]);
  for (const number of [1, 2, 3]) {
    const { bytes } = server.objects.get(`waiting/${number}`)!;
    t.equal(sha256(bytes), sha256(bytesOf(5 * MIB, number)), 'each has its own bytes');
  }
  stalled[1]!.end();
  await Promise.all(gone);
  t.equal(budget.held, 0);
});

t.test('the budget itself', async (t) => {
  const budget = new UploadBudget({ beginnings: 32 * 64 * KIB, parts: 100, waitMs: 50 });
  t.ok(budget.growBeginning(0, 64 * KIB), 'a share of what is free');
  t.notOk(budget.growBeginning(64 * KIB, 128 * KIB), 'of which less is left then');
  t.notOk(budget.growBeginning(0, 64 * KIB), 'also for others');
  let count = 0;
  while (budget.growBeginning(0, 16 * KIB)) count++;
  t.equal(count, 31 * 4, 'who may begin with a little, to the last byte');
  budget.endBeginning(64 * KIB + count * 16 * KIB);
  t.equal(budget.held, 0);

  const room = await budget.part(60);
  t.equal(budget.tryPart(60), undefined);
  await t.rejects(budget.part(60), ofKind('unavailable'));
  await t.rejects(budget.part(60, AbortSignal.abort(new Error('gone'))), /gone/);
  await t.rejects(budget.part(101), ofKind('tooLarge'), 'what never fits does not wait');
  const waiting = budget.part(60);
  t.equal(budget.tryPart(10), undefined, 'nobody passes one who waits');
  budget.endPart(room, true);
  t.equal((await waiting).buffer, room.buffer, 'memory is used again');
  budget.endPart(await waiting, true);
  t.equal(budget.held, 0);
});

const skip = versitygw ? false : 'no S3 server here';
t.test('many large uploads share few parts, and all of them end', { skip, timeout: 120_000 }, async (t) => {
  const budget = new UploadBudget({ beginnings: MIB, parts: 32 * MIB, waitMs: 60_000 });
  const store = new S3ObjectStore(versitygw!.config, { uploadBudget: budget });
  await store.init();
  t.teardown(() => store.destroy());
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, budget.held);
  }, 5);
  const sizes = Array.from({ length: 12 }, (_, index) => 9 * MIB + index * 2 * MIB + index);
  await Promise.all(sizes.map((size, seed) => store.put(`o/${seed}`, streamOf(size, { seed }))));
  clearInterval(timer);
  t.ok(most > 24 * MIB && most <= 33 * MIB, `${most} bytes were held at most`);
  for (const [seed, size] of sizes.entries()) {
    const object = await store.get(`o/${seed}`);
    if (!object || object === 'notModified') throw new Error('absent');
    const chunks: Uint8Array[] = [];
    for await (const chunk of object.body) chunks.push(chunk);
    t.equal(sha256(Buffer.concat(chunks)), sha256(bytesOf(size, seed)), `${size} bytes`);
  }
  t.equal(budget.held, 0);
});
