import { createHash, type KeyObject, sign } from 'node:crypto';
import type { INpmManifest, INpmSignature } from '../interfaces.npm.js';

/**
 * Registry signatures: the registry's own statement that it has published a version with these bytes, which
 * `npm audit signatures` and corepack verify.
 * @see npm's documentation, "About registry signatures"
 */

/** The data that clients need to verify signatures; an element of the list at `/-/npm/v1/keys`. */
export interface IPublicKey {
  expires: string | null;
  keyid: string;
  keytype: string;
  scheme: string;
  /** base64 of the DER form (SPKI) */
  key: string;
}

const ALGORITHM = 'ecdsa-sha2-nistp256';

/** The key's name in OpenSSH's form: SHA-256 in base64 without padding. */
export const keyIdOf = (spki: Buffer): string =>
  `SHA256:${createHash('sha256').update(spki).digest('base64').replace(/=+$/, '')}`;

export const publicKeyOf = (spki: Buffer): IPublicKey => ({
  expires: null,
  keyid: keyIdOf(spki),
  keytype: ALGORITHM,
  scheme: ALGORITHM,
  key: spki.toString('base64'),
});

/** Clients build this text from the served manifest, so it has the integrity exactly as it is served. */
export const signedText = ({ name, version, dist }: INpmManifest): string => `${name}@${version}:${dist.integrity}`;

export const signManifest = (manifest: INpmManifest, keyid: string, key: KeyObject): INpmSignature => ({
  keyid,
  sig: sign('sha256', Buffer.from(signedText(manifest)), key).toString('base64'),
});
