import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { TRegistryProtocol } from '../interfaces.core.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PREFIXED = /^srt_[a-z0-9-]+_[0-9A-Za-z]{43}$/;

/** 32 random bytes as 43 characters that are safe in URLs and headers and are selected by a double click. */
const randomBase62 = (): string => {
  let number = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let text = '';
  for (let index = 0; index < 43; index++) {
    text = BASE62[Number(number % 62n)] + text;
    number /= 62n;
  }
  return text;
};

/** A protocol's name as its secrets have it. */
const nameInSecrets = (protocol: TRegistryProtocol): string => protocol.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/**
 * A new secret: a UUID for npm, for the others `srt_{protocol}_{43 characters}`, which secret scanners can recognise.
 */
export const newTokenSecret = (protocol: TRegistryProtocol): string => {
  if (protocol === 'npm') return randomUUID();
  return `srt_${nameInSecrets(protocol)}_${randomBase62()}`;
};

/** Whether the text has the form of a secret of `newTokenSecret`; if not, no look-up is needed. */
export const looksLikeOpaqueToken = (text: string): boolean => UUID.test(text) || PREFIXED.test(text);

/** The protocol that such a secret names, if it is another one; secrets of npm name none. */
export const otherProtocolIn = (secret: string, protocol: TRegistryProtocol): string | undefined => {
  if (!PREFIXED.test(secret)) return undefined;
  const named = secret.slice('srt_'.length, secret.lastIndexOf('_'));
  return named === nameInSecrets(protocol) ? undefined : named;
};

/** sha256, hex. The secrets have 122 random bits and more, so a plain hash cannot be searched. */
export const hashToken = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Whether this is the id of a token, as listings show it, and not its secret. */
export const isTokenId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** The first characters of a secret, by which its owner recognises it. */
export const tokenHint = (secret: string): string => {
  const prefix = secret.lastIndexOf('_') + 1;
  return secret.slice(0, prefix === 0 ? 6 : prefix + 4);
};
