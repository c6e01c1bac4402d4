import type { Bench } from '../support/store/objectstore-bench.js';
import { bytesOf, drain, KIB, MIB, sha256, sha256Of, streamOf } from '../support/store/objectstore-bytes.js';

/** Joining parts. */
export const composeScenes = async (bench: Bench): Promise<void> => {
  const { store, other, options, scene, conditional, open, text, listed, refuses } = bench;

  const parted = async (at: string, sizes: number[], immutable = false): Promise<[string[], Buffer]> => {
    const bodies = sizes.map((size, i) => bytesOf(size, i + 1));
    for (const [i, body] of bodies.entries()) {
      const source = i % 2 ? body : streamOf(sizes[i]!, { seed: i + 1 });
      await store.put(`${at}part-${i}`, source, {
        contentType: 'application/x-part',
        metadata: { part: 'yes' },
        immutable,
      });
    }
    return [sizes.map((_, i) => `${at}part-${i}`), Buffer.concat(bodies)];
  };
  const shapes = [[0], [1], [100 * KIB], [5 * MIB], [12 * MIB], [1, 2, 3], [0, 0], [1, 6 * MIB, 3, 5 * MIB + 1, 0]];

  await scene('compose', async (t, at) => {
    for (const [round, sizes] of [...shapes, [6 * MIB, 7 * MIB], [12 * MIB, 5]].entries()) {
      const [parts, whole] = await parted(at, sizes, round % 2 === 0);
      const target = `${at}target-${round}`;
      const about = { contentType: 'application/x-whole', metadata: { digest: 'abc' } };
      const { etag } = await store.compose(target, parts, { ...about, immutable: round % 3 === 0 });
      for (const part of parts) await store.delete(part);
      const { info, body } = await open(target, {}, other);
      t.same(await drain(body), { size: whole.length, sha256: sha256(whole) }, `of ${sizes}`);
      t.match(info, { key: target, size: whole.length, etag, ...about });
      t.notOk(info.metadata?.part, 'what was said of a part is gone');
      t.match(await store.head(target), { key: target, etag, size: whole.length });
    }
    const kept = bytesOf(6 * MIB, 1);
    await store.put(`${at}again`, kept);
    await store.compose(`${at}target-0`, [`${at}again`]);
    t.same(await drain((await open(`${at}target-0`)).body), { size: kept.length, sha256: sha256(kept) }, 'replaces');
  });

  await scene('compose from what is not there', async (t, at) => {
    await store.put(`${at}part`, bytesOf(6 * MIB));
    await t.rejects(store.compose(`${at}target`, [`${at}absent`]), { name: 'RegistryError', kind: 'notFound' });
    await t.rejects(store.compose(`${at}target`, [`${at}part`, `${at}absent`]), {
      name: 'RegistryError',
      kind: 'notFound',
    });
    await t.rejects(store.compose(`${at}target`, []));
    t.same(await listed({ prefix: at }), [`${at}part`]);
  });

  await scene('compose of parts that are other objects by now', async (t, at) => {
    for (const [round, sizes] of [[10], [6 * MIB], [6 * MIB, 7], [10, 6 * MIB]].entries()) {
      const [parts] = await parted(`${at}${round}-`, sizes);
      const etags: string[] = [];
      for (const part of parts) etags.push((await store.head(part))?.etag as string);
      const target = `${at}target-${round}`;
      for (const [index, part] of parts.entries()) {
        await store.delete(part);
        await other.put(part, bytesOf(sizes[index] as number, 77));
        await refuses(t, 'notFound', store.compose(target, parts, { etags, sizes }), `part ${index} of ${sizes}`);
        t.equal(await store.head(target), null);
        await store.delete(part);
        await other.put(part, bytesOf(sizes[index] as number, index + 1));
        etags[index] = (await store.head(part))?.etag as string;
      }
      await store.compose(target, parts, { etags, sizes });
      t.equal(
        (await store.head(target))?.size,
        sizes.reduce((sum, size) => sum + size, 0),
        `the right ones, ${sizes}`,
      );
    }
  });

  // each driver shows the one behaviour that it has
  const can = options.composeIfAbsent !== 'refused';
  if (can)
    await scene(
      'compose if absent',
      async (t, at) => {
        for (const [round, sizes] of shapes.entries()) {
          const [parts, whole] = await parted(at, sizes);
          const target = `${at}target-${round}`;
          const options = { ifNoneMatch: '*', immutable: round % 2 === 0, contentType: 'a/b' } as const;
          await store.put(target, Buffer.from('there before'), { immutable: round % 2 === 0 });
          const failed = store.compose(target, parts, options);
          await refuses(t, 'preconditionFailed', failed, `onto another object, from ${sizes}`);
          t.equal(await text(target), 'there before');
          for (const [i, part] of parts.entries()) {
            const { info, body } = await open(part);
            t.match(info, { contentType: 'application/x-part', metadata: { part: 'yes' }, size: sizes[i]! });
            t.same(
              await drain(body),
              { size: sizes[i]!, sha256: sha256Of(sizes[i]!, i + 1) },
              'the parts are untouched',
            );
          }
          await store.delete(target);
          const outcomes = await Promise.allSettled([
            store.compose(target, parts, options),
            other.put(target, Buffer.from('racing'), { ifNoneMatch: '*', immutable: options.immutable }),
          ]);
          t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'one of two wins');
          const expected = outcomes[0].status === 'fulfilled' ? whole : Buffer.from('racing');
          t.equal((await drain((await open(target)).body)).sha256, sha256(expected));
        }
      },
      conditional,
    );

  if (!can)
    await scene(
      'compose if absent, refused',
      async (t, at) => {
        const [parts] = await parted(at, [6 * MIB]);
        await refuses(t, 'unsupported', store.compose(`${at}t`, parts, { ifNoneMatch: '*' }), 'compose if absent');
        t.same(await listed({ prefix: at }), parts);
      },
      conditional,
    );
};
