import * as plugins from '../../../plugins.js';
import type { ICodec } from '../../storage/interfaces.storage.js';

/** An immutable part of the log. */
export interface ILogSegment {
  readonly id: string;
  /** number of records */
  readonly records: number;
  /** bytes of the stored object */
  readonly size: number;
  /** of the stored object, in hex */
  readonly sha256: string;
}

/** The document that says what the log is: its segments in order, then the records of the tail. */
export interface ILogHead {
  /** another one after each rebuild; within a generation the log only grows */
  readonly generation: string;
  /** ISO time in whole seconds: when the base of this generation was made */
  readonly created: string;
  readonly segments: readonly ILogSegment[];
  readonly tail: readonly string[];
  /** packages that changed while this generation was made: their documents must be looked at before it is read */
  readonly owed: readonly string[];
}

/** The value for stored bytes that are no head. It can be overwritten; a document whose codec throws cannot. */
export const DAMAGED_HEAD: ILogHead = Object.freeze({ generation: '', created: '', segments: [], tail: [], owed: [] });

const digestOf = (text: string): string => plugins.crypto.createHash('sha256').update(text).digest('hex');

const FORM = /^\{"sha256":"([0-9a-f]{64})","head":(\{.*\})\}$/s;

/** The head carries a digest of itself: a line that was changed in the store would be served to clients otherwise. */
export const headCodec: ICodec<ILogHead> = {
  contentType: 'application/json',
  parse: (bytes) => {
    const [, sha256, text = ''] = FORM.exec(new TextDecoder().decode(bytes)) ?? [];
    if (sha256 === undefined || sha256 !== digestOf(text)) return DAMAGED_HEAD;
    const { generation, created, segments, tail, owed } = JSON.parse(text) as ILogHead;
    return { generation, created, segments, tail, owed };
  },
  // the revision makes the bytes, and so the ETag, of each version unique
  serialize: (head: ILogHead, stamp?: { revision: number }) => {
    const text = JSON.stringify({ revision: stamp?.revision, ...head });
    return `{"sha256":"${digestOf(text)}","head":${text}}`;
  },
  // a head has only texts and numbers, which survive a round trip
  immutableValues: true,
};

/** Number of records in the segments. */
export const sealedIn = ({ segments }: ILogHead): number => segments.reduce((sum, { records }) => sum + records, 0);

/** Number of records of the log. */
export const recordsIn = (head: ILogHead): number => sealedIn(head) + head.tail.length;

/**
 * The head after the first `segment.records` records of the tail of `seen` have become a segment; undefined if another
 * replica has sealed or rebuilt since.
 */
export const withSealed = (current: ILogHead, seen: ILogHead, segment: ILogSegment): ILogHead | undefined => {
  const isSame = current.generation === seen.generation && sealedIn(current) === sealedIn(seen);
  if (!isSame || current.tail.length < segment.records) return undefined;
  return { ...current, segments: [...current.segments, segment], tail: current.tail.slice(segment.records) };
};

/** The head after adjacent segments were joined; undefined if it does not have them any more. */
export const withMerged = (
  current: ILogHead,
  run: readonly ILogSegment[],
  merged: ILogSegment,
): ILogHead | undefined => {
  const { segments } = current;
  const at = segments.findIndex(({ id }) => id === run[0]?.id);
  if (at < 0 || run.some(({ id }, index) => segments[at + index]?.id !== id)) return undefined;
  return { ...current, segments: [...segments.slice(0, at), merged, ...segments.slice(at + run.length)] };
};

const KIB = 1024;
/**
 * Bytes of the tail from which on it is sealed. Each append writes the tail again: 16 KiB cost little more than one line,
 * and hold some 200.
 */
export const SEAL_FROM = 16 * KIB;
/** Segments of one size class that are merged into one of the next class. */
const FAN_IN = 16;
/** Bytes from which on a segment is of the next class; those of the last class are never merged again. */
const CLASSES = [SEAL_FROM * FAN_IN, SEAL_FROM * FAN_IN * FAN_IN];
/** Bytes of the segments of a new base: they are of the last class. */
export const BASE_SEGMENT = SEAL_FROM * FAN_IN * FAN_IN;

const classOf = ({ size }: ILogSegment): number => CLASSES.filter((from) => size >= from).length;

/**
 * Adjacent segments of one class that are many enough to be merged. So the head names at most some 30 segments, and one
 * more for each 4 MiB of the log; and a record is copied twice in its life.
 */
export const runToMerge = (segments: readonly ILogSegment[]): readonly ILogSegment[] | undefined => {
  let from = 0;
  for (let at = 0; at <= segments.length; at++) {
    const isOf = at < segments.length ? classOf(segments[at] as ILogSegment) : -1;
    const runs = classOf(segments[from] ?? { id: '', records: 0, size: 0, sha256: '' });
    if (isOf === runs) continue;
    if (runs < CLASSES.length && at - from >= FAN_IN) return segments.slice(from, at);
    from = at;
  }
  return undefined;
};

/** Bytes of the tail as a segment. */
export const tailSize = ({ tail }: ILogHead): number => tail.reduce((sum, { length }) => sum + length + 1, 0);
