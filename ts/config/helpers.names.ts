import { closestMatch } from 'leven';

/** More changes than this, or than half of the word, and it is another word. Two that are swapped count as two. */
const MOST_CHANGES = 4;

/** The known name that is most like `name`, whatever its case; undefined if none is near. */
export const nearestName = (name: string, known: readonly string[]): string | undefined => {
  const lower = name.toLowerCase();
  const same = known.find((other) => other.toLowerCase() === lower);
  if (same !== undefined) return same;
  return closestMatch(name, known, { maxDistance: Math.min(MOST_CHANGES, Math.ceil(name.length / 2)) });
};

/** A question to follow a problem, or nothing. */
export const didYouMean = (name: string, known: readonly string[], question = 'did you mean'): string => {
  const near = nearestName(name, known);
  return near === undefined ? '' : `; ${question} ${near}?`;
};
