import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import type { IObjectStore } from '../../ts/core/objectstore/interfaces.objectstore.js';
import type { Bench } from '../support/store/objectstore-bench.js';
import { bytesOf, MIB, readAll, streamOf } from '../support/store/objectstore-bytes.js';

/** Absence, ETags, conditions, and writers that race. */
export const conditionsScenes = async (bench: Bench): Promise<void> => {
  const { store, other, options, scene, conditional, open, text, refuses } = bench;

  await scene(
    'what is absent is null',
    async (t, at) => {
      t.equal(await store.head(`${at}absent`), null);
      t.equal(await store.get(`${at}absent`), null);
      t.equal(await store.get(`${at}absent`, { range: { start: 5 }, ifNoneMatch: 'x' }), null);
      await store.delete(`${at}absent`);
      await refuses(
        t,
        'preconditionFailed',
        store.put(`${at}absent`, bytesOf(1), { ifMatch: 'x' }),
        'put over nothing',
      );
      t.equal(await store.head(`${at}absent`), null);
    },
    conditional,
  );

  await scene('etags', async (t, at) => {
    const seen = new Set<string>();
    for (let round = 0; round < 10; round++) {
      const { etag } = await store.put(`${at}doc`, Buffer.from(`version ${round}`));
      seen.add(etag);
      t.equal((await other.head(`${at}doc`))?.etag, etag, 'another instance sees the write at once');
      t.equal(await store.get(`${at}doc`, { ifNoneMatch: etag }), 'notModified');
      t.equal(await text(`${at}doc`, other), `version ${round}`);
    }
    t.equal(seen.size, 10, 'each write has its own');
    const { body } = await open(`${at}doc`, { ifNoneMatch: 'another' });
    t.equal((await readAll(body)).toString(), 'version 9');
  });

  await scene(
    'conditional writes',
    async (t, at) => {
      const key = `${at}doc`;
      const first = await store.put(key, Buffer.from('1'), { ifNoneMatch: '*' });
      await refuses(t, 'preconditionFailed', store.put(key, Buffer.from('2'), { ifNoneMatch: '*' }), 'put over one');
      await refuses(t, 'preconditionFailed', store.put(key, Buffer.from('2'), { ifMatch: 'other' }), 'other etag');
      t.equal(await text(key), '1');
      const second = await other.put(key, Buffer.from('2'), { ifMatch: first.etag });
      await refuses(t, 'preconditionFailed', store.put(key, Buffer.from('3'), { ifMatch: first.etag }), 'old etag');
      t.equal(await text(key), '2');
      t.equal((await store.head(key))?.etag, second.etag);
      await store.delete(key);
      await refuses(t, 'preconditionFailed', store.put(key, Buffer.from('3'), { ifMatch: second.etag }), 'deleted');
      await store.put(key, Buffer.from('4'), { ifNoneMatch: '*' });
      t.equal(await text(key, other), '4', 'a deleted key is free again');
      const early = streamOf(6 * MIB);
      await refuses(t, 'preconditionFailed', store.put(key, early, { ifNoneMatch: '*' }), 'a large stream');
      t.equal(await text(key), '4');
    },
    conditional,
  );

  // of a server that ignores these conditions the driver says so (conditionalDeletes), and there is nothing to show
  if (options.conditionalDelete ?? true)
    await scene(
      'conditional deletes',
      async (t, at) => {
        const key = `${at}doc`;
        await refuses(t, 'preconditionFailed', store.delete(key, { ifMatch: 'x' }), 'nothing there');
        for (const immutable of [false, true]) {
          const { etag } = await store.put(key, Buffer.from('1'), { immutable });
          await refuses(t, 'preconditionFailed', store.delete(key, { ifMatch: 'x' }), 'another etag');
          t.equal(await text(key), '1');
          await other.delete(key, { ifMatch: etag });
          t.equal(await store.head(key), null);
          await refuses(t, 'preconditionFailed', store.delete(key, { ifMatch: etag }), 'gone already');
        }
      },
      conditional,
    );

  let races = 0;
  const race = async (t: Test, key: string, options: object) => {
    // the bytes are new ones in each race: where ETags are digests, a writer that repeats what is there changes nothing
    const number = ++races;
    const bodyOf = (writer: number | undefined): string => `writer ${writer} of race ${number}`;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, writer) => {
        const { etag } = await [store, other][writer % 2]!.put(key, Buffer.from(bodyOf(writer)), options);
        return { etag, writer };
      }),
    );
    const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const losers = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    t.equal(winners.length, 1, 'exactly one wins');
    for (const loss of losers)
      t.ok(RegistryError.is(loss, 'preconditionFailed'), `the others are told: ${String(loss)}`);
    t.equal(await text(key, other), bodyOf(winners[0]?.writer));
    t.equal((await store.head(key))?.etag, winners[0]?.etag);
    return winners[0]!.etag;
  };

  await scene(
    'twenty writers race',
    async (t, at) => {
      for (let round = 0; round < 5; round++) {
        let etag = await race(t, `${at}doc-${round}`, { ifNoneMatch: '*' });
        for (let step = 0; step < 3; step++) etag = await race(t, `${at}doc-${round}`, { ifMatch: etag });
        await race(t, `${at}blob-${round}`, { ifNoneMatch: '*', immutable: true });
        await store.delete(`${at}doc-${round}`);
        await race(t, `${at}doc-${round}`, { ifNoneMatch: '*' });
      }
    },
    conditional,
  );

  await scene('unconditional writers all succeed', async (t, at) => {
    const etags = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => [store, other][writer % 2]!.put(`${at}doc`, bytesOf(100, writer))),
    );
    const last = await store.head(`${at}doc`);
    t.ok(etags.some(({ etag }) => etag === last?.etag));
    t.equal(new Set(etags.map(({ etag }) => etag)).size, 20);
  });

  await scene(
    'increments by several hands lose nothing',
    async (t, at) => {
      const key = `${at}counter`;
      const increment = async (through: IObjectStore): Promise<void> => {
        for (;;) {
          const object = await through.get(key);
          const found = object && object !== 'notModified' ? object : null;
          const value = found ? Number((await readAll(found.body)).toString()) : 0;
          const condition = found ? { ifMatch: found.info.etag } : { ifNoneMatch: '*' as const };
          try {
            await through.put(key, Buffer.from(String(value + 1)), condition);
            return;
          } catch (error) {
            if (!RegistryError.is(error, 'preconditionFailed')) throw error;
            await delay(Math.random() * 20);
          }
        }
      };
      const hand = async (through: IObjectStore) => {
        for (let count = 0; count < 20; count++) await increment(through);
      };
      await Promise.all([store, other, store, other].map(hand));
      t.equal(await text(key), '80');
    },
    conditional,
  );
};
