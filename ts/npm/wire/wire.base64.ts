import { RegistryError } from '../../core/classes.registryerror.js';

/**
 * Decodes standard base64 that comes in pieces of any length. Throws `invalid` for anything else in it. `\/`, which
 * some JSON writers make of `/`, is understood.
 */
export async function* decodeBase64(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Uint8Array> {
  let rest = '';
  let slash = '';
  for await (const piece of pieces) {
    let text = slash + piece.toString('latin1');
    slash = text.endsWith('\\') ? '\\' : '';
    if (text.includes('\\')) text = text.slice(0, text.length - slash.length).replaceAll('\\/', '/');
    text = rest + text;
    const whole = text.length - (text.length % 4);
    // the last group is held back: only at the end may it be padded or short
    const cut = whole === text.length ? Math.max(0, whole - 4) : whole;
    rest = text.slice(cut);
    if (cut > 0) yield decodeGroups(text.slice(0, cut), (cut / 4) * 3);
  }
  // padding may be left out, but not half of it
  if (slash || (rest.includes('=') && rest.length !== 4)) throw notBase64();
  const tail = rest.replace(/={1,2}$/, '');
  if (tail !== '') yield decodeGroups(tail, Math.floor((tail.length * 3) / 4));
}

const notBase64 = (): RegistryError => new RegistryError('invalid', 'An attachment is not valid base64');

/** Buffer.from skips what is not base64, so a foreign character shows in the length. */
const decodeGroups = (text: string, expected: number): Buffer => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== expected || text.length % 4 === 1) throw notBase64();
  return bytes;
};
