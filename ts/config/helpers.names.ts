import { closestMatch } from 'leven';

/**
 * A name with more changes than this, or than half of the word, counts as another word. Two swapped letters count as
 * two changes.
 */
const MOST_CHANGES = 4;

/** The known name that is most similar to `name`, ignoring case; undefined if none is similar. */
export const nearestName = (name: string, known: readonly string[]): string | undefined => {
  const lower = name.toLowerCase();
  const same = known.find((other) => other.toLowerCase() === lower);
  if (same !== undefined) return same;
  return closestMatch(name, known, { maxDistance: Math.min(MOST_CHANGES, Math.ceil(name.length / 2)) });
};

/** A question to append to a problem, or an empty text. */
export const didYouMean = (name: string, known: readonly string[], question = 'did you mean'): string => {
  const near = nearestName(name, known);
  return near === undefined ? '' : `; ${question} ${near}?`;
};
