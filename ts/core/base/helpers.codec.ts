import { RegistryError } from '../classes.registryerror.js';

/** Which version of a document is written: `revision` grows with every write of its key, `id` is the UUID of the write. */
export interface IDocumentStamp {
  revision: number;
  id: string;
}

/**
 * Converts a document's value into bytes and back. Codecs are compared by identity: use one object per kind of
 * document.
 */
export interface ICodec<T> {
  /** The value that these bytes hold. @throws RegistryError for bytes that hold none */
  parse(bytes: Uint8Array): T;
  /**
   * ETags on S3 are hashes of the content. If two versions have equal bytes, a conditional write that arrives late can
   * mistake the later version for the earlier one. A codec whose values can return to an earlier state therefore writes
   * `stamp.revision` into its text.
   */
  serialize(value: T, stamp?: IDocumentStamp): Uint8Array | string;
  contentType: string;
  /**
   * Values survive a round trip unchanged, so a written value need not be parsed before it is returned; and their type
   * allows no change, so they need not be frozen.
   */
  immutableValues?: boolean;
  /**
   * Freezes a value that is about to be written. Returns true if the written text would be parsed to the same value:
   * then the value is cached without parsing. Default: `deepFreeze`, and the written text is parsed.
   */
  freeze?(value: T): boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The member that `jsonCodec` adds at the end of an object. */
const REVISION_MEMBER = '$revision';

/**
 * Number of members from which an object is written member by member. A package with fewer versions is written in 1 ms.
 */
const MANY = 256;
/** Levels of nested objects that are searched for objects with many members. */
const DEPTH = 2;

/** JSON texts of frozen members of large objects. The next version of a document shares nearly all of them. */
const texts = new WeakMap<object, string>();

const memberText = (member: unknown, depth: number): string | undefined => {
  if (typeof member !== 'object' || member === null || !Object.isFrozen(member)) return writeJson(member, depth);
  const known = texts.get(member);
  if (known !== undefined) return known;
  const text = writeJson(member, depth);
  if (text !== undefined) texts.set(member, text);
  return text;
};

/**
 * The JSON text of a value, as from `JSON.stringify`; undefined if it has none. Of a large object only new members are
 * serialised.
 */
const writeJson = (value: unknown, depth = DEPTH): string | undefined => {
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain || depth < 0 || 'toJSON' in value) return JSON.stringify(value);
  const members = Object.entries(value);
  const isLarge = members.length >= MANY;
  let text = '';
  for (const [name, member] of members) {
    const written = isLarge ? memberText(member, -1) : writeJson(member, depth - 1);
    if (written !== undefined) text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${written}`;
  }
  return text === '' ? '{}' : `${text}}`;
};

const serializeJson = (value: unknown, stamp?: IDocumentStamp): string => {
  const text = writeJson(value) as string;
  if (!stamp || typeof text !== 'string' || !text.startsWith('{')) return text;
  if (Object.hasOwn(value as object, REVISION_MEMBER)) {
    throw new RegistryError('internal', `A document may not have a member ${REVISION_MEMBER}`);
  }
  const comma = text === '{}' ? '' : ',';
  return `${text.slice(0, -1)}${comma}"${REVISION_MEMBER}":${stamp.revision}}`;
};

const parseJson = (bytes: Uint8Array): unknown => {
  const value: unknown = JSON.parse(utf8.decode(bytes));
  if (typeof value === 'object' && value !== null) delete (value as Record<string, unknown>)[REVISION_MEMBER];
  return value;
};

/** Whether JSON has a form for a value that is not an object, and parsing returns the same value. */
const isJsonScalar = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  value === null ||
  (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0));

/**
 * Whether a round trip through JSON keeps an object with these members; the content of the members is not looked at.
 */
const isJsonContainer = (part: object, members: readonly unknown[]): boolean => {
  const prototype: unknown = Object.getPrototypeOf(part);
  if (Array.isArray(part)) return prototype === Array.prototype && members.length === part.length;
  return prototype === Object.prototype && Object.getOwnPropertySymbols(part).length === 0;
};

/**
 * Freezes like `deepFreeze`. Returns whether a round trip through JSON keeps the value. A part that is frozen already
 * is taken to belong to an earlier version of the document, which was checked then.
 */
const freezeJson = (value: unknown): boolean => {
  const left: unknown[] = [value];
  let isExact = true;
  while (left.length > 0) {
    const part = left.pop();
    if (typeof part !== 'object' || part === null) {
      isExact &&= isJsonScalar(part);
      continue;
    }
    if (ArrayBuffer.isView(part)) isExact = false;
    else if (!Object.isFrozen(part)) {
      Object.freeze(part);
      const members: unknown[] = Object.values(part);
      isExact &&= isJsonContainer(part, members);
      for (const member of members) left.push(member);
    }
  }
  return isExact;
};

/**
 * Documents as JSON; the default. An object carries its revision as its last member `$revision`, which is not part of
 * the value. Arrays, strings and numbers cannot carry one, so two versions with the same value have the same bytes: use
 * an object if a value can return.
 */
export const jsonCodec: ICodec<unknown> = {
  contentType: 'application/json',
  parse: parseJson,
  serialize: serializeJson,
  freeze: freezeJson,
};

export const encode = (serialized: Uint8Array | string): Uint8Array =>
  typeof serialized === 'string' ? Buffer.from(serialized) : serialized;

/**
 * Freezes plain data recursively. A part that is frozen already is taken to be frozen throughout, so if a document
 * shares most parts with the version before, only the new parts cost time. Bytes cannot be frozen, and the content of
 * Maps and Sets is not frozen.
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

/**
 * Freezes a value that is about to be written. Returns whether the value can be cached without parsing the written
 * text.
 */
export const freezeFor = <T>(codec: ICodec<T>, value: T): boolean => {
  if (codec.immutableValues) return true;
  if (codec.freeze) return codec.freeze(value);
  deepFreeze(value);
  return false;
};
