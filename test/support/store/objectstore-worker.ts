import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import type { DirectoryObjectStore } from '../../../ts/core/objectstore/directory/classes.directoryobjectstore.js';
import { nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { bytesOf, drain, MIB, readAll, streamOf } from './objectstore-bytes.js';
import { openStore } from './objectstore-directory.js';

/**
 * A process that works on a directory store: `objectstore-worker.ts <directory> <task> <count>`. It says `ready`,
 * waits for a line, and then tells what it did, one line each, written at once so that a kill does not lose them.
 */
const [directory, task, count] = process.argv.slice(2) as [string, string, string];
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

/** Now and then a writer sleeps between choosing its number and taking it, or before it looks whether it won. */
const nap = async (): Promise<void> => {
  if (Math.random() < 0.2) await delay(Math.random() * 25);
};
const sleepy = {
  link: async (from: string, to: string) => {
    await nap();
    await nodeFiles.link(from, to);
    await nap();
  },
};

const isConflict = (error: unknown): boolean => RegistryError.is(error, 'preconditionFailed');

const create = async (store: DirectoryObjectStore, round: number, immutable: boolean): Promise<void> => {
  const writers = Array.from({ length: 5 }, async (_, writer) => {
    const text = `${process.pid}-${writer}`;
    try {
      await store.put(`race-${round}`, Buffer.from(text), { ifNoneMatch: '*', immutable });
      say(`won ${round} ${text}`);
    } catch (error) {
      say(isConflict(error) ? `lost ${round} ${text}` : `failed ${round} ${String(error)}`);
    }
  });
  await Promise.all(writers);
};

const increment = async (store: DirectoryObjectStore): Promise<number> => {
  for (;;) {
    const object = await store.get('counter');
    const found = object && object !== 'notModified' ? object : null;
    const value = found ? Number((await readAll(found.body)).toString()) + 1 : 1;
    try {
      const condition = found ? { ifMatch: found.info.etag } : { ifNoneMatch: '*' as const };
      await store.put('counter', Buffer.from(String(value)), condition);
      return value;
    } catch (error) {
      if (!isConflict(error)) throw error;
      await delay(Math.random() * 10);
    }
  }
};

/** Rewrites a few keys in both forms, deletes, composes and lists, for ever; every object can be checked by itself. */
const churn = async (store: DirectoryObjectStore): Promise<never> => {
  for (let round = 0; ; round++) {
    const size = [10, 300_000, 100][round % 3]!;
    const seed = round % 7;
    const metadata = { seed: String(seed) };
    const immutable = round % 2 === 0;
    await store.put(`churn/doc-${round % 5}`, size > 1000 ? streamOf(size, { seed }) : bytesOf(size, seed), {
      metadata,
    });
    // parts of its own, since who composes must know what is in them
    const blob = (number: number) => `churn/blob-${process.pid}-${number % 3}`;
    await store.put(blob(round), streamOf(size, { seed }), { metadata, immutable: true });
    await store.compose(`churn/whole-${immutable}`, [blob(round)], { metadata, immutable });
    if (round % 4 === 0) await store.delete(`churn/doc-${(round + 1) % 5}`);
    if (round % 4 === 1) await store.delete(blob(round + 1));
    for await (const item of store.list({ prefix: 'churn/' })) if (!item) throw new Error('nothing');
    say(`round ${round}`);
  }
};

/** Peak memory while a large object goes in and out. */
const measure = async (store: DirectoryObjectStore, size: number): Promise<void> => {
  await store.put('warm', streamOf(20 * MIB));
  const before = process.memoryUsage().rss;
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 5);
  await store.put('large', streamOf(size));
  const object = await store.get('large');
  if (object && object !== 'notModified') await drain(object.body);
  clearInterval(timer);
  say(`extra ${peak - before}`);
};

const store = await openStore(directory, task === 'increment' ? sleepy : {});
say('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
if (task === 'create') for (let round = 0; round < Number(count); round++) await create(store, round, round % 2 === 0);
if (task === 'increment') for (let i = 0; i < Number(count); i++) say(`counted ${await increment(store)}`);
if (task === 'upload') await store.put('doc', streamOf(4096 * MIB)).catch((error) => say(String(error)));
if (task === 'churn') await churn(store);
if (task === 'measure') await measure(store, Number(count));
say('done');
process.exit(0);
