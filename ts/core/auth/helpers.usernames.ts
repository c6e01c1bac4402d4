import { RegistryError } from '../classes.registryerror.js';

/** `:` ends the name in Basic credentials, `/` ends a URL segment; line breaks and lone surrogates are useless. */
const FORBIDDEN = /[/:\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const MAX_BYTES = 200;

/** The normalised name under which an account is stored (case is kept), or `null` if no account can have this name. */
export const toUserName = (text: unknown): string | null => {
  if (typeof text !== 'string' || text === '' || text !== text.trim() || FORBIDDEN.test(text)) return null;
  const name = text.normalize('NFC');
  return Buffer.byteLength(name) <= MAX_BYTES ? name : null;
};

/** @throws RegistryError `invalid` */
export const requireUserName = (text: unknown): string => {
  const name = toUserName(text);
  if (name !== null) return name;
  const rule = `1 to ${MAX_BYTES} bytes, without "/", ":", control characters, or spaces at its ends`;
  throw new RegistryError('invalid', `This user name cannot be used: a name has ${rule}`);
};

/**
 * A name as one segment of a storage key: all but letters, digits, `_` and `-` is encoded, so the result is never `..`.
 */
export const encodeUserName = (name: string): string =>
  [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
