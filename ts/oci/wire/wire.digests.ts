import { RegistryError } from '../../core/classes.registryerror.js';

/** image-spec, "Digests": the two registered algorithms. */
export type TDigestAlgorithm = 'sha256' | 'sha512';

export interface IDigest {
  algorithm: TDigestAlgorithm;
  hex: string;
  /** `<algorithm>:<hex>` */
  text: string;
}

const LENGTH: Record<TDigestAlgorithm, number> = { sha256: 64, sha512: 128 };
const DIGEST = /^(sha256|sha512):([0-9a-f]+)$/;

/** A reference with a colon is meant as a digest: tags have none. */
export const looksLikeDigest = (text: string): boolean => text.includes(':');

export const readDigest = (text: unknown): IDigest | null => {
  const match = typeof text === 'string' ? DIGEST.exec(text) : null;
  if (!match) return null;
  const [whole, algorithm, hex] = match as unknown as [string, TDigestAlgorithm, string];
  return hex.length === LENGTH[algorithm] ? { algorithm, hex, text: whole } : null;
};

export const assertDigest = (text: unknown): IDigest => {
  const digest = readDigest(text);
  if (digest) return digest;
  const message = 'A digest is sha256: with 64, or sha512: with 128 lower case hex digits';
  throw new RegistryError('invalid', message, { wireCode: 'DIGEST_INVALID' });
};

/** distribution-spec, "Pushing a blob in chunks": the `digest-algorithm` parameter. */
export const assertAlgorithm = (text: string): TDigestAlgorithm => {
  if (Object.hasOwn(LENGTH, text)) return text as TDigestAlgorithm;
  throw new RegistryError('invalid', 'Digest algorithms are sha256 and sha512', { wireCode: 'DIGEST_INVALID' });
};

/** distribution-spec, "Referrers Tag Schema": the tag under which older clients keep the list of referrers. */
export const referrersTag = ({ algorithm, hex }: IDigest): string => `${algorithm}-${hex.slice(0, 64)}`;
