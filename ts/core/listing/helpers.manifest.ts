import type { ICodec } from '../storage/interfaces.storage.js';

/** An object with rows, written once. */
export interface IPiece {
  /** UUID; part of its key */
  id: string;
  /** number of its rows */
  count: number;
}

/** A piece with the rows of all names from `first` up to the first name of the next segment. */
export interface ISegment extends IPiece {
  first: string;
}

/**
 * The only object of a listing that changes: it names the pieces in use. Segments divide all names among them; batches
 * have rows that came later and are newer than those of the segments.
 */
export interface IManifest {
  /** UUID; changes with a rebuild: then earlier rows are invalid */
  generation: string;
  segments: ISegment[];
  batches: IPiece[];
}

export interface IStoredManifest {
  manifest: IManifest;
  etag: string;
}

/** The value for stored bytes that are no manifest. It can be overwritten; a document whose codec throws cannot. */
export const DAMAGED: IManifest = Object.freeze({ generation: '', segments: [], batches: [] });

const isPiece = (piece: IPiece): boolean => typeof piece.id === 'string' && Number.isSafeInteger(piece.count);

const parse = (text: string): IManifest => {
  const { generation, segments, batches } = JSON.parse(text) as IManifest;
  const isSound =
    typeof generation === 'string' &&
    segments.every((segment) => isPiece(segment) && typeof segment.first === 'string') &&
    batches.every(isPiece);
  return isSound ? { generation, segments, batches } : DAMAGED;
};

export const manifestCodec: ICodec<IManifest> = {
  contentType: 'application/json',
  parse: (bytes) => {
    try {
      return parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch {
      return DAMAGED;
    }
  },
  // the revision makes the bytes, and so the ETag, of each version unique
  serialize: (manifest: IManifest, stamp?: { revision: number }) =>
    JSON.stringify({ revision: stamp?.revision, ...manifest }),
};

export const pieceIds = ({ segments, batches }: IManifest): string[] => [...segments, ...batches].map(({ id }) => id);

/** Index of the segment that a name belongs to; also 0 if there is none yet. */
export const segmentOf = (segments: readonly ISegment[], name: string): number => {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (segments[middle]!.first <= name) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
};

export interface IManifestChange {
  generation: string;
  /** ids of pieces that the change replaces */
  dropped: readonly string[];
  segments: readonly ISegment[];
  batches: readonly IPiece[];
}

/** The manifest after a change; undefined if another replica has replaced the same pieces, or rebuilt everything. */
export const applyChange = (current: IManifest, change: IManifestChange): IManifest | undefined => {
  const there = new Set(pieceIds(current));
  if (current.generation !== change.generation || !change.dropped.every((id) => there.has(id))) return undefined;
  const dropped = new Set(change.dropped);
  const kept = <T extends IPiece>(pieces: readonly T[]): T[] => pieces.filter(({ id }) => !dropped.has(id));
  const segments = [...kept(current.segments), ...change.segments];
  segments.sort((a, b) => (a.first < b.first ? -1 : 1));
  return { generation: current.generation, segments, batches: [...kept(current.batches), ...change.batches] };
};
