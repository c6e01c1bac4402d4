import { open } from 'node:fs/promises';
import { forEachAtOnce } from '../../../ts/core/base/helpers.concurrency.js';
import type { IObjectStore, IPutOptions } from '../../../ts/index.js';
import { streamToBuffer } from '../../../ts/index.js';
import type { GrowthStore } from './classes.growthstore.js';

/** An object as it was stored for a sample. */
interface ISample {
  key: string;
  bytes: Buffer;
  options: IPutOptions;
}

const WIDTH = 64;

/** What is built for a measurement need not survive a loss of power: 100,000 packages in seconds instead of minutes. */
export const withoutSync = async (): Promise<void> => {
  const handle = await open(process.execPath);
  const methods = Object.getPrototypeOf(handle) as Record<'sync' | 'datasync', () => Promise<void>>;
  await handle.close();
  methods.sync = async () => {};
  methods.datasync = methods.sync;
};

export const keysOf = async (store: IObjectStore, prefix = ''): Promise<Set<string>> => {
  const keys = new Set<string>();
  for await (const item of store.list({ prefix })) if ('key' in item) keys.add(item.key);
  return keys;
};

/** The objects that `work` stores below a prefix. */
export const sampleOf = async (
  { plain: store, forms }: GrowthStore,
  prefix: string,
  work: () => Promise<unknown>,
): Promise<ISample[]> => {
  const before = await keysOf(store, prefix);
  await work();
  const samples: ISample[] = [];
  for (const key of await keysOf(store, prefix)) {
    if (before.has(key)) continue;
    const found = await store.get(key);
    if (!found || found === 'notModified') continue;
    const { contentType, metadata } = found.info;
    const form = forms.get(key);
    const ifNoneMatch = form && store.conditionalWrites ? ('*' as const) : undefined;
    const options = { contentType, metadata, ifNoneMatch, ...form };
    samples.push({ key, bytes: await streamToBuffer(found.body), options });
  }
  if (samples.length === 0) throw new Error(`nothing was stored below ${prefix}`);
  return samples;
};

/**
 * Stores copies of a sample in which other texts stand in place of some of its own, in keys and in contents: what the
 * registry would have stored for other names. `count` times, for the numbers from 0.
 */
export const copySample = async (
  store: IObjectStore,
  samples: readonly ISample[],
  count: number,
  changes: (number: number) => readonly (readonly [from: string, to: string])[],
): Promise<void> => {
  const texts = samples.map(({ bytes }) => (bytes[0] === 0x7b ? bytes.toString() : undefined));
  const numbers = function* (): Generator<number> {
    for (let number = 0; number < count; number++) yield number;
  };
  await forEachAtOnce(numbers(), WIDTH, async (number) => {
    const pairs = changes(number);
    const changed = (text: string): string => pairs.reduce((now, [from, to]) => now.replaceAll(from, to), text);
    for (const [at, { key, bytes, options }] of samples.entries()) {
      const text = texts[at];
      await store.put(changed(key), text === undefined ? bytes : Buffer.from(changed(text)), options);
    }
  });
};
