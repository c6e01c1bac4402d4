import * as plugins from '../../../plugins.js';
import { Slices, sortInSlices } from '../../base/helpers.slices.js';
import { RegistryError } from '../../classes.registryerror.js';
import { OutcomeUnknownError } from '../../storage/documents/helpers.conditionalwrite.js';
import type { ListingDocuments } from '../classes.listingdocuments.js';
import type { TRebuildProgress } from '../interfaces.listing.js';
import type { ILogParts, LogState } from './classes.logstate.js';
import {
  BASE_SEGMENT,
  headCodec,
  type ILogHead,
  type ILogSegment,
  recordsIn,
  SEAL_FROM,
  sealedIn,
} from './helpers.loghead.js';
import { placesIn, recordOf, serializeRecords } from './helpers.records.js';
import type { ILogChange, IOrderedLogFormat } from './interfaces.log.js';

export interface ILogRebuildParts<TDoc> extends ILogParts {
  state: LogState;
  documents: ListingDocuments<TDoc, TDoc & object>;
  format: IOrderedLogFormat<TDoc>;
}

/** Times that another rebuild, or the loss of a segment, may overtake this one. */
const TRIES = 5;

/** Which log a head stands for. */
const logOf = (head: ILogHead | null): string => (head === null ? 'none' : head.generation);

/** The head has sealed records that this rebuild has not seen. */
class UnseenRecordsError extends Error {
  constructor(public readonly head: ILogHead) {
    super('Records were sealed while a log was rebuilt');
  }
}

/** One attempt: the documents were read after the log `seen`. */
interface IAttempt {
  seen: ILogHead | null;
  /** the serial that the new base has of each package */
  base: ReadonlyMap<string, number>;
  /** number of records of the log before that are known to be in the base, or in `since` */
  covered: number;
  /** packages that were added to the log before after the documents began to be read */
  since: Map<string, number>;
}

/**
 * Makes a new generation of the log from the documents alone: one line for each package, in the order of names.
 *
 * Publishes continue meanwhile and append to the log before, if there is one. What they appended since the documents
 * began to be read may be missing in the new base, so the head names those packages as owed, in the same write that
 * replaces the log before; readers and writers look at their documents first. So no change is lost if this process ends
 * at any point, and a busy registry cannot keep the rebuild from finishing.
 */
export class LogRebuild<TDoc> {
  constructor(private readonly parts: ILogRebuildParts<TDoc>) {}

  /**
   * Returns the number of documents.
   * @param lost only this log is replaced: the one that was found lost or damaged. Default: the present one
   */
  public async run(lost?: ILogHead | null, progress?: TRebuildProgress): Promise<number> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { head: seen } = await this.parts.state.readHead();
      if (lost !== undefined && logOf(lost) !== logOf(seen)) return 0;
      const count = await this.replace(seen, progress);
      if (count !== undefined) return count;
    }
    throw new RegistryError('unavailable', 'The log of packages is being rebuilt; try again in a moment');
  }

  private async replace(seen: ILogHead | null, progress?: TRebuildProgress): Promise<number | undefined> {
    const { documents, format, segments, storage } = this.parts;
    const rows: [name: string, change: ILogChange][] = [];
    const take = ({ name, entry }: { name: string; entry: TDoc | null }): void => {
      if (entry !== null) rows.push([name, format.base(entry)]);
    };
    const count = await documents.each(take, { progress });
    const sorted = await sortInSlices(rows, ([a], [b]) => (a < b ? -1 : 1));
    const base = new Map(sorted.map(([name, { serial }]) => [name, serial]));
    const created = `${storage.now().toISOString().slice(0, 19)}Z`;
    const made = await this.writeBase(sorted);
    const next: ILogHead = { generation: plugins.crypto.randomUUID(), created, ...made, owed: [] };
    const attempt: IAttempt = { seen, base, covered: seen ? recordsIn(seen) : 0, since: new Map() };
    try {
      if (!(await this.install(next, attempt))) {
        await segments.drop(made.segments);
        return undefined;
      }
    } catch (error) {
      if (!(error instanceof OutcomeUnknownError)) await segments.drop(made.segments);
      throw error;
    }
    // the segments of the log before are left to the sweep if this fails
    if (seen) await segments.drop(seen.segments);
    return count;
  }

  private async writeBase(rows: readonly [string, ILogChange][]): Promise<Pick<ILogHead, 'segments' | 'tail'>> {
    const written: ILogSegment[] = [];
    const slices = new Slices();
    let records: string[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      written.push(await this.parts.segments.write(serializeRecords(records), records.length));
      records = [];
      size = 0;
    };
    for (const [name, change] of rows) {
      const record = recordOf(name, change);
      records.push(record);
      size += record.length + 1;
      if (size >= BASE_SEGMENT) await flush();
      if (slices.due) await slices.rest();
    }
    if (size >= SEAL_FROM) await flush();
    return { segments: written, tail: records };
  }

  /** Returns whether the new head is stored; false if there is another log by now, or the one before is damaged. */
  private async install(next: ILogHead, attempt: IAttempt): Promise<boolean> {
    const { storage, state } = this.parts;
    const applied = ({ generation }: ILogHead): boolean => generation === next.generation;
    for (;;) {
      let isMade = false;
      try {
        const fn = (current: ILogHead | null): ILogHead | undefined => {
          isMade = logOf(current) === logOf(attempt.seen);
          return isMade ? { ...next, owed: this.owed(current, attempt) } : undefined;
        };
        await storage.update<ILogHead>(state.headKey, fn, { codec: headCodec, applied });
        return isMade;
      } catch (error) {
        if (!(error instanceof UnseenRecordsError)) throw error;
        if (!(await this.look(error.head, attempt))) return false;
      }
    }
  }

  /** The packages of which the log that is being replaced has changes that the base has not. */
  private owed(current: ILogHead | null, { base, since, covered }: IAttempt): string[] {
    if (current === null) return [];
    const sealed = sealedIn(current);
    if (sealed > covered) throw new UnseenRecordsError(current);
    const serials = new Map(since);
    const bytes = serializeRecords(current.tail.slice(covered - sealed));
    for (const { name, serial } of placesIn(bytes)) serials.set(name, serial);
    return [...serials].filter(([name, serial]) => serial > (base.get(name) ?? 0)).map(([name]) => name);
  }

  /** Reads the records that were sealed since. Returns false if that is not possible: then all begins again. */
  private async look(head: ILogHead, attempt: IAttempt): Promise<boolean> {
    let first = 0;
    for (const segment of head.segments) {
      const skip = attempt.covered - first;
      first += segment.records;
      if (first <= attempt.covered) continue;
      const bytes = await this.parts.segments.read(segment);
      if (!bytes) return false;
      let index = 0;
      for (const { name, serial } of placesIn(bytes)) if (index++ >= skip) attempt.since.set(name, serial);
      attempt.covered = first;
    }
    return true;
  }
}
