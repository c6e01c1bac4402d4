import { invalid } from '../../core/base/helpers.errors.js';

/**
 * Checksums of the Maven repository layout: beside each file lies one file for each algorithm, with the digest in hex.
 * @see https://maven.apache.org/resolver/about-checksums.html
 */
export const ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha512'] as const;

export type TAlgorithm = (typeof ALGORITHMS)[number];

/** algorithm -> hex, in lower case */
export type TDigests = Readonly<Record<TAlgorithm, string>>;

const HEX_DIGITS: Readonly<Record<TAlgorithm, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };

/** bytes; some tools write the file's name, or a whole path, behind the digest */
export const MAX_SIDECAR = 4096;

/** A checksum file: the file that it is for, and the algorithm. */
export interface ISidecar {
  file: string;
  algorithm: TAlgorithm;
}

/** The parts of a checksum file's name; null for other files. */
export const sidecarOf = (file: string): ISidecar | null => {
  const algorithm = ALGORITHMS.find((one) => file.endsWith(`.${one}`) && file.length > one.length + 1);
  return algorithm ? { file: file.slice(0, -(algorithm.length + 1)), algorithm } : null;
};

const isDigest = (text: string, algorithm: TAlgorithm): boolean =>
  text.length === HEX_DIGITS[algorithm] && /^[0-9a-f]+$/i.test(text);

/**
 * The digest in an uploaded checksum file, in lower case. Beside the bare digest there are the forms of `sha1sum`
 * (`digest  name`) and of BSD and OpenSSL (`SHA1(name)= digest`).
 */
export const parseSidecar = (text: string, algorithm: TAlgorithm): string => {
  const found = text.split(/\s+/).find((word) => isDigest(word, algorithm));
  if (found) return found.toLowerCase();
  throw invalid(`The checksum file has no ${algorithm} digest, which is ${HEX_DIGITS[algorithm]} hexadecimal digits`);
};

const headerName = (algorithm: TAlgorithm): string =>
  `X-Checksum-${algorithm.slice(0, 1).toUpperCase()}${algorithm.slice(1)}`;

/** The headers by which clients skip the requests for checksum files. */
export const checksumHeaders = (digests: TDigests): Record<string, string> =>
  Object.fromEntries(ALGORITHMS.map((algorithm) => [headerName(algorithm), digests[algorithm]]));

/** The digests that the headers of an upload announce. Throws `invalid` for a header without a digest. */
export const announcedDigests = (header: (name: string) => string | undefined): Partial<TDigests> => {
  const announced: Partial<Record<TAlgorithm, string>> = {};
  for (const algorithm of ALGORITHMS) {
    const value = header(headerName(algorithm))?.trim();
    if (!value) continue;
    if (!isDigest(value, algorithm)) {
      throw invalid(`The header ${headerName(algorithm)} is no ${algorithm} digest in hexadecimal digits`);
    }
    announced[algorithm] = value.toLowerCase();
  }
  return announced;
};

/** The algorithm of a digest that differs from that of the content; undefined if all are right. */
export const wrongDigest = (digests: TDigests, expected: Partial<TDigests>): TAlgorithm | undefined =>
  ALGORITHMS.find((algorithm) => expected[algorithm] !== undefined && expected[algorithm] !== digests[algorithm]);

/** The digests in the headers of an answer that `checksumHeaders` made. */
export const digestsIn = (headers: Readonly<Record<string, string>>): TDigests =>
  Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, headers[headerName(algorithm)] as string])) as TDigests;
