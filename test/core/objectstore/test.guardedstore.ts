import t from 'tap';
import { GuardedStore } from '../../../ts/core/objectstore/classes.guardedstore.js';
import { type IObject, type IObjectStore, RegistryError, streamToBuffer, toReadableStream } from '../../../ts/index.js';
import { cargoWorld } from '../../support/cargo/actors.js';
import { ofKind } from '../../support/expect.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';

const CRATE = 'cargo/crates/demo/demo-1.0.0.crate';
const DOCUMENT = 'cargo/index/de/mo/demo';

/** Errors as SDKs, file systems and `fetch` throw them. */
const faults: Record<string, () => unknown> = {
  'a plain error': () => new Error('secret-of-the-store'),
  'a time-out': () => new DOMException('secret-of-the-store', 'TimeoutError'),
  'an abort': () => new DOMException('secret-of-the-store', 'AbortError'),
  'an error of S3 with a 404': () =>
    Object.assign(new Error('secret-of-the-store'), { name: 'NoSuchBucket', status: 404, statusCode: 404 }),
  'a full disk': () => Object.assign(new Error('secret-of-the-store'), { code: 'ENOSPC' }),
  'no error': () => undefined,
};

/** A store of somebody else, which fails as long as it is told to. */
class OwnStore extends MemoryObjectStore {
  public failing: { method: string; key: string; error(): unknown } | undefined;
  /** cuts the content of what is read */
  public cut: { key: string; how: 'ends' | 'fails' } | undefined;

  private fail(method: string, key: string): void {
    if (this.failing && this.failing.method === method && key.startsWith(this.failing.key)) throw this.failing.error();
  }

  public override async head(key: string) {
    this.fail('head', key);
    return super.head(key);
  }

  public override async get(key: string, options = {}): Promise<IObject | 'notModified' | null> {
    this.fail('get', key);
    const found = await super.get(key, options);
    if (!found || found === 'notModified' || this.cut?.key !== key) return found;
    const half = (await streamToBuffer(found.body)).subarray(0, 10);
    const { how } = this.cut;
    let isSent = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (!isSent) controller.enqueue(half);
        else if (how === 'ends') controller.close();
        else controller.error(new DOMException('the connection broke', 'AbortError'));
        isSent = true;
      },
    });
    return { ...found, body };
  }

  public override async put(...args: Parameters<IObjectStore['put']>) {
    this.fail('put', args[0]);
    return super.put(...args);
  }
}

t.test('a fault of a store of the application is never told as one of the client', async (t) => {
  for (const [name, error] of Object.entries(faults)) {
    await t.test(name, async (t) => {
      const store = new OwnStore();
      const { writer, anon } = await cargoWorld(t, { storage: { objectStore: store } });
      t.equal((await writer.publish('demo', '1.0.0')).status, 200);
      const calls: [
        string,
        string,
        () => Promise<{ status: number; headers: Record<string, string>; text: string }>,
      ][] = [
        ['head', DOCUMENT, () => anon.get('/de/mo/demo')],
        ['get', CRATE, () => anon.download('demo', '1.0.0')],
        ['put', 'cargo/crates/demo/demo-1.1.0', () => writer.publish('demo', '1.1.0')],
        ['put', 'cargo/catalog/pending/', () => writer.delete('/api/v1/crates/demo/1.0.0/yank')],
      ];
      for (const [method, key, call] of calls) {
        store.failing = { method, key, error };
        const { status, headers, text } = await call();
        t.equal(status, 503, `${method} ${key}`);
        t.ok(headers['Retry-After'], 'clients try again');
        t.notMatch(text, /secret-of-the-store/);
        store.failing = undefined;
      }
      t.equal((await writer.publish('demo', '1.1.0')).status, 200, 'the same again');
    });
  }
});

t.test(
  'a document or artifact that a store sends only in part is an outage, not a damaged or absent one',
  async (t) => {
    for (const how of ['ends', 'fails'] as const) {
      const store = new OwnStore();
      const { writer } = await cargoWorld(t, { storage: { objectStore: store } });
      await writer.publish('demo', '1.0.0');
      const { anon } = await cargoWorld(t, { storage: { objectStore: store } });
      store.cut = { key: DOCUMENT, how };
      const index = await anon.get('/de/mo/demo');
      t.match(index, { status: 503, headers: { 'Retry-After': /\d/ } }, how);
      store.cut = { key: CRATE, how };
      t.match(await anon.download('demo', '1.0.0'), { status: 503, headers: { 'Retry-After': /\d/ } }, how);
      store.cut = undefined;
      t.equal((await anon.download('demo', '1.0.0')).status, 200);
    }
  },
);

t.test('what the store says in the terms of the contract stays as it is', async (t) => {
  const own = new RegistryError('preconditionFailed', 'lost');
  const reason = new Error('the client is gone');
  const aborted = AbortSignal.abort(reason);
  const parts: Partial<IObjectStore> = {
    conditionalWrites: true,
    conditionalJoins: false,
    put: async (_key, _body, options) => {
      throw options?.signal?.aborted ? options.signal.reason : own;
    },
    get: async (_key, options) => {
      if (options?.signal?.aborted) throw options.signal.reason;
      return { info: { key: 'k', size: 4, etag: 'e', lastModified: new Date() }, body: toReadableStream('four') };
    },
    head: async () => undefined as unknown as null,
    glance: () => {
      throw new Error('out of order');
    },
  };
  const store = new GuardedStore(parts as IObjectStore);
  t.match(store, { conditionalWrites: true, conditionalJoins: false, scan: undefined, sweep: undefined });
  await t.rejects(store.put('k', Buffer.from('x')), own);
  await t.rejects(store.put('k', Buffer.from('x'), { signal: aborted }), reason);
  await t.rejects(store.get('k', { signal: aborted }), reason);
  t.equal((await streamToBuffer(((await store.get('k')) as IObject).body)).toString(), 'four');
  t.equal(await store.head('k'), null, 'a store that returns undefined says "absent" too');
  t.equal(store.glance?.('k'), undefined, 'the look that follows reports the fault');
  await t.rejects(store.delete('k'), ofKind('outcomeUnknown'), 'not even a method');
});
