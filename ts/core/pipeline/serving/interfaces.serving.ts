import type { ICodec } from '../../classes.registrystorage.js';
import type { IStorageHookMetadata } from '../../storage/hooks/interfaces.hooks.js';
import type { IDocumentVersion } from './classes.answercache.js';
import type { IRendered } from './classes.rendering.js';

/** How a stored object is sent. */
export interface IServeObjectOptions {
  contentType?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** without quotes; default: the store's own */
  etag?: string | undefined;
  /** the bytes under this URL never change, so caches may keep them for a year */
  immutable?: boolean | undefined;
  /** for the get hooks, what is known beside the name that the route was authorised for */
  about?: IStorageHookMetadata | undefined;
  /** sha256 of the whole content in hex, sent as `Repr-Digest` (RFC 9530), for clients that check parts */
  reprDigest?: string | undefined;
}

/** How rendered bytes are sent. */
export interface IServeRenderingOptions {
  headers?: Record<string, string> | undefined;
  /** parts of it may be asked for (RubyGems' index grows at its end); a part is never sent in another encoding */
  ranges?: boolean | undefined;
  /** `Repr-Digest` of what is sent, on every answer that is not packed */
  reprDigest?: boolean | undefined;
}

/** Whether the same request may be answered without its handler. */
export interface IRepeatOptions {
  /**
   * The answer depends on nothing but this document, the path, the caller's rights, and headers that were read by
   * `call.header`. While all of these stay as they were, the same request may be answered without the handler.
   */
  repeatable?: boolean | undefined;
  /** ms since 1970; a repeatable answer is given without the handler only until then */
  validUntil?: number | undefined;
}

/** How a stored document is rendered and sent. */
export interface IServeDocumentOptions<T> extends IServeRenderingOptions, IRepeatOptions {
  codec?: ICodec<T> | undefined;
  /** names the representation, e.g. `abbreviated`; the public URL is always part of the name */
  variant: string;
  /**
   * Depends on nothing but its arguments, and on what is stored for good; null = this document is not to be seen (then
   * the answer is null, as for an absent one).
   * @param publicUrl for links; the caller's own is put in for it when the document is sent, so it has to stay as it is
   */
  render(value: T, publicUrl: string): IRendered | null | Promise<IRendered | null>;
  /** for the get hooks, what is known beside the name that the route was authorised for */
  about?: IStorageHookMetadata | undefined;
}

/** How content is sent that never changes under its key. */
export interface IServeImmutableOptions extends IServeObjectOptions, IRepeatOptions {
  etag: string;
  size?: number | undefined;
  listedBy?: IDocumentVersion | undefined;
  /** Whether what was read is what it should be; otherwise it is served as absent. Asked once for what stays in memory. */
  isIntact?(bytes: Uint8Array): boolean;
}
