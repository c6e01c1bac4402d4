import { RegistryError } from '../classes.registryerror.js';

/** `:` ends the name in Basic credentials, `/` ends a URL segment; line breaks and half characters help nobody. */
const FORBIDDEN = /[/:\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;
const MAX_BYTES = 200;

/** The one spelling of a name under which an account is kept (case is kept), or `null` where no account can have it. */
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

/** A name as one segment of a storage key: only letters, digits, `_` and `-` stand for themselves, so no `..` comes out. */
export const encodeUserName = (name: string): string =>
  [...Buffer.from(name)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
