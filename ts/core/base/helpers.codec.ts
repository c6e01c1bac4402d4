/** How a document's bytes and its value become each other. Codecs are compared by identity: use one object per kind. */
export interface ICodec<T> {
  parse(bytes: Uint8Array): T;
  serialize(value: T): Uint8Array | string;
  contentType: string;
  /**
   * What is parsed is exactly what was serialised, so a value that was written need not be parsed to be read again; and
   * its type allows no change, so that it need not be frozen.
   */
  keepsValues?: boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Documents as JSON; the default. */
export const jsonCodec: ICodec<unknown> = {
  contentType: 'application/json',
  parse: (bytes) => JSON.parse(utf8.decode(bytes)),
  serialize: (value) => JSON.stringify(value),
};

export const encode = (serialized: Uint8Array | string): Uint8Array =>
  typeof serialized === 'string' ? Buffer.from(serialized) : serialized;

/**
 * Freezes plain data all the way down. A part that is frozen already is taken to be frozen throughout, so freezing a
 * document that shares most of its parts with the one before costs only what is new. Bytes cannot be frozen, and the
 * content of Maps and Sets is left alone.
 */
export const deepFreeze = <T>(value: T): T => {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const part = left.pop();
    if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part) || Object.isFrozen(part)) continue;
    Object.freeze(part);
    for (const inner of Object.values(part)) if (typeof inner === 'object') left.push(inner);
  }
  return value;
};
