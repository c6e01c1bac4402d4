import { scanStore } from '../../ts/core/objectstore/helpers.scan.js';
import type { IObjectStore, IScannedKey, IScanOptions } from '../../ts/core/objectstore/interfaces.objectstore.js';
import type { Bench } from '../support/store/objectstore-bench.js';

/** Keys of every kind, and their order. */
export const listingScenes = async (bench: Bench): Promise<void> => {
  const { store, other, options, scene, text, listed, refuses } = bench;

  await scene('keys of every kind', async (t, at) => {
    const names = [
      '@scope/name',
      '@scope%2fname',
      '@scope%2Fname',
      'with space',
      'plus+plus',
      '100%',
      '%00',
      '%',
      'a&b=c?d#e',
      `quote'"\`;!~$^*(){}[]|<>,:`,
      'ünïcödé/日本語/🚀',
      'e\u0301',
      '\u00e9',
      'trailing.dot.',
      'ends.in.dot./below',
      'trailing space ',
      '.hidden',
      '..twice',
      '...',
      '__proto__',
      'constructor',
      'con',
      `${'s'.repeat(251)}.tgz`,
      '~',
      '=',
      'tilde~',
      'equals=',
      'one',
      'one-other',
      'one.other',
      'deep/er/and/deep/er/still/a/b/c/d/e/f',
      ...((options.casePairs ?? true) ? ['Case', 'case', 'CASE', 'mixed/Case', 'Mixed/Case'] : ['Case']),
      ...(options.longSegments
        ? ['l'.repeat(256), 'l'.repeat(257), `${'L'.repeat(300)}/x`, `${'ü'.repeat(200)}.json`, 'l'.repeat(900)]
        : []),
      ...(options.pathPrefixes ? ['one/two', 'one/two/three', 'deep/er', '.hidden/x', `${'l'.repeat(256)}/x`] : []),
    ];
    for (const name of names) await store.put(`${at}${name}`, Buffer.from(`it is ${name}`));
    for (const name of names) {
      t.equal(await text(`${at}${name}`, other), `it is ${name}`, name);
      t.equal((await store.head(`${at}${name}`))?.key, `${at}${name}`);
    }
    const order = names.map((name) => `${at}${name}`).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    t.same(await listed({ prefix: at }), order, 'listed whole and in the order of their bytes');
    for (const name of names) {
      t.same(
        await listed({ prefix: `${at}${name}` }),
        order.filter((key) => key.startsWith(`${at}${name}`)),
        `a prefix is a string: ${name}`,
      );
    }
    await store.delete(`${at}one`);
    t.equal(await text(`${at}one-other`), 'it is one-other');
    if (options.pathPrefixes) t.equal(await text(`${at}one/two`), 'it is one/two');
  });

  await scene('keys that are none', async (t, at) => {
    const bad = ['', '/', '.', '..', '/a', 'a/', 'a//b', './a', 'a/.', '../a', 'a/../b', 'a/./b', 'a\0b', '\ud800'];
    for (const key of bad) {
      const shown = JSON.stringify(key);
      await refuses(t, 'invalid', store.head(key), `head ${shown}`);
      await refuses(t, 'invalid', store.get(key), `get ${shown}`);
      await refuses(t, 'invalid', store.put(key, Buffer.from('x')), `put ${shown}`);
      await refuses(t, 'invalid', store.put(key, Buffer.from('x'), { immutable: true }), `put immutable ${shown}`);
      await refuses(t, 'invalid', store.delete(key), `delete ${shown}`);
      await refuses(t, 'invalid', store.compose(key, [`${at}part`]), `compose ${shown}`);
      await refuses(t, 'invalid', store.compose(`${at}target`, [key]), `compose from ${shown}`);
    }
    t.same(await listed({ prefix: '' }), []);
  });

  await scene('a listing of thousands', async (t, at) => {
    const keys = Array.from({ length: 2500 }, (_, i) => {
      const number = String(i).padStart(4, '0');
      return i % 5 === 0 ? `${at}group-${i % 7}/item-${number}` : `${at}item-${number}`;
    });
    for (let from = 0; from < keys.length; from += 50) {
      await Promise.all(
        keys.slice(from, from + 50).map((key, i) => store.put(key, Buffer.from(key), { immutable: i % 2 === 0 })),
      );
    }
    keys.sort();
    t.same(await listed({ prefix: at }, other), keys);
    t.same(await listed({ prefix: at, limit: 10 }), keys.slice(0, 10));
    t.same(await listed({ prefix: at, limit: 1200 }), keys.slice(0, 1200));
    t.same(await listed({ prefix: at, limit: 0 }), []);
    t.same(
      await listed({ prefix: `${at}item-1` }),
      keys.filter((key) => key.startsWith(`${at}item-1`)),
    );
    t.same(
      await listed({ prefix: `${at}group-3/` }),
      keys.filter((key) => key.startsWith(`${at}group-3/`)),
    );
    t.same(await listed({ prefix: `${at}nothing` }), []);
    for (const after of [
      keys[0]!,
      keys[1233]!,
      keys[2499]!,
      `${keys[700]!}!`,
      at,
      `${at}group-2/`,
      `${at}zzz`,
      'zzz',
    ]) {
      t.same(
        await listed({ prefix: at, after }),
        keys.filter((key) => key > after),
        `after ${after}`,
      );
    }
    const paged: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await listed({ prefix: at, limit: 333, after });
      paged.push(...page);
      if (page.length < 333) break;
      after = page.at(-1);
    }
    t.same(paged, keys, 'page by page');

    const groups = [...Array(7).keys()].map((i) => `${at}group-${i}/*`);
    const flat = keys.filter((key) => !key.includes('/group-'));
    t.same(await listed({ prefix: at, delimiter: '/' }), [...groups, ...flat]);
    t.same(await listed({ prefix: at.slice(0, -1), delimiter: '/' }), [`${at}*`]);
    t.same(await listed({ prefix: at.slice(0, 5), delimiter: '/' }), [`${at}*`]);
    t.same(await listed({ prefix: '', delimiter: '/' }), [`${at}*`]);
    t.same(await listed({ prefix: at, delimiter: '/', limit: 9 }), [...groups, ...flat.slice(0, 2)]);
    t.same(
      await listed({ prefix: `${at}item-`, delimiter: '00' }),
      [...new Set(flat.map((key) => key.replace(/(item-.*?00).*/, '$1*')))].sort(),
      'a delimiter may be any string',
    );
    const walked: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await listed({ prefix: at, delimiter: '/', limit: 5, after });
      walked.push(...page);
      if (page.length < 5 || walked.length > 20) break;
      after = page.at(-1)!.replace(/\*$/, '');
    }
    t.same(walked.slice(0, 20), [...groups, ...flat].slice(0, 20), 'page by page, groups included');

    let seen = 0;
    for await (const item of store.list({ prefix: at })) {
      if (!('key' in item)) continue;
      t.equal(item.size, Buffer.byteLength(item.key));
      t.ok(item.etag && item.lastModified instanceof Date);
      if (++seen === 5) break;
    }
    t.equal(seen, 5, 'a listing may be left early');
  });

  await scene('some items in any order are as many as wanted, and each of them once', async (t, at) => {
    const names = [
      'top',
      ...Array.from({ length: 60 }, (_, n) => `g${n}/x`),
      ...(options.longSegments ? [`${'l'.repeat(400)}/x`] : []),
    ];
    for (const name of names) await store.put(`${at}${name}`, Buffer.from(name));
    for (let n = 0; n < 50; n++) await store.delete(`${at}g${n}/x`);
    const all = await listed({ prefix: at, delimiter: '/' });
    for (const limit of [1, 5, all.length - 1, all.length, 100, 1000]) {
      const some = await listed({ prefix: at, delimiter: '/', limit, inAnyOrder: true });
      t.equal(some.length, Math.min(limit, all.length), `${limit}`);
      t.equal(new Set(some).size, some.length);
      t.same(
        some.filter((item) => !all.includes(item)),
        [],
      );
    }
    t.same(
      await listed({ prefix: `${at}g5`, delimiter: '/', limit: 100, inAnyOrder: true }).then((some) => some.sort()),
      all.filter((item) => item.startsWith(`${at}g5`)),
    );
    t.same(await listed({ prefix: `${at}none/`, delimiter: '/', limit: 100, inAnyOrder: true }), []);
    t.same(
      await listed({ prefix: at, delimiter: '/', limit: 100, inAnyOrder: true, after: all[3]!.replace('*', '') }),
      all.slice(4),
      'behind a key the order is that of every listing',
    );
    t.same(
      (await listed({ prefix: at, limit: 100, inAnyOrder: true })).length,
      all.length,
      'without a delimiter, keys',
    );
  });

  await scene('a scan has the keys of a listing', async (t, at) => {
    const names = [
      'a',
      'b/c',
      'b/d',
      'b-e',
      'b.f',
      'Z/%2f',
      '@s/x/doc',
      ...Array.from({ length: 90 }, (_, n) => `n/${n}/x`),
    ];
    for (const name of names) await store.put(`${at}${name}`, Buffer.from(name), { immutable: name.endsWith('x') });
    const scanned = async (options: Partial<IScanOptions> = {}): Promise<IScannedKey[]> => {
      const found: IScannedKey[] = [];
      for await (const item of scanStore(store, { prefix: at, ...options })) found.push(item);
      return found;
    };
    const keysOf = async (prefix: string) => (await scanned({ prefix })).map(({ key }) => key);
    t.same(await keysOf(at), await listed({ prefix: at }));
    for (const prefix of ['b', 'b/', 'n/1', 'none'])
      t.same(await keysOf(at + prefix), await listed({ prefix: at + prefix }));

    const document = `${at}@s/x/doc`;
    const look = async (): Promise<IScannedKey> => {
      const all = await scanned({ versionOf: (key) => key === document, timeOf: (key) => key === document });
      return all.find(({ key }) => key === document) as IScannedKey;
    };
    const before = Date.now();
    await store.put(document, Buffer.from('1'));
    const first = await look();
    t.ok(first.version);
    // clocks of servers and of file systems are coarser than ours
    t.ok(Math.abs((first.lastModified as Date).getTime() - before) < 60_000, String(first.lastModified));
    t.same(await look(), first, 'the same as long as nobody writes');
    const { etag } = await store.put(document, Buffer.from('2'));
    const second = await look();
    t.not(second.version, first.version);
    await other.put(document, Buffer.from('3'), store.conditionalWrites ? { ifMatch: etag } : {});
    t.not((await look()).version, second.version, 'another process wrote it');
  });

  await scene('deleted keys are not listed', async (t, at) => {
    for (const name of ['a', 'b/c', 'b/d', 'e']) await store.put(`${at}${name}`, Buffer.from(name));
    await store.delete(`${at}b/c`);
    t.same(await listed({ prefix: at }), [`${at}a`, `${at}b/d`, `${at}e`]);
    await store.delete(`${at}b/d`);
    await other.delete(`${at}a`);
    t.same(await listed({ prefix: at }), [`${at}e`]);
    t.same(await listed({ prefix: at, delimiter: '/' }), [`${at}e`], 'a group with nothing in it is none');
    await store.delete(`${at}e`);
    t.same(await listed({ prefix: '' }), []);
  });

  await scene('writes and deletes under one parent race', async (t, at) => {
    const worker = async (through: IObjectStore, hand: number) => {
      for (let round = 0; round < 15; round++) {
        for (const immutable of [true, false]) {
          const key = `${at}shared/deep/${immutable}-${hand}`;
          await through.put(key, Buffer.from(`${round}`), { immutable });
          t.equal(await text(key, through), `${round}`);
          await through.delete(key);
          t.equal(await through.head(key), null);
        }
      }
    };
    await Promise.all([store, other, store, other].map(worker));
  });
};
