import { RegistryError } from '../../core/classes.registryerror.js';

/** Decodes standard base64 in pieces of any length. Throws `invalid` for any other character. */
export async function* decodeBase64(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Uint8Array> {
  let rest = '';
  for await (const piece of pieces) {
    const text = rest + piece;
    const whole = text.length - (text.length % 4);
    // the last group is held back: only the group at the end may be padded or short
    const cut = whole === text.length ? Math.max(0, whole - 4) : whole;
    rest = text.slice(cut);
    if (cut > 0) yield decodeGroups(text.slice(0, cut), (cut / 4) * 3);
  }
  // padding may be absent, but not incomplete
  if (rest.includes('=') && rest.length !== 4) throw notBase64();
  const tail = rest.replace(/={1,2}$/, '');
  if (tail !== '') yield decodeGroups(tail, Math.floor((tail.length * 3) / 4));
}

const notBase64 = (): RegistryError => new RegistryError('invalid', 'An attachment is not valid base64');

/** Buffer.from skips foreign characters, so they change the length. */
const decodeGroups = (text: string, expected: number): Buffer => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== expected || text.length % 4 === 1) throw notBase64();
  return bytes;
};

/** `\/` and `\uXXXX` are escapes that a JSON writer may use for base64 characters (RFC 8259 section 7). */
const ESCAPE = /\\(?:\/|u00([0-9a-fA-F]{2}))/g;
const CUT_ESCAPE = /\\(?:u[0-9a-fA-F]{0,3})?$/;

const undoEscapes = (text: string): string =>
  text.replace(ESCAPE, (_, hex?: string) => (hex === undefined ? '/' : String.fromCharCode(Number.parseInt(hex, 16))));

/**
 * The raw bytes of a JSON string as text, with those escapes decoded that base64 can contain. Others stay, and their
 * backslash is invalid base64.
 */
export async function* unescapeBase64(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<string> {
  let cut = '';
  for await (const piece of pieces) {
    const text = cut + piece.toString('latin1');
    cut = CUT_ESCAPE.exec(text.slice(-5))?.[0] ?? '';
    const whole = text.slice(0, text.length - cut.length);
    yield whole.includes('\\') ? undoEscapes(whole) : whole;
  }
  if (cut !== '') throw notBase64();
}

/** Encodes bytes in pieces of any length. */
export async function* encodeBase64(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of content) {
    const bytes = Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % 3);
    rest = bytes.subarray(whole);
    if (whole > 0) yield Buffer.from(bytes.toString('base64', 0, whole));
  }
  if (rest.length > 0) yield Buffer.from(rest.toString('base64'));
}
