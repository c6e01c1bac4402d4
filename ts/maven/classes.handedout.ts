import type { IRequestContext } from '../core/interfaces.core.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { addressOf } from '../core/pipeline/helpers.http.js';
import { LRUCache } from '../plugins.js';
import { ALGORITHMS, type TAlgorithm, type TDigests } from './wire/wire.checksums.js';

/** bytes for what callers have read lately: some 10,000 documents. Callers choose their names (`User-Agent`). */
const MAX_SIZE = 10 * 1024 * 1024;
/** bytes of an entry without the name of its caller: four digests in hex */
const ENTRY_SIZE = 600;
/**
 * ms. Clients ask for the checksum right after the document. A later request is that of another build, which may ask for
 * the checksum alone to find out whether the document has changed.
 */
const MAX_AGE_MS = 60_000;

/** Returns the name of a caller of one path, for a request from a certain address. */
export type TCallerOf = (context: IRequestContext) => string;

/**
 * The digests of the `maven-metadata.xml` that each caller got last. Clients ask for the document and its checksum in two
 * requests, and a deploy in between changes both: the checksum must still be that of the document that the caller has.
 * Each digest is sent once.
 */
export class HandedOut {
  private readonly entries = new LRUCache<string, { digests: TDigests; left: Set<TAlgorithm>; since: number }>({
    maxSize: MAX_SIZE,
    sizeCalculation: (_entry, caller) => ENTRY_SIZE + 2 * caller.length,
  });

  constructor(
    private readonly now: () => Date,
    private readonly trustProxy: boolean,
  ) {}

  /**
   * Distinguishes callers by credential, address and program. The name does not hold the call, because a cached answer
   * keeps it.
   */
  public callersOf(call: RegistryCall): TCallerOf {
    const { token, path } = call;
    const who = token?.tokenId ?? token?.userId ?? '';
    const folder = path.slice(0, path.lastIndexOf('/'));
    // a cached answer is for one program, so that its other callers are noted too
    const program = call.header('user-agent') ?? '';
    const { trustProxy } = this;
    return (context) => JSON.stringify([folder, who, program, addressOf(context, trustProxy) ?? '']);
  }

  public note(caller: string, digests: TDigests): void {
    this.entries.set(caller, { digests, left: new Set(ALGORITHMS), since: this.now().getTime() });
  }

  /** The digest of what the caller has; undefined if it is not known, or was taken already. */
  public digestFor(caller: string, algorithm: TAlgorithm): string | undefined {
    const entry = this.entries.get(caller);
    if (!entry || Math.abs(this.now().getTime() - entry.since) > MAX_AGE_MS) return undefined;
    return entry.left.has(algorithm) ? entry.digests[algorithm] : undefined;
  }

  /** Notes that the caller has got this digest: the next request for it is that of another build. */
  public taken(caller: string, algorithm: TAlgorithm): void {
    this.entries.get(caller)?.left.delete(algorithm);
  }
}
