/** An object of Ruby's Marshal format that JavaScript has no form for. */
export interface IRubyObject {
  /** name of its class */
  of: string;
  /** instance variables by name; of one that dumps itself, those of its bytes */
  variables?: Record<string, unknown>;
  /** what `marshal_dump` returned */
  data?: unknown;
  /** what `_dump` returned, in hex */
  bytes?: string;
}

/**
 * Reads what `Marshal.load` of Ruby reads: an independent reader of what the registry writes, for machines without Ruby.
 * Symbols become texts with a colon before them, hashes become lists of pairs, and links become the very object.
 * @see https://docs.ruby-lang.org/en/master/marshal_rdoc.html
 */
export const unmarshal = (bytes: Buffer): unknown => {
  if (bytes[0] !== 4 || bytes[1] !== 8) throw new Error('not of version 4.8');
  let at = 2;
  const symbols: string[] = [];
  const objects: unknown[] = [];

  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw new Error('it ends too early');
    return value;
  };
  const integer = (): number => {
    const first = (byte() << 24) >> 24;
    if (first === 0) return 0;
    if (first > 4) return first - 5;
    if (first < -4) return first + 5;
    let value = first < 0 ? -1 : 0;
    for (let shift = 0; shift < Math.abs(first) * 8; shift += 8) value = (value & ~(255 << shift)) | (byte() << shift);
    return value;
  };
  const raw = (): Buffer => {
    const length = integer();
    at += length;
    if (at > bytes.length) throw new Error('it ends too early');
    return bytes.subarray(at - length, at);
  };
  const symbol = (): string => {
    const tag = String.fromCharCode(byte());
    if (tag === ';') {
      const known = symbols[integer()];
      if (known === undefined) throw new Error('a link to no symbol');
      return known;
    }
    if (tag !== ':') throw new Error(`${tag} is no symbol`);
    symbols.push(raw().toString());
    return symbols[symbols.length - 1] as string;
  };
  const times = <T>(make: () => T): T[] => Array.from({ length: integer() }, make);
  const variables = (): Record<string, unknown> => Object.fromEntries(times(() => [symbol(), value()]));
  /** Room for an object whose members may be linked to before it is whole. */
  const numbered = <T>(make: () => T): T => {
    const number = objects.push(undefined) - 1;
    const made = make();
    objects[number] = made;
    return made;
  };

  const value = (): unknown => {
    const tag = String.fromCharCode(byte());
    switch (tag) {
      case '0':
        return null;
      case 'T':
        return true;
      case 'F':
        return false;
      case 'i':
        return integer();
      case ':':
      case ';':
        at--;
        return `:${symbol()}`;
      case '@': {
        const number = integer();
        if (number >= objects.length || objects[number] === undefined)
          throw new Error(`a link to no object: ${number}`);
        return objects[number];
      }
      case '[':
        return numbered(() => times(value));
      case '{':
        return numbered(() => times(() => [value(), value()]));
      case 'o':
        return numbered((): IRubyObject => ({ of: symbol(), variables: variables() }));
      case 'U':
        return numbered((): IRubyObject => ({ of: symbol(), data: value() }));
      case 'u':
        return numbered((): IRubyObject => ({ of: symbol(), bytes: raw().toString('hex') }));
      case 'I': {
        const inner = String.fromCharCode(byte());
        if (inner === '"') {
          return numbered(() => {
            const text = raw().toString();
            const { E, ...others } = variables();
            if (E !== true || Object.keys(others).length > 0) throw new Error('a text that is not in UTF-8');
            return text;
          });
        }
        if (inner !== 'u') throw new Error(`variables of ${inner}`);
        const [of, content] = [symbol(), raw().toString('hex')];
        const dumped = { of, bytes: content, variables: variables() };
        // Ruby loads such an object when it has its variables
        objects.push(dumped);
        return dumped;
      }
      default:
        throw new Error(`the tag ${JSON.stringify(tag)} is unknown`);
    }
  };

  const read = value();
  if (at !== bytes.length) throw new Error('there is something behind the value');
  return read;
};
