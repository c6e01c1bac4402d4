import type { IRight } from '../../auth/classes.rights.js';
import { decidesInBulk } from '../../auth/helpers.providers.js';
import type { IAuthToken } from '../../auth/interfaces.auth.js';
import { Slices } from '../../base/helpers.slices.js';
import type { AuthManager } from '../../classes.authmanager.js';

/** Names whose rights are checked together: less than a millisecond. */
const BATCH = 256;
/**
 * Maximum number of names in one request if the provider decides name by name: each is a call of the embedder's code.
 */
const MAX_QUESTIONS = 5000;

/** The caller whose right to read is asked about: a `RegistryCall` is one. */
export interface IReader {
  auth: AuthManager;
  token: IAuthToken | null;
}

/**
 * A filter for search results and lists: returns the items that count and that the caller may see. Returns null when it
 * has called the provider as often as one request may.
 */
export const readableFilter = <T extends { name: string }>(
  { auth, token }: IReader,
  right: IRight,
  counts: (item: T) => boolean = () => true,
): ((items: readonly T[]) => Promise<readonly T[] | null>) => {
  const slices = new Slices();
  let questions = decidesInBulk(auth.provider) ? Number.POSITIVE_INFINITY : MAX_QUESTIONS;
  return async (items) => {
    if (questions <= 0) return null;
    const kept: T[] = [];
    let batch: T[] = [];
    const flush = async (): Promise<void> => {
      const allowed = new Set(
        await auth.allowedNames(
          token,
          right,
          batch.map(({ name }) => name),
        ),
      );
      kept.push(...batch.filter(({ name }) => allowed.has(name)));
      questions -= batch.length;
      batch = [];
    };
    for (const item of items) {
      if (slices.due) await slices.rest();
      if (!counts(item)) continue;
      batch.push(item);
      if (batch.length < Math.min(BATCH, questions)) continue;
      await flush();
      if (questions <= 0) return kept;
    }
    await flush();
    return kept;
  };
};
