import { setTimeout as delay } from 'node:timers/promises';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import type { TObjectRange } from '../../ts/core/objectstore/interfaces.objectstore.js';
import type { Bench } from '../support/store/objectstore-bench.js';
import { bytesOf, drain, KIB, MIB, readAll, sha256, sha256Of, streamOf } from '../support/store/objectstore-bytes.js';

/** What goes in comes out: sizes, ranges, failing sources, readers that stop. */
export const bodiesScenes = async (bench: Bench): Promise<void> => {
  const { store, other, options, scene, open, text, listed, refuses } = bench;

  await scene('bytes and streams of many sizes', async (t, at) => {
    for (const size of [0, 1, 1000, 64 * KIB, 256 * KIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1]) {
      const body = bytesOf(size, size);
      const forms: [string, Uint8Array | ReadableStream<Uint8Array>, object][] = [
        ['bytes', body, {}],
        ['stream', streamOf(size, { seed: size }), {}],
        ['sized', streamOf(size, { seed: size }), { size }],
        ['immutable', streamOf(size, { seed: size }), { immutable: true }],
      ];
      for (const [form, source, options] of forms) {
        const key = `${at}${form}-${size}`;
        const { etag } = await store.put(key, source, { ...options, contentType: 'application/x-some' });
        const { info, body: read } = await open(key);
        t.same(await drain(read), { size, sha256: sha256(body) }, `${form} of ${size} bytes`);
        t.equal(info.etag, etag);
        t.match(await store.head(key), { key, size, etag, contentType: 'application/x-some' });
        t.match(etag, /^[^"]+$/);
      }
    }
  });

  await scene('a big stream', async (t, at) => {
    const size = options.big ?? 200 * MIB;
    await store.put(`${at}big`, streamOf(size));
    t.equal((await store.head(`${at}big`))?.size, size);
    t.same(await drain((await open(`${at}big`, {}, other)).body), { size, sha256: sha256Of(size) });
    const { body, range } = await open(`${at}big`, { range: { suffix: 100 } });
    t.same(range, { start: size - 100, end: size - 1 });
    t.equal((await readAll(body)).length, 100);
  });

  await scene('ranges', async (t, at) => {
    const cases = (size: number): [TObjectRange, number, number][] => [
      [{ start: 0 }, 0, size - 1],
      [{ start: 0, end: 0 }, 0, 0],
      [{ start: 1, end: 9 }, 1, 9],
      [{ start: size - 1 }, size - 1, size - 1],
      [{ start: 3, end: size + 50 }, 3, size - 1],
      [{ start: size >> 1, end: (size >> 1) + 10 }, size >> 1, (size >> 1) + 10],
      [{ suffix: 1 }, size - 1, size - 1],
      [{ suffix: size - 1 }, 1, size - 1],
      [{ suffix: size + 1 }, 0, size - 1],
    ];
    for (const size of [100, 5 * MIB + 7]) {
      const whole = bytesOf(size, size);
      await store.put(`${at}${size}`, whole);
      for (const [range, start, end] of cases(size)) {
        const object = await open(`${at}${size}`, { range });
        t.same(object.range, { start, end }, JSON.stringify(range));
        t.equal(object.info.size, size, 'the size is that of the object');
        t.ok((await readAll(object.body)).equals(whole.subarray(start, end + 1)), JSON.stringify(range));
      }
      for (const range of [{ start: size }, { start: size + 1, end: size + 9 }, { suffix: 0 }]) {
        const error = await refuses(t, 'rangeInvalid', store.get(`${at}${size}`, { range }), JSON.stringify(range));
        t.same(error?.detail, { size });
      }
      t.equal((await open(`${at}${size}`)).range, undefined);
      await open(`${at}${size}`).then(({ body }) => body.cancel());
    }
    await store.put(`${at}empty`, new Uint8Array());
    await refuses(t, 'rangeInvalid', store.get(`${at}empty`, { range: { start: 0 } }), 'of an empty object');
    await refuses(t, 'rangeInvalid', store.get(`${at}empty`, { range: { suffix: 5 } }), 'the end of an empty object');
  });

  await scene('a body of another length is refused', async (t, at) => {
    await store.put(`${at}old`, Buffer.from('old'));
    for (const key of [`${at}old`, `${at}new`]) {
      for (const [sent, said] of [
        [10, 11],
        [10, 9],
        [0, 1],
        [6 * MIB, 6 * MIB + 1],
        [6 * MIB, 6 * MIB - 1],
        [6 * MIB, 0],
      ] as const) {
        const put = store.put(key, streamOf(sent), { size: said });
        await refuses(t, 'invalid', put, `${sent} bytes where ${said} were said`);
      }
    }
    for (const said of [9, 11]) {
      await refuses(
        t,
        'invalid',
        store.put(`${at}new`, bytesOf(10), { size: said }),
        `10 bytes where ${said} were said`,
      );
    }
    let told = false;
    const source = streamOf(20 * MIB, {
      onCancel: () => {
        told = true;
      },
    });
    await refuses(t, 'invalid', store.put(`${at}new`, source, { size: 6 * MIB }), 'a source that does not stop');
    t.ok(told, 'it is told to stop');
    t.equal(await text(`${at}old`), 'old');
    t.same(await listed({ prefix: at }), [`${at}old`]);
  });

  await scene('a source that fails half-way leaves what was there', async (t, at) => {
    const { etag } = await store.put(`${at}old`, Buffer.from('old'));
    const failure = new RegistryError('tooLarge', 'that is enough');
    for (const key of [`${at}old`, `${at}new`, `${at}immutable`]) {
      for (const failAt of [0, 64 * KIB, 6 * MIB, 12 * MIB]) {
        const immutable = key.endsWith('immutable');
        const put = store.put(key, streamOf(12 * MIB, { failAt, failure }), { immutable });
        await t.rejects(put, failure, `broken after ${failAt} bytes: its own error comes through`);
      }
    }
    t.equal((await store.head(`${at}old`))?.etag, etag);
    t.equal(await text(`${at}old`), 'old');
    t.same(await listed({ prefix: at }), [`${at}old`]);
  });

  await scene('an aborted put stops and leaves nothing', async (t, at) => {
    for (const size of [128 * KIB, 20 * MIB]) {
      const abort = new AbortController();
      let cancelled = false;
      let sent = 0;
      const source = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (sent >= size) return new Promise<void>(() => {}); // never ends by itself
          sent += 64 * KIB;
          controller.enqueue(new Uint8Array(64 * KIB));
        },
        cancel() {
          cancelled = true;
        },
      });
      const put = store.put(`${at}${size}`, source, { signal: abort.signal });
      setTimeout(() => abort.abort(new RegistryError('timeout', 'gone')), 150);
      await t.rejects(put, `after ${size} bytes`);
      t.ok(cancelled, 'the source is told');
      t.equal(await store.head(`${at}${size}`), null);
    }
    await t.rejects(store.put(`${at}never`, bytesOf(9), { signal: AbortSignal.abort() }), 'aborted beforehand');
    t.same(await listed({ prefix: at }), []);
  });

  await scene('a reader that stops half-way', async (t, at) => {
    await store.put(`${at}large`, streamOf(5 * MIB));
    const before = await options.held?.();
    for (let round = 0; round < 20; round++) {
      const bodies = await Promise.all(Array.from({ length: 10 }, async () => (await open(`${at}large`)).body));
      await Promise.all(
        bodies.map(async (body, which) => {
          if (which === 0) return body.cancel(); // never read at all
          const reader = body.getReader();
          await reader.read();
          await reader.cancel();
        }),
      );
    }
    for (let round = 0; round < 20; round++) {
      for await (const chunk of (await open(`${at}large`)).body) if (chunk.length) break;
    }
    const abort = new AbortController();
    const { body } = await open(`${at}large`, { signal: abort.signal });
    const reader = body.getReader();
    await reader.read();
    abort.abort();
    const rest = async () => {
      while (!(await reader.read()).done) await delay(1);
    };
    await t.rejects(rest(), 'an aborted read ends with an error, never as if it were complete');
    t.same(await drain((await open(`${at}large`)).body), { size: 5 * MIB, sha256: sha256Of(5 * MIB) }, 'still serves');
    if (options.held) {
      for (let tries = 0; tries < 50 && (await options.held()) > (before ?? 0); tries++) await delay(20);
      t.equal(await options.held(), before, 'everything is closed');
    }
  });

  await scene('a reader keeps what it opened', async (t, at) => {
    const size = 5 * MIB;
    await store.put(`${at}doc`, bytesOf(size, 1));
    const { body } = await open(`${at}doc`);
    const reader = body.getReader();
    const first = (await reader.read()).value!;
    for (let seed = 2; seed < 6; seed++) await other.put(`${at}doc`, bytesOf(size, seed));
    reader.releaseLock();
    const rest = await readAll(body).catch((error: unknown) => error);
    // a store may also break the reader off; it must not mix two objects
    if (rest instanceof Buffer) t.ok(Buffer.concat([first, rest]).equals(bytesOf(size, 1)), 'one object, unmixed');
    t.same(await drain((await open(`${at}doc`)).body), { size, sha256: sha256Of(size, 5) });
  });

  await scene('metadata and content type', async (t, at) => {
    const metadata = { digest: 'sha256:abc', 'write-id': '0b7e-11', note: 'two words, 100%' };
    for (const immutable of [false, true]) {
      const key = `${at}${immutable ? 'immutable' : 'mutable'}`;
      await store.put(key, Buffer.from('x'), { contentType: 'text/plain; charset=utf-8', metadata, immutable });
      for (const info of [await store.head(key), (await open(key)).info, await other.head(key)]) {
        t.equal(info?.contentType, 'text/plain; charset=utf-8');
        t.same(info?.metadata, metadata);
        t.ok(Math.abs(Date.now() - (info?.lastModified.getTime() ?? 0)) < 60_000, 'written just now');
      }
      await store.put(key, Buffer.from('y'), { contentType: 'application/json', immutable });
      t.equal((await store.head(key))?.contentType, 'application/json');
      t.notOk(Object.keys((await store.head(key))?.metadata ?? {}).includes('digest'), 'a rewrite begins anew');
    }
  });
};
