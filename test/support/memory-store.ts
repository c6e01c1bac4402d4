import { createHash } from 'node:crypto';
import type {
  IListOptions,
  IObject,
  IObjectInfo,
  IObjectPrefix,
  IObjectStore,
  IPutOptions,
} from '../../ts/core/objectstore/interfaces.objectstore.js';
import { RegistryError, streamToBuffer, toReadableStream } from '../../ts/index.js';

/** Documents in memory, with every call counted; no ranges and no compose, which auth has no use for. */
export class MemoryObjectStore implements IObjectStore {
  public readonly conditionalWrites = true;
  public readonly objects = new Map<string, { bytes: Buffer; info: IObjectInfo }>();
  /** `get auth/users/ann.json`, … in order */
  public calls: string[] = [];
  /** thrown by every call while it is set */
  public outage: RegistryError | undefined;

  public async head(key: string): Promise<IObjectInfo | null> {
    this.note('head', key);
    return this.objects.get(key)?.info ?? null;
  }

  public async get(key: string): Promise<IObject | null> {
    this.note('get', key);
    const object = this.objects.get(key);
    return object ? { info: object.info, body: toReadableStream(object.bytes) } : null;
  }

  public async put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options: IPutOptions = {}) {
    this.note('put', key);
    const bytes = body instanceof Uint8Array ? Buffer.from(body) : await streamToBuffer(body);
    const current = this.objects.get(key);
    const isRefused = options.ifNoneMatch ? current : options.ifMatch && current?.info.etag !== options.ifMatch;
    if (isRefused) throw new RegistryError('preconditionFailed', `${key} is not as expected`);
    const etag = createHash('sha256').update(bytes).digest('hex');
    const { contentType, metadata } = options;
    const info = { key, size: bytes.length, etag, lastModified: new Date(), contentType, metadata };
    this.objects.set(key, { bytes, info });
    return { etag };
  }

  public async compose(): Promise<never> {
    throw new RegistryError('unsupported', 'nothing is composed here');
  }

  public async delete(key: string, options: { ifMatch?: string } = {}): Promise<void> {
    this.note('delete', key);
    if (options.ifMatch && this.objects.get(key)?.info.etag !== options.ifMatch) {
      throw new RegistryError('preconditionFailed', `${key} is not as expected`);
    }
    this.objects.delete(key);
  }

  public async *list(options: IListOptions): AsyncGenerator<IObjectInfo | IObjectPrefix> {
    this.note('list', options.prefix);
    for (const key of this.keys()) if (key.startsWith(options.prefix)) yield this.objects.get(key)!.info;
  }

  public keys(): string[] {
    return [...this.objects.keys()].sort();
  }

  /** All that is stored, as text. */
  public dump(): string {
    return [...this.objects].map(([key, { bytes }]) => `${key}\n${bytes}`).join('\n');
  }

  private note(call: string, key: string): void {
    this.calls.push(`${call} ${key}`);
    if (this.outage) throw this.outage;
  }
}
