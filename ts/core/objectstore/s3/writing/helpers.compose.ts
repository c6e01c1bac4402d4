import { Buffer } from 'node:buffer';
import { RegistryError } from '../../../classes.registryerror.js';
import type { IComposeOptions } from '../../interfaces.objectstore.js';
import { partGone, preconditionFailed } from '../connection/helpers.errors.js';
import { writeIdOf } from '../connection/helpers.metadata.js';
import { copyingTime, copySource, quoted } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { headObject } from '../reading/helpers.head.js';
import { readWhole } from '../reading/helpers.read.js';
import {
  creation,
  type ITarget,
  MAX_PART,
  MAX_PARTS,
  MIN_PART,
  requireCompleteConditions,
} from './helpers.creation.js';
import { multipart } from './helpers.multipart.js';
import { putBytes } from './helpers.put.js';
import { sendWrite } from './helpers.write.js';

/** A range of one source; `end` is exclusive. */
export interface IPiece {
  source: number;
  start: number;
  end: number;
}

interface ISources {
  names: string[];
  /** of each, if its bytes matter */
  etags?: string[];
}

/** One part of the upload: copied inside the server, or read and sent again because it is too small to be copied. */
export type TComposeStep = { copy: IPiece } | { gather: IPiece[] };

/** Bytes of one copy: none takes minutes, and several run at once. */
const COPY = 512 * 1024 ** 2;

/**
 * Plans how objects of these sizes become the parts of one upload: every part but the last has at least MIN_PART bytes.
 * Small objects are gathered, and filled up with bytes of the next object.
 */
export const planCompose = (sizes: number[]): TComposeStep[] => {
  const steps: TComposeStep[] = [];
  let gathered: IPiece[] = [];
  let missing = MIN_PART;
  const last = sizes.findLastIndex((size) => size > 0);
  for (const [source, size] of sizes.entries()) {
    let start = 0;
    while (start < size) {
      const rest = size - start;
      if (gathered.length === 0 && (rest >= MIN_PART || source === last)) {
        const count = Math.ceil(rest / COPY);
        for (let index = 0; index < count; index++) {
          const from = start + Math.floor((rest * index) / count);
          steps.push({ copy: { source, start: from, end: start + Math.floor((rest * (index + 1)) / count) } });
        }
        break;
      }
      const end = start + Math.min(rest, missing);
      gathered.push({ source, start, end });
      missing -= end - start;
      start = end;
      if (missing === 0) {
        steps.push({ gather: gathered });
        gathered = [];
        missing = MIN_PART;
      }
    }
  }
  if (gathered.length > 0) steps.push({ gather: gathered });
  return steps;
};

/** The sizes of the parts, by 16 HEADs at a time to hide their latency. */
const measure = async (session: IS3Session, names: string[], signal?: AbortSignal): Promise<number[]> => {
  const sizes: number[] = [];
  for (let from = 0; from < names.length; from += 16) {
    const batch = names.slice(from, from + 16);
    const found = await Promise.all(batch.map((name) => headObject(session, name, signal)));
    found.forEach((info, index) => {
      if (!info) throw partGone(batch[index] as string);
      sizes.push(info.size);
    });
  }
  return sizes;
};

const gather = async (
  session: IS3Session,
  { names, etags }: ISources,
  pieces: IPiece[],
  signal?: AbortSignal,
): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for (const piece of pieces) {
    const name = names[piece.source] as string;
    const read = await readWhole(session, name, { piece, etag: etags?.[piece.source], signal });
    if (!read) throw partGone(name);
    chunks.push(read);
  }
  return Buffer.concat(chunks);
};

/** CopyObject: one request, but servers ignore conditions on it. */
const copyWhole = async (
  session: IS3Session,
  target: ITarget,
  from: string,
  { bytes, etag }: { bytes: number; etag: string | undefined },
): Promise<{ etag: string }> => {
  const { sdk, once } = session.clients;
  const writeId = writeIdOf(target.metadata);
  const command = new sdk.CopyObjectCommand({
    ...creation(session, target, writeId),
    CopySource: copySource(session, session.settings.prefix + from),
    CopySourceIfMatch: etag === undefined ? undefined : quoted(etag),
    MetadataDirective: 'REPLACE',
  });
  const write = { ...target, writeId, replayable: true, ms: copyingTime(session, bytes) };
  try {
    return await sendWrite(session, write, async (http) => (await once.send(command, http)).CopyObjectResult ?? {});
  } catch (error) {
    // the only condition of the request is that on its source
    throw RegistryError.is(error, 'preconditionFailed') ? partGone(from) : error;
  }
};

/**
 * For servers that ignore the condition of a copy: checks after the copy, before the target is made, that the source is
 * still the object whose ETag was read.
 */
const compareAgain = async (
  session: IS3Session,
  { names, etags }: ISources,
  source: number,
  signal: AbortSignal,
): Promise<void> => {
  const name = names[source] as string;
  if ((await headObject(session, name, signal))?.etag !== etags?.[source]) throw partGone(name);
};

/** Joins objects inside the server if possible; see `IObjectStore.compose`. */
export const composeObjects = async (
  session: IS3Session,
  target: ITarget,
  names: string[],
  { sizes: known, etags }: Pick<IComposeOptions, 'sizes' | 'etags'> = {},
): Promise<{ etag: string }> => {
  const { signal, condition } = target;
  const [sizes, taken] = await Promise.all([
    known ?? measure(session, names, signal),
    condition.ifNoneMatch ? headObject(session, target.name, signal) : null,
  ]);
  if (taken) throw preconditionFailed(target.name);
  const sources: ISources = { names, etags };
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const pieces = sizes.map((end, source) => ({ source, start: 0, end })).filter(({ end }) => end > 0);
  // as cheap as a copy, and the only way that works on every server
  if (total <= MIN_PART) return putBytes(session, target, await gather(session, sources, pieces, signal));
  const [only, ...others] = pieces;
  const isCertain = session.abilities.copy || etags === undefined;
  if (only && others.length === 0 && total <= MAX_PART && !condition.ifNoneMatch && isCertain) {
    return copyWhole(session, target, names[only.source] as string, { bytes: total, etag: etags?.[only.source] });
  }
  requireCompleteConditions(session, condition);
  const steps = planCompose(sizes);
  if (steps.length > MAX_PARTS) throw new RegistryError('tooLarge', 'The storage does not take objects of this size');
  return multipart(session, target, async ({ upload, start, signal: stop }) => {
    for (const [index, step] of steps.entries()) {
      if ('gather' in step) {
        const bytes = await gather(session, sources, step.gather, stop);
        await start(upload.send(index + 1, bytes));
      } else {
        const { source, start: from, end } = step.copy;
        const whole = from === 0 && end === sizes[source];
        const key = session.settings.prefix + (names[source] as string);
        const range = whole ? undefined : { start: from, end: end - 1 };
        const copying = upload.copy(index + 1, { key, range, bytes: end - from, etag: etags?.[source] });
        await start(isCertain ? copying : copying.then(() => compareAgain(session, sources, source, stop)));
      }
    }
  });
};
