import type { RegistryStorage } from '../../classes.registrystorage.js';
import type { IResponse } from '../../interfaces.core.js';
import type { IDocumentVersion, IRepeatable } from './classes.answercache.js';
import { datedSince } from './helpers.serving.js';
import type { IRepeatOptions } from './interfaces.serving.js';

/** What an answer was made from. */
interface IMadeFrom {
  document: IDocumentVersion;
  /** the key of the rendering in the `RenderCache` */
  name: string;
  /** when the content last changed */
  changedAt: Date | undefined;
}

/** ms until which an answer may be repeated: one without `Last-Modified`, because of a recent change, gets it later. */
const endOf = ({ headers }: IResponse, changedAt: Date | undefined, validUntil: number): number =>
  changedAt === undefined || headers['Last-Modified'] !== undefined
    ? validUntil
    : Math.min(validUntil, datedSince(changedAt));

/**
 * The answer for the cache of answers; undefined if it must not be repeated. Hooks for reads run each time. A part (206)
 * is not repeated, because the whole rendering is what is cached.
 */
export const repeatableOf = (
  { watchesGets }: Pick<RegistryStorage, 'watchesGets'>,
  response: IResponse,
  { document: { key, etag }, name, changedAt }: IMadeFrom,
  { repeatable, validUntil = Number.POSITIVE_INFINITY, repeated }: IRepeatOptions,
): IRepeatable | undefined => {
  if (!repeatable || watchesGets || response.status === 206) return undefined;
  const packed = response.headers['Content-Encoding'] === 'gzip';
  const until = endOf(response, changedAt, validUntil);
  return { response, document: { key, etag }, rendering: { name, packed }, validUntil: until, repeated };
};
