import type { ICodec } from '../../classes.registrystorage.js';
import type { IRequestContext } from '../../interfaces.core.js';
import type { IStorageHookMetadata } from '../../storage/hooks/interfaces.hooks.js';
import type { IDocumentVersion } from './classes.answercache.js';
import type { IRendered } from './classes.rendering.js';

/** How a stored object is sent. */
export interface IServeObjectOptions {
  contentType?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** without quotes; default: the store's own */
  etag?: string | undefined;
  /** when the content was published; default: when its object was stored, which may have been copied since */
  lastModified?: Date | undefined;
  /** the bytes under this URL never change, so caches may keep them for a year */
  immutable?: boolean | undefined;
  /** for the get hooks: data beside the name that the route was authorised for */
  about?: IStorageHookMetadata | undefined;
  /** sha256 of the whole content in hex, sent as `Repr-Digest` (RFC 9530), for clients that check parts */
  reprDigest?: string | undefined;
}

/** How rendered bytes are sent. */
export interface IServeRenderingOptions {
  headers?: Record<string, string> | undefined;
  /** ranges are allowed (RubyGems' index grows at its end); a range is never sent encoded */
  ranges?: boolean | undefined;
  /** send `Repr-Digest` with every answer that is not compressed, or with every one if `oneEtag` is set */
  reprDigest?: boolean | undefined;
  /**
   * The compressed answer has the ETag and the `Repr-Digest` of the unpacked bytes, for clients that compare both with
   * what they have unpacked (Bundler). Against RFC 9110 section 8.8.3, so only for these.
   */
  oneEtag?: boolean | undefined;
}

/** Whether the same request may be answered without its handler. */
export interface IRepeatOptions {
  /**
   * The answer depends only on this document, the path, the caller's rights, and headers that were read with
   * `call.header`. While all of these are unchanged, the same request may be answered without the handler.
   */
  repeatable?: boolean | undefined;
  /** ms since 1970, until which a repeatable answer may be given without the handler */
  validUntil?: number | undefined;
  /** Called each time a repeatable answer is given without the handler, for protocols that record what was sent. */
  repeated?: ((context: IRequestContext) => void) | undefined;
}

/** How a stored document is rendered and sent. */
export interface IServeDocumentOptions<T> extends IServeRenderingOptions, IRepeatOptions {
  codec?: ICodec<T> | undefined;
  /** name of the representation, e.g. `abbreviated`; the public URL is always part of the key */
  variant: string;
  /**
   * Must depend only on its arguments and on immutable stored data. Returns null if the document must not be visible
   * (then the answer is null, as for an absent document).
   * @param publicUrl for links; it is replaced by the caller's own when the document is sent, so it must not be changed
   */
  render(value: T, publicUrl: string): IRendered | null | Promise<IRendered | null>;
  /** for the get hooks: data beside the name that the route was authorised for */
  about?: IStorageHookMetadata | undefined;
}

/** How content is sent that never changes under its key. */
export interface IServeImmutableOptions extends IServeObjectOptions, IRepeatOptions {
  etag: string;
  size?: number | undefined;
  listedBy?: IDocumentVersion | undefined;
  /**
   * Whether the bytes that were read are correct; if not, the object is served as absent. Called once for cached
   * content.
   */
  isIntact?(bytes: Uint8Array): boolean;
}
