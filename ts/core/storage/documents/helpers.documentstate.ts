import type { IObjectInfo } from '../../objectstore/interfaces.objectstore.js';
import { WRITE_ID } from './helpers.conditionalwrite.js';
import type { TSpentKeys } from './helpers.spentkeys.js';

/** Metadata of a document's object: its revision. */
const REVISION = 'revision';
/** `1`: a document was deleted; `0`: there never was one, only records about artifacts that no document ever named */
const TOMBSTONE = 'tombstone';
const SPENT = 'spent';
const SWEPT = 'swept';
const WRITERS = 'writers';

/** Twelve hex digits of a UUID distinguish the writes of one document. */
const WRITER_DIGITS = 12;
/**
 * Number of last writes that are remembered. If an answer was lost, the writer reads the document within a second or
 * two; in that time each other process writes once or twice. 8 ids are 96 bytes of metadata.
 */
const MAX_WRITERS = 8;

/** One version of a document, a tombstone, or nothing. */
export interface IDocumentState<T> {
  /** null: there is no document */
  readonly value: T | null;
  /** of the object, which may be a tombstone; null: there is no object */
  readonly etag: string | null;
  /** number of writes of the key, deletes included; 0: never written */
  readonly revision: number;
  readonly spent: TSpentKeys;
  /** the revision in which a sweep last recorded that it deletes objects that the document does not name; 0: never */
  readonly swept: number;
  /** whether there is or ever was a document; a sweep also leaves a tombstone where only orphans were */
  readonly existed: boolean;
  /** the ids of the last writes, newest first, in `WRITER_DIGITS` each */
  readonly writers: string;
  readonly lastModified: Date;
}

/** Core's records about the artifacts of a document. */
export type TDocumentNotes = Pick<IDocumentState<unknown>, 'spent' | 'swept'>;

export type TDocumentHead = Omit<IDocumentState<unknown>, 'value'>;

export const NEVER_WRITTEN: IDocumentState<never> = Object.freeze({
  value: null,
  etag: null,
  revision: 0,
  spent: '',
  swept: 0,
  existed: false,
  writers: '',
  lastModified: new Date(0),
});

/**
 * A deleted document leaves a small object with its revision, so that a late write or delete never finds the key in an
 * earlier state.
 */
export const isTombstone = ({ metadata }: IObjectInfo): boolean => metadata?.[TOMBSTONE] !== undefined;

/** Unique for each write, like the bytes of every version. */
export const tombstoneBytes = (writeId: string): Uint8Array => Buffer.from(`{"tombstone":"${writeId}"}`);

/** bytes; always the same, so a listing shows by the size which objects may be tombstones */
export const TOMBSTONE_SIZE = tombstoneBytes('00000000-0000-0000-0000-000000000000').byteLength;

const numberOf = (text: string | undefined): number => Number.parseInt(text ?? '', 10) || 0;

export const headOf = ({ etag, lastModified, metadata = {} }: IObjectInfo): TDocumentHead => ({
  etag,
  lastModified,
  // a document that another program put into the store has none
  revision: numberOf(metadata[REVISION]),
  spent: metadata[SPENT] ?? '',
  swept: numberOf(metadata[SWEPT]),
  existed: metadata[TOMBSTONE] !== '0',
  writers: metadata[WRITERS] ?? '',
});

const shortOf = (writeId: string): string => writeId.replaceAll('-', '').slice(0, WRITER_DIGITS);

/** The head of the version that the write `writeId` makes from `base`; its ETag is known after the write. */
export const nextHead = (
  base: TDocumentHead,
  writeId: string,
  { value, ...notes }: TDocumentNotes & { value: unknown },
): TDocumentHead => ({
  etag: null,
  lastModified: new Date(),
  revision: base.revision + 1,
  ...notes,
  existed: base.existed || value !== null,
  writers: (shortOf(writeId) + base.writers).slice(0, WRITER_DIGITS * MAX_WRITERS),
});

export const metadataOf = (head: TDocumentHead, writeId: string, isDeleted: boolean): Record<string, string> => ({
  [WRITE_ID]: writeId,
  [REVISION]: String(head.revision),
  [WRITERS]: head.writers,
  ...(head.spent !== '' && { [SPENT]: head.spent }),
  ...(head.swept > 0 && { [SWEPT]: String(head.swept) }),
  ...(isDeleted && { [TOMBSTONE]: head.existed ? '1' : '0' }),
});

/**
 * Whether the write `writeId` on `base` is part of the stored state `now`. `out` is certain and final: all versions
 * since `base` are known to be others', and no key has one ETag twice, so the write can never be applied any more.
 */
export const whereIs = (writeId: string, base: TDocumentHead, now: TDocumentHead): 'in' | 'out' | 'unknown' => {
  const short = shortOf(writeId);
  const count = now.writers.length / WRITER_DIGITS;
  for (let at = 0; at < count; at++) if (now.writers.startsWith(short, at * WRITER_DIGITS)) return 'in';
  const since = now.revision - base.revision;
  return since > 0 && since <= count ? 'out' : 'unknown';
};
