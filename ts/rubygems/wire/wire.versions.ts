/**
 * Versions as `Gem::Version` reads and orders them.
 * @see the guides of RubyGems, "Patterns"
 */
const VERSION = /^[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

/** characters; the longest versions in public use have some 50 */
const MAX_VERSION = 128;

const isOfForm = (text: string): boolean => text.length <= MAX_VERSION && VERSION.test(text);

/**
 * Whether RubyGems accepts this text as a version, and also what it makes of it: `1--a` passes its first check, but it is
 * kept as `1.pre..pre.a`, which no client reads.
 */
export const isVersion = (text: string): boolean => isOfForm(text) && isOfForm(normalizeVersion(text));

/** The version as `Gem::Version` keeps it: a dash begins a prerelease (`1.0.0-rc.1` is `1.0.0.pre.rc.1`). */
export const normalizeVersion = (text: string): string => text.replaceAll('-', '.pre.');

/** Whether the version is a prerelease: one with a letter. */
export const isPrerelease = (version: string): boolean => /[A-Za-z]/.test(version);

type TSegment = number | bigint | string;

/** digits that a double holds exactly */
const MAX_DIGITS = 15;

const segmentOf = (text: string): TSegment => {
  if (/^[A-Za-z]/.test(text)) return text;
  return text.length > MAX_DIGITS ? BigInt(text) : Number(text);
};

const withoutZeros = (segments: TSegment[]): TSegment[] => {
  let end = segments.length;
  while (end > 0 && typeof segments[end - 1] !== 'string' && Number(segments[end - 1]) === 0) end--;
  return segments.slice(0, end);
};

/** The segments, without the zeros at the end of the numbers before the first letters, and at the end of all. */
const canonicalSegments = (version: string): TSegment[] => {
  const segments = (version.match(/[0-9]+|[A-Za-z]+/g) ?? []).map(segmentOf);
  const firstText = segments.findIndex((segment) => typeof segment === 'string');
  if (firstText === -1) return withoutZeros(segments);
  return [...withoutZeros(segments.slice(0, firstText)), ...withoutZeros(segments.slice(firstText))];
};

const compareSegments = (a: TSegment, b: TSegment): number => {
  if (typeof a === 'string' && typeof b !== 'string') return -1;
  if (typeof a !== 'string' && typeof b === 'string') return 1;
  return a < b ? -1 : a > b ? 1 : 0;
};

/** Negative if `a` is the older version, 0 if both are the same one (`1.0` and `1.0.0`). */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [canonicalSegments(a), canonicalSegments(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = compareSegments(left[at] ?? 0, right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
};
