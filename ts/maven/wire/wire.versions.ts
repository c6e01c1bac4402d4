/**
 * The order of Maven's versions.
 * @see https://maven.apache.org/pom.html#version-order-specification
 */

/** A number without leading zeros, or a qualifier in lower case; all after a `.` or a `-`. */
interface IToken {
  separator: '.' | '-';
  text: string;
  isNumber: boolean;
}

/** Qualifiers that come first, in this order; all others follow in the order of their letters. */
const KNOWN = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];

/** `ga`, `final` and `release` mean that there is no qualifier. */
const ALIASES = new Map([
  ['cr', 'rc'],
  ['ga', ''],
  ['final', ''],
  ['release', ''],
]);
/** Only directly before a number. */
const SHORT = new Map([
  ['a', 'alpha'],
  ['b', 'beta'],
  ['m', 'milestone'],
]);

/** Separators and runs of digits and of other characters; two separators in a row have a 0 between them. */
const PARTS = /[.-]|\d+|[^\d.-]+/g;

const tokenOf = (separator: '.' | '-', part: string, isBeforeNumber: boolean): IToken => {
  if (/^\d/.test(part)) return { separator, text: part.replace(/^0+(?=\d)/, ''), isNumber: true };
  const text = (isBeforeNumber ? SHORT.get(part) : undefined) ?? ALIASES.get(part) ?? part;
  // a qualifier is the same behind a dot and behind a hyphen
  return { separator: '-', text, isNumber: false };
};

const tokensOf = (version: string): IToken[] => {
  const parts = version.toLowerCase().match(PARTS) ?? [];
  const tokens: IToken[] = [];
  let separator: '.' | '-' | undefined = '.';
  for (const [at, part] of parts.entries()) {
    if (part === '.' || part === '-') {
      if (separator !== undefined) tokens.push(tokenOf(separator, '0', false));
      separator = part;
      continue;
    }
    // a change between digits and letters counts as a hyphen
    tokens.push(tokenOf(separator ?? '-', part, /^\d/.test(parts[at + 1] ?? '')));
    separator = undefined;
  }
  return separator === undefined || tokens.length === 0 ? tokens : [...tokens, tokenOf(separator, '0', false)];
};

const isNull = ({ text, isNumber }: IToken): boolean => text === (isNumber ? '0' : '');

/** Without tokens that mean nothing (`0`, `ga`) at the end and before each hyphen. */
const trimmed = (tokens: readonly IToken[]): IToken[] => {
  const kept: IToken[] = [];
  for (const token of tokens) {
    if (token.separator === '-') dropNulls(kept);
    kept.push(token);
  }
  dropNulls(kept);
  return kept;
};

const dropNulls = (tokens: IToken[]): void => {
  while (tokens.length > 0 && isNull(tokens[tokens.length - 1] as IToken)) tokens.pop();
};

/** What a version without this token has in its place. */
const padFor = ({ separator, isNumber }: IToken): IToken =>
  isNumber && separator === '.'
    ? { separator, text: '0', isNumber: true }
    : { separator: '-', text: '', isNumber: false };

/** `.qualifier` = `-qualifier` < `-number` < `.number` */
const kindOf = ({ separator, isNumber }: IToken): number => (isNumber ? (separator === '.' ? 2 : 1) : 0);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const compareNumbers = (a: string, b: string): number => a.length - b.length || compareText(a, b);

const compareQualifiers = (a: string, b: string): number => {
  const [first, second] = [KNOWN.indexOf(a), KNOWN.indexOf(b)];
  if (first >= 0 && second >= 0) return first - second;
  if (first < 0 && second < 0) return compareText(a, b);
  return first < 0 ? 1 : -1;
};

const compareTokens = (a: IToken, b: IToken): number => {
  const kinds = kindOf(a) - kindOf(b);
  if (kinds !== 0) return kinds;
  return a.isNumber ? compareNumbers(a.text, b.text) : compareQualifiers(a.text, b.text);
};

/** A version that was parsed once, for many comparisons. */
export type TParsedVersion = readonly IToken[];

export const parseVersion = (version: string): TParsedVersion => trimmed(tokensOf(version));

/** Negative if `a` is the older one, 0 if they are equal: `1` and `1.0` are. */
export const compareParsed = (a: TParsedVersion, b: TParsedVersion): number => {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [one, other] = [a[at], b[at]];
    const order = compareTokens(one ?? padFor(other as IToken), other ?? padFor(one as IToken));
    if (order !== 0) return order;
  }
  return 0;
};

export const compareVersions = (a: string, b: string): number => compareParsed(parseVersion(a), parseVersion(b));

/** A version with what its order depends on. */
export interface IOrderedVersion {
  version: string;
  parsed: TParsedVersion;
}

/** In ascending order; equal versions in the order of their characters, so that all replicas have the same order. */
export const compareOrdered = (a: IOrderedVersion, b: IOrderedVersion): number =>
  compareParsed(a.parsed, b.parsed) || compareText(a.version, b.version);
