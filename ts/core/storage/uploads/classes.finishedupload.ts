import { RegistryError } from '../../classes.registryerror.js';
import type { IObjectStore } from '../../objectstore/interfaces.objectstore.js';
import { StagedObject } from './classes.stagedobject.js';

/** The chunks of one upload, in order. */
export interface IFinishedChunks {
  keys: string[];
  /** bytes of each */
  sizes: number[];
  /** of each; if an object has another ETag by now, it counts as missing */
  etags: string[];
  /** bytes */
  size: number;
}

/** Whether the same request may succeed after this failure, i.e. the request itself was not refused. */
const isPassing = (failure: unknown): boolean => {
  if (failure === undefined) return false;
  const { status, kind } = RegistryError.from(failure);
  return status >= 500 || kind === 'timeout' || kind === 'rateLimited';
};

/** A whole upload, ready to be placed. */
export class FinishedUpload extends StagedObject {
  /** @param end ends the upload, unless the client may repeat the request and the chunks are unchanged */
  constructor(
    store: IObjectStore,
    { keys, sizes, etags, size }: IFinishedChunks,
    digests: Record<string, string>,
    private readonly end: (mayBeRepeated: boolean) => Promise<void>,
  ) {
    super(store, keys.length === 0 ? { bytes: new Uint8Array() } : { keys, sizes, etags }, size, digests);
  }

  public override discard(failure?: unknown): Promise<void> {
    return this.end(isPassing(failure));
  }
}
