/**
 * Versions as PEP 440 defines them. The kept library for this (`@renovatebot/pep440`) needs Node 22 since its release
 * 5.0, and the whole rule is one expression and one order.
 * @see https://packaging.python.org/en/latest/specifications/version-specifiers/
 */

/** A number: digits without leading zeros, because calendar versions may exceed what a JavaScript number holds. */
type TDigits = string;

/** A version in parts. */
export interface IVersion {
  epoch: TDigits;
  /** without trailing zeros: 1.0 and 1.0.0 are equal */
  release: TDigits[];
  /** how many trailing zeros there are */
  zeros: number;
  /** a, b or rc, with its number */
  pre?: readonly ['a' | 'b' | 'rc', TDigits];
  post?: TDigits;
  dev?: TDigits;
  local: string[];
}

/** characters; the file name of a distribution holds the version, and file systems end at 255 */
const MAX_LENGTH = 200;

const PATTERN =
  /^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|beta|preview|pre|a|b|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$/i;

const PHASES: ReadonlyMap<string, 'a' | 'b' | 'rc'> = new Map([
  ['alpha', 'a'],
  ['a', 'a'],
  ['beta', 'b'],
  ['b', 'b'],
  ['c', 'rc'],
  ['rc', 'rc'],
  ['pre', 'rc'],
  ['preview', 'rc'],
]);

const digits = (text: string | undefined): TDigits => (text ?? '').replace(/^0+(?=\d)/, '') || '0';

const withoutTrailingZeros = (release: TDigits[]): TDigits[] => {
  let end = release.length;
  while (end > 1 && release[end - 1] === '0') end--;
  return release.slice(0, end);
};

/** The parts of a version; null if PEP 440 does not allow it. */
export const parseVersion = (text: string): IVersion | null => {
  if (text.length > MAX_LENGTH) return null;
  const found = PATTERN.exec(text);
  if (!found) return null;
  const [, epoch, release, phase, preNumber, implicitPost, post, postNumber, dev, devNumber, local] = found;
  const numbers = (release as string).split('.').map(digits);
  const significant = withoutTrailingZeros(numbers);
  const kind = phase === undefined ? undefined : PHASES.get(phase.toLowerCase());
  const after = implicitPost ?? (post === undefined ? undefined : (postNumber ?? ''));
  return {
    epoch: digits(epoch),
    release: significant,
    zeros: numbers.length - significant.length,
    ...(kind && { pre: [kind, digits(preNumber)] as const }),
    ...(after !== undefined && { post: digits(after) }),
    ...(dev !== undefined && { dev: digits(devNumber) }),
    local:
      local
        ?.toLowerCase()
        .split(/[-_.]/)
        .map((part) => (/^\d+$/.test(part) ? digits(part) : part)) ?? [],
  };
};

const textOf = ({ epoch, release, zeros, pre, post, dev, local }: IVersion): string => {
  let text = epoch === '0' ? '' : `${epoch}!`;
  text += release.join('.') + '.0'.repeat(zeros);
  if (pre) text += pre.join('');
  if (post !== undefined) text += `.post${post}`;
  if (dev !== undefined) text += `.dev${dev}`;
  return local.length > 0 ? `${text}+${local.join('.')}` : text;
};

/** A text that is the same for equal versions (`1.0`, `v1`, `1.0.0`), and for no others; null for no version. */
export const canonicalVersion = (text: string): string | null => {
  const version = parseVersion(text);
  return version && textOf({ ...version, zeros: 0 });
};

/**
 * The version as PEP 440 normalises it, which indexes should list: `1.0-Beta` is `1.0b0`, and `1.0.0` keeps its zeros.
 * What is no version is returned unchanged.
 */
export const normalVersion = (text: string): string => {
  const version = parseVersion(text);
  return version ? textOf(version) : text;
};

/** Whether resolvers pass over the version unless they are told otherwise: a pre-release or a development release. */
export const isPrerelease = (text: string): boolean => {
  const version = parseVersion(text);
  return version?.pre !== undefined || version?.dev !== undefined;
};

const compareDigits = (one: TDigits, other: TDigits): number => {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
};

const compareLists = (one: string[], other: string[], compare: (one: string, other: string) => number): number => {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const difference = compare(one[at] as string, other[at] as string);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
};

/** In a local version, numbers are higher than words. */
const compareLocal = (one: string, other: string): number => {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (isNumber && isOtherNumber) return compareDigits(one, other);
  if (isNumber !== isOtherNumber) return isNumber ? 1 : -1;
  return one < other ? -1 : one > other ? 1 : 0;
};

/** 1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0 (and 1.0.post1): a dev release without a phase is before all phases. */
const phaseRank = ({ pre, post, dev }: IVersion): number => {
  if (pre) return ['a', 'b', 'rc'].indexOf(pre[0]) + 1;
  return post === undefined && dev !== undefined ? 0 : 4;
};

const comparePresence = (one: string | undefined, other: string | undefined, absentIsLower: boolean): number => {
  if (one !== undefined && other !== undefined) return compareDigits(one, other);
  if (one === other) return 0;
  return (one === undefined) === absentIsLower ? -1 : 1;
};

const compareParsed = (one: IVersion, other: IVersion): number =>
  compareDigits(one.epoch, other.epoch) ||
  compareLists(one.release, other.release, compareDigits) ||
  phaseRank(one) - phaseRank(other) ||
  compareDigits(one.pre?.[1] ?? '0', other.pre?.[1] ?? '0') ||
  comparePresence(one.post, other.post, true) ||
  comparePresence(one.dev, other.dev, false) ||
  compareLists(one.local, other.local, compareLocal);

/**
 * The items in the order that installers use, the lowest version first; what is no version comes before all. Each
 * version is parsed once, because a project may have thousands of files.
 */
export const sortedByVersion = <T>(items: Iterable<T>, versionOf: (item: T) => string): T[] =>
  [...items]
    .map((item) => ({ item, version: parseVersion(versionOf(item)) }))
    .sort(({ version: one }, { version: other }) => {
      if (!one || !other) return one ? 1 : other ? -1 : 0;
      return compareParsed(one, other);
    })
    .map(({ item }) => item);

const CLAUSE = /^(~=|===|==|!=|<=|>=|<|>)\s*(\S+)$/;

/**
 * Whether this is a set of version specifiers, as in Requires-Python. Older tools wrote `>=3.6.*` and a comma at the
 * end, which installers still read, so both are accepted.
 */
export const isSpecifierSet = (text: string): boolean =>
  text.length <= 1000 &&
  text.split(',').every((part) => {
    const clause = part.trim();
    if (clause === '') return true;
    const [, operator, version] = CLAUSE.exec(clause) ?? [];
    if (operator === undefined || version === undefined) return false;
    return operator === '===' ? /^[\w.!+*-]+$/.test(version) : parseVersion(version.replace(/\.\*$/, '')) !== null;
  });
