import { createHash, randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { headCodec, type ILogHead, type ILogSegment } from '../../../ts/core/listing/log/helpers.loghead.js';
import type { IGetOptions, IObject, IPutOptions } from '../../../ts/index.js';
import { HEAD_KEY, JournalReplica, SEGMENTS } from '../../support/journal.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import { countTurns } from '../../support/turns.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Counts calls and the bytes that they carry. */
class CountingStore extends MemoryObjectStore {
  public calls: Record<string, number> = {};
  public bytes = 0;

  public reset(): void {
    this.calls = {};
    this.bytes = 0;
  }

  public override async head(key: string) {
    this.count('head');
    return super.head(key);
  }

  public override async get(key: string, options?: IGetOptions): Promise<IObject | 'notModified' | null> {
    this.count('get');
    const found = await super.get(key, options);
    if (found && found !== 'notModified') this.bytes += found.info.size;
    return found;
  }

  public override async put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options?: IPutOptions) {
    this.count('put');
    if (body instanceof Uint8Array) this.bytes += body.byteLength;
    return super.put(key, body, options);
  }

  private count(verb: string): void {
    this.calls[verb] = (this.calls[verb] ?? 0) + 1;
  }
}

/** A log of so many packages, as a rebuild leaves it. */
const logOf = async (packages: number): Promise<CountingStore> => {
  const store = new CountingStore();
  const segments: ILogSegment[] = [];
  for (let from = 0; from < packages; from += 50_000) {
    const records = Array.from(
      { length: Math.min(50_000, packages - from) },
      (_, at) => `1 package-${from + at} 1.0.${at} ${createHash('md5').update(String(at)).digest('hex')}\n`,
    );
    const bytes = Buffer.from(records.join(''));
    const id = randomUUID();
    await store.put(SEGMENTS + id, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    segments.push({ id, records: records.length, size: bytes.byteLength, sha256 });
  }
  const head: ILogHead = { generation: 'g', created: '2026-01-01T00:00:00Z', segments, tail: [], owed: [] };
  const text = headCodec.serialize(head, { revision: 1, id: '' });
  await store.put(HEAD_KEY, Buffer.from(text as string), { metadata: { revision: '1' } });
  return store;
};

t.test('a publish and a look at the log cost the same with 100 and with 100,000 packages', async (t) => {
  const costs: { calls: Record<string, number>; bytes: number }[][] = [];
  for (const packages of [100, 10_000, 100_000]) {
    const store = await logOf(packages);
    const one = new JournalReplica(store);
    t.equal((await one.lines()).length, packages);
    await one.publish('new-0', '1');
    await one.settled();
    await one.text();
    const measured: { calls: Record<string, number>; bytes: number }[] = [];
    const measure = async (work: () => Promise<unknown>) => {
      store.reset();
      await work();
      await one.settled();
      measured.push({ calls: store.calls, bytes: store.bytes });
    };
    await measure(() => one.publish('new-1', '1'));
    await measure(() => one.log.current());
    // more than a segment holds
    await measure(async () => {
      for (let at = 0; at < 900; at++) await one.publish(`more-${at}`, 'x'.repeat(30));
    });
    await measure(() => one.log.current());
    t.comment(`${packages} packages: ${JSON.stringify(measured)}`);
    costs.push(measured);
  }
  const [few, , many] = costs;
  for (const [index, cost] of (many ?? []).entries()) {
    const least = few?.[index];
    for (const [verb, count] of Object.entries(cost.calls)) {
      // folds run behind the publishes, so one may come a publish earlier or later
      t.ok(Math.abs(count - (least?.calls[verb] ?? 0)) <= count / 100, `${verb}: ${count} and ${least?.calls[verb]}`);
    }
    // the head names two segments instead of none, and each publish writes the head
    t.ok(cost.bytes - (least?.bytes ?? 0) < 400 * (cost.calls.put ?? 1), `${cost.bytes} and ${least?.bytes} bytes`);
  }
});

t.test('the first look at a log of 300,000 packages lets others run', async (t) => {
  // some 30 turns on a fast machine
  const store = await logOf(300_000);
  const one = new JournalReplica(store);
  const turns = await countTurns(() => one.log.current());
  t.ok(turns > 10, `${turns} turns`);
});

t.test('a log of 100,000 packages takes little more memory than its file', async (t) => {
  const store = await logOf(100_000);
  const one = new JournalReplica(store);
  gc();
  const before = process.memoryUsage();
  const { bytes } = await one.log.current();
  gc();
  const after = process.memoryUsage();
  // it is used afterwards, so it was there when it was measured
  t.equal((await one.log.current()).bytes.byteLength, bytes.byteLength);
  const used = after.heapUsed + after.external - before.heapUsed - before.external;
  t.comment(`${(used / 1e6).toFixed(1)} MB for a file of ${(bytes.byteLength / 1e6).toFixed(1)} MB`);
  // names and serials: some 100 bytes for each package
  t.ok(used < 1.5 * bytes.byteLength + 20e6);
});
