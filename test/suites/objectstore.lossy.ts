import type { Test } from 'tap';
import type { IPutOptions } from '../../ts/core/objectstore/interfaces.objectstore.js';
import type { Bench, ILossyStore } from '../support/store/objectstore-bench.js';

const bytesOf = (text: string): Buffer => Buffer.from(text);

/**
 * What a driver may throw when the network loses a request: `preconditionFailed` is certain, an attempt in doubt ends in
 * success or in `outcomeUnknown`, and a delete is sent once.
 */
export const lossyScenes = async (bench: Bench): Promise<void> => {
  const { options, scene, conditional, text, refuses } = bench;
  if (!options.lossy) return;
  const lossy: ILossyStore = await options.lossy();
  const { store, direct, lose, sent } = lossy;

  /** A put that creates the key, and one that replaces what is there. */
  const each = async (at: string, run: (key: string, condition: IPutOptions, name: string) => Promise<void>) => {
    await run(`${at}new`, { ifNoneMatch: '*' }, 'creating');
    const { etag } = await direct.put(`${at}old`, bytesOf('before'));
    await run(`${at}old`, { ifMatch: etag }, 'replacing');
  };
  const isTheirs = async (t: Test, key: string) => t.equal(await text(key, direct), 'theirs');

  await scene(
    'the answer to a put is lost',
    (t, at) =>
      each(at, async (key, condition, name) => {
        lose('put', 'answer');
        const { etag } = await store.put(key, bytesOf('mine'), condition);
        t.equal((await direct.head(key))?.etag, etag, `${name}: its writer learns that it is stored`);
        t.equal(sent('put'), 1);
      }),
    conditional,
  );

  await scene(
    'the answer to a put is lost, and another writer builds upon it',
    (t, at) =>
      each(at, async (key, condition, name) => {
        lose('put', 'answer', () => direct.put(key, bytesOf('theirs')));
        await refuses(t, 'outcomeUnknown', store.put(key, bytesOf('mine'), condition), name);
        await isTheirs(t, key);
        lose('put', 'answer', () => direct.put(key, bytesOf('again')));
        const { etag } = (await direct.head(key))!;
        await refuses(t, 'outcomeUnknown', store.put(key, bytesOf('again'), { ifMatch: etag }), `${name}: equal bytes`);
      }),
    conditional,
  );

  await scene(
    'a put is lost, and another writer is first',
    (t, at) =>
      each(at, async (key, condition, name) => {
        lose('put', 'call', () => direct.put(key, bytesOf('theirs')));
        await refuses(t, 'outcomeUnknown', store.put(key, bytesOf('mine'), condition), `${name}: it may arrive later`);
        await isTheirs(t, key);
        lose('put', 'call');
        const refused = store.put(`${at}none`, bytesOf('mine'), { ifMatch: 'x' });
        const kind = await refused.catch((error: { kind?: string }) => error.kind);
        t.equal(kind, 'outcomeUnknown', `${name}: also if the condition never held`);
      }),
    conditional,
  );

  await scene(
    'a put is lost, and nobody else writes',
    (t, at) =>
      each(at, async (key, condition, name) => {
        lose('put', 'call');
        const { etag } = await store.put(key, bytesOf('mine'), condition);
        t.equal((await direct.head(key))?.etag, etag, `${name}: it is sent again`);
        t.equal(await text(key, direct), 'mine');
        t.equal(sent('put'), 2);
      }),
    conditional,
  );

  await scene(
    'a put without a loss is refused for certain',
    async (t, at) => {
      await direct.put(`${at}key`, bytesOf('theirs'));
      await refuses(t, 'preconditionFailed', store.put(`${at}key`, bytesOf('x'), { ifNoneMatch: '*' }), 'taken');
      await refuses(t, 'preconditionFailed', store.put(`${at}key`, bytesOf('x'), { ifMatch: 'x' }), 'changed');
      await isTheirs(t, `${at}key`);
    },
    conditional,
  );

  await scene('the answer to a delete is lost', async (t, at) => {
    const key = `${at}key`;
    await direct.put(key, bytesOf('x'));
    lose('delete', 'answer');
    await store.delete(key);
    t.equal(await direct.head(key), null);
    t.equal(sent('delete'), 1);

    await direct.put(key, bytesOf('x'));
    lose('delete', 'answer', () => direct.put(key, bytesOf('x')));
    await refuses(t, 'outcomeUnknown', store.delete(key), 'the same bytes were written again meanwhile');
    t.equal(await text(key, direct), 'x', 'and they stay: the delete is not sent again');
    t.equal(sent('delete'), 1);
  });

  await scene('a delete is lost', async (t, at) => {
    const key = `${at}key`;
    await direct.put(key, bytesOf('x'));
    lose('delete', 'call');
    await refuses(t, 'outcomeUnknown', store.delete(key), 'it may arrive later');
    t.equal(sent('delete'), 1);
    lose('delete', 'call', () => direct.delete(key));
    await store.delete(key);
    t.equal(await direct.head(key), null, 'what is gone by then is deleted');

    await direct.put(key, bytesOf('x'));
    lose('delete', 'call');
    await store.delete(key, { repeatable: true });
    t.equal(await direct.head(key), null, 'of a key that nobody writes again, it is sent again');
  });

  if (options.conditionalDelete ?? true)
    await scene(
      'conditional deletes are lost',
      async (t, at) => {
        const key = `${at}key`;
        const first = await direct.put(key, bytesOf('x'));
        lose('delete', 'answer');
        await store.delete(key, { ifMatch: first.etag });
        t.equal(await direct.head(key), null);

        const second = await direct.put(key, bytesOf('x'));
        lose('delete', 'answer', () => direct.put(key, bytesOf('x')));
        await refuses(t, 'outcomeUnknown', store.delete(key, { ifMatch: second.etag }), 'the same bytes again');
        t.equal(await text(key, direct), 'x');
        lose('delete', 'call');
        await refuses(t, 'outcomeUnknown', store.delete(key, { ifMatch: second.etag }), 'it may arrive later');
        t.equal(sent('delete'), 1);
      },
      conditional,
    );
};
