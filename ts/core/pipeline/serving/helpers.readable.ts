import type { IRight } from '../../auth/classes.rights.js';
import { decidesInBulk } from '../../auth/helpers.providers.js';
import type { IAuthToken } from '../../auth/interfaces.auth.js';
import { Slices } from '../../base/helpers.slices.js';
import type { AuthManager } from '../../classes.authmanager.js';

/** Names whose rights are looked up together: less than a millisecond. */
const BATCH = 256;
/** Names that a provider is asked about if it decides name by name: each is a call of the embedder's code. */
const MAX_QUESTIONS = 5000;

interface IReader {
  auth: AuthManager;
  token: IAuthToken | null;
}

/**
 * A filter of search results and lists: those that count and that the caller has the right to. It returns null when it has
 * asked its provider as many questions as one request may cost.
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
