import { crypto } from '../../../plugins.js';
import type { IChore, IChoreRecords, IChoreTurn } from '../../base/classes.housekeeper.js';
import { jsonCodec } from '../../base/helpers.codec.js';
import { isRecord } from '../../base/helpers.values.js';
import type { ILogger } from '../../interfaces.core.js';
import type { ICodec, IStoredDocument, IUpdateOptions, IUpdateResult, TUpdateFunction } from '../interfaces.storage.js';

/** The record of one chore, `registry/chores/{name}.json`. */
interface IChoreRecord {
  /** the start of the last completed run; ISO 8601 */
  lastRun?: string;
  /** the process that runs the chore now; it raises `beat` as long as it lives */
  lease?: { id: string; beat: number };
}

/** The methods of `RegistryStorage` that are used. */
export interface IChoreStorage {
  readonly now: () => Date;
  readonly logger: ILogger;
  read<T>(key: string, codec: ICodec<T>): Promise<IStoredDocument<T> | null>;
  update<T>(key: string, fn: TUpdateFunction<T>, options?: IUpdateOptions<T>): Promise<IUpdateResult<T>>;
}

export interface IChoreRecordsOptions {
  leaseMs?: number;
  /** for tests: ms of a clock that is never set back */
  monotonic?: () => number;
}

/**
 * A lease that was not renewed for this long is free. It is long enough for three renewals of a busy process, and short
 * enough that a chore that runs every minute does not pause long when its process died.
 */
const LEASE_MS = 60_000;
/** one renewal may be lost and one late */
const RENEWALS_PER_LEASE = 3;

/** `Sweeping expired tokens` -> `registry/chores/sweeping-expired-tokens.json` */
export const choreKey = (name: string): string =>
  `registry/chores/${name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')}.json`;

/** A damaged record counts as none: it must not stop a chore for good on all replicas. */
const recordCodec: ICodec<IChoreRecord> = {
  ...(jsonCodec as ICodec<IChoreRecord>),
  parse: (bytes) => {
    try {
      const record = jsonCodec.parse(bytes);
      return isRecord(record) ? record : {};
    } catch {
      return {};
    }
  },
};

const isSame = (a: IChoreRecord['lease'], b: IChoreRecord['lease']): boolean => a?.id === b?.id && a?.beat === b?.beat;

/**
 * Records when each chore was last run and which process runs it now, in one document for each chore.
 *
 * The lease saves work and guards nothing. A process that sleeps through its lease continues when it wakes, beside the
 * process that took the lease over; so every chore must be harmless when it runs twice at once.
 *
 * Clocks of two machines are never compared for a lease: a process finds a lease free after it has watched the record
 * for `leaseMs` without a renewal, by its own monotonic clock. For `lastRun` the wall clock is enough: a wrong clock
 * makes a chore early or late by the same amount, and a time that is more than an interval ahead is ignored.
 */
export class ChoreRecords implements IChoreRecords {
  private readonly leaseMs: number;
  private readonly monotonic: () => number;
  /** leases of other processes, with the time when this process first saw them */
  private readonly watched = new Map<string, { lease: IChoreRecord['lease']; since: number }>();

  constructor(
    private readonly storage: IChoreStorage,
    options: IChoreRecordsOptions = {},
  ) {
    this.leaseMs = options.leaseMs ?? LEASE_MS;
    this.monotonic = options.monotonic ?? (() => performance.now());
  }

  public async begin(chore: IChore): Promise<IChoreTurn | number> {
    const key = choreKey(chore.name);
    const record = (await this.storage.read(key, recordCodec))?.value ?? null;
    const waitMs = this.untilDue(record, chore.everyMs);
    if (waitMs > 0) return waitMs;
    if (this.isHeld(key, record?.lease)) return this.leaseMs;
    return this.take(key, record?.lease, chore.everyMs);
  }

  /** Takes over the lease `free`, unless another process was faster. */
  private async take(key: string, free: IChoreRecord['lease'], everyMs: number): Promise<IChoreTurn | number> {
    const id = crypto.randomUUID();
    const begun = this.storage.now().toISOString();
    const { value } = await this.storage.update<IChoreRecord>(
      key,
      (current) => {
        if (!isSame(current?.lease, free) || this.untilDue(current, everyMs) > 0) return undefined;
        return { ...current, lease: { id, beat: 0 } };
      },
      { codec: recordCodec, applied: ({ lease }) => lease?.id === id },
    );
    if (value?.lease?.id !== id) return this.leaseMs;
    const renewal = setInterval(() => void this.renew(key, id), this.leaseMs / RENEWALS_PER_LEASE);
    if (typeof renewal === 'object') renewal.unref();
    return {
      end: async (completed) => {
        clearInterval(renewal);
        await this.giveBack(key, id, completed ? begun : undefined);
      },
    };
  }

  private async renew(key: string, id: string): Promise<void> {
    try {
      await this.storage.update<IChoreRecord>(
        key,
        (current) =>
          current?.lease?.id === id ? { ...current, lease: { id, beat: current.lease.beat + 1 } } : undefined,
        { codec: recordCodec },
      );
    } catch (error) {
      // at worst another process runs the chore as well
      this.storage.logger.warn('The lease of a chore could not be renewed', { key, error: String(error) });
    }
  }

  private async giveBack(key: string, id: string, lastRun: string | undefined): Promise<void> {
    await this.storage.update<IChoreRecord>(
      key,
      (current) => {
        const lease = current?.lease?.id === id ? undefined : current?.lease;
        const last = lastRun ?? current?.lastRun;
        return { ...(last === undefined ? {} : { lastRun: last }), ...(lease ? { lease } : {}) };
      },
      { codec: recordCodec },
    );
  }

  /** ms until the chore is due, according to the record; 0 if it is due. */
  private untilDue(record: IChoreRecord | null, everyMs: number): number {
    const since =
      record?.lastRun === undefined ? Number.NaN : this.storage.now().getTime() - Date.parse(record.lastRun);
    // never run, or an impossible time
    if (Number.isNaN(since) || since < -everyMs) return 0;
    return Math.max(0, everyMs - since);
  }

  private isHeld(key: string, lease: IChoreRecord['lease']): boolean {
    if (!lease) return false;
    const seen = this.watched.get(key);
    const now = this.monotonic();
    if (seen && isSame(seen.lease, lease)) return now - seen.since < this.leaseMs;
    this.watched.set(key, { lease, since: now });
    return true;
  }
}
