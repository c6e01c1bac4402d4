import { createHash } from 'node:crypto';
import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { PackageCatalog } from '../../ts/core/listing/classes.packagecatalog.js';
import { OrderedLog } from '../../ts/core/listing/log/classes.orderedlog.js';
import type { IObjectStore } from '../../ts/core/objectstore/interfaces.objectstore.js';
import { FaultObjectStore } from './store/fault-objectstore.js';

/** A package whose document keeps all changes, as a log needs them. */
export interface IJournal {
  name: string;
  /** the text of each change; its serial is its position, from 1 */
  changes: string[];
}

export const HEAD_KEY = 'journal/log';
export const SEGMENTS = 'journal/segments/';
export const DOCUMENTS = 'journal/documents/';

export const journalKey = (name: string): string => `${DOCUMENTS}${name}.json`;

export const journalFormat = {
  head: (created: string) => `created: ${created}\n---\n`,
  changes: ({ changes }: IJournal) => changes.map((text, at) => ({ serial: at + 1, text })),
  base: ({ changes }: IJournal) => ({ serial: changes.length, text: changes.join(',') }),
};

export const journalLog = (storage: RegistryStorage): OrderedLog<IJournal> =>
  new OrderedLog<IJournal>(storage, {
    headKey: HEAD_KEY,
    segments: SEGMENTS,
    documentKey: journalKey,
    documents: { prefix: DOCUMENTS, nameOf: (key) => key.slice(DOCUMENTS.length, -'.json'.length) },
    format: journalFormat,
  });

export interface IReplicaOptions {
  now?: () => Date;
}

/** One process on a store. */
export class JournalReplica {
  public readonly store: FaultObjectStore;
  public readonly storage: RegistryStorage;
  public readonly log: OrderedLog<IJournal>;
  public readonly catalog: PackageCatalog<IJournal, { changes: number }>;
  public readonly warnings: string[] = [];

  constructor(inner: IObjectStore, options: IReplicaOptions = {}) {
    this.store = new FaultObjectStore(inner);
    const keep = (message: string) => void this.warnings.push(message);
    const logger = { info() {}, warn: keep, error: keep };
    this.storage = new RegistryStorage(this.store, { logger, ...options });
    this.log = journalLog(this.storage);
    this.catalog = new PackageCatalog<IJournal, { changes: number }>(this.storage, {
      prefix: 'journal/catalog',
      documentKey: journalKey,
      documents: { prefix: DOCUMENTS, nameOf: (key) => key.slice(DOCUMENTS.length, -'.json'.length) },
      entry: (_name, { changes }) => ({ changes: changes.length }),
      log: this.log,
    });
  }

  /** Commits a change of a package, as a publish does. */
  public async publish(name: string, text: string): Promise<void> {
    const apply = (current: IJournal | null): IJournal => ({ name, changes: [...(current?.changes ?? []), text] });
    await this.storage.commit<IJournal>({
      packageName: name,
      document: { key: journalKey(name), apply, applied: ({ changes }) => changes.includes(text) },
      catalog: this.catalog,
    });
  }

  /** Changes the document and dies before anything learns of it; returns what a repair does with its marker. */
  public async publishAndDie(name: string, text: string): Promise<void> {
    await this.catalog.mark(name);
    await this.storage.update<IJournal>(journalKey(name), (current) => ({
      name,
      changes: [...(current?.changes ?? []), text],
    }));
  }

  public async text(): Promise<string> {
    return (await this.log.current()).bytes.toString();
  }

  /** The lines, without the text before the first one. */
  public async lines(): Promise<string[]> {
    const { bytes, headSize } = await this.log.current();
    return bytes.subarray(headSize).toString().split('\n').slice(0, -1);
  }

  /** Has all notes and folds behind it. */
  public settled(): Promise<void> {
    return this.storage.settled();
  }
}

/** The changes of each package that lines name, in their order; a base line names several. */
export const changesIn = (lines: readonly string[]): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const line of lines) {
    const [name = '', text = ''] = line.split(' ');
    found.set(name, [...(found.get(name) ?? []), ...text.split(',')]);
  }
  return found;
};

export const digestOf = (algorithm: 'md5' | 'sha256', bytes: Uint8Array | string): string =>
  createHash(algorithm).update(bytes).digest('hex');
