import { RegistryError } from '../../classes.registryerror.js';

/**
 * Default maximum number of values in a JSON body. The largest documents that clients send (a packument of 5,000
 * versions) have some 400,000. A million empty lists, the most expensive values, take `JSON.parse` 150 ms and 100 MB.
 */
export const MAX_JSON_VALUES = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

/**
 * Counts the values of a JSON text as it arrives: each follows a comma, or is the first of a list or an object. Invalid
 * JSON is counted approximately; the parser refuses it afterwards.
 */
export class JsonValueCounter {
  private count = 1;
  private isInString = false;
  /** the last byte of the previous chunk was a backslash that escapes the first byte of the next one */
  private isEscaped = false;

  constructor(private readonly limit: number) {}

  public get isOver(): boolean {
    return this.count > this.limit;
  }

  public add(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.byteLength) {
      at = this.isInString ? this.passString(bytes, at) : this.passValues(bytes, at);
    }
  }

  private passValues(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.byteLength; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.isInString = true;
        return at + 1;
      }
      if (byte === COMMA || byte === OPEN_LIST || byte === OPEN_OBJECT) this.count += 1;
    }
    return bytes.byteLength;
  }

  /** Finds the end of a string with the runtime's own search: most bytes of a publish are one long string. */
  private passString(bytes: Uint8Array, from: number): number {
    let start = from;
    if (this.isEscaped) {
      this.isEscaped = false;
      start += 1;
    }
    for (let quote = bytes.indexOf(QUOTE, start); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
      if (endsEscaped(bytes, start, quote)) continue;
      this.isInString = false;
      return quote + 1;
    }
    this.isEscaped = endsEscaped(bytes, start, bytes.byteLength);
    return bytes.byteLength;
  }
}

/** Whether the byte at `end` is escaped, i.e. has an odd number of backslashes before it. */
const endsEscaped = (bytes: Uint8Array, start: number, end: number): boolean => {
  let at = end;
  while (at > start && bytes[at - 1] === BACKSLASH) at--;
  return (end - at) % 2 === 1;
};

/** Yields the same chunks. Throws `tooLarge` as soon as they have more than `limit` JSON values. */
export async function* countingValues(
  chunks: AsyncGenerator<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const counter = new JsonValueCounter(limit);
  for await (const chunk of chunks) {
    counter.add(chunk);
    if (counter.isOver) {
      throw new RegistryError('tooLarge', `The request body holds more than the ${limit} values that are accepted`);
    }
    yield chunk;
  }
}
