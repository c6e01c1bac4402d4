import { RegistryError } from '../classes.registryerror.js';

/** Which version of a document is written: `revision` grows with every write of its key, `id` is the UUID of the write. */
export interface IDocumentStamp {
  revision: number;
  id: string;
}

/** How a document's bytes and its value become each other. Codecs are compared by identity: use one object per kind. */
export interface ICodec<T> {
  /** The value that these bytes hold. @throws RegistryError for bytes that hold none */
  parse(bytes: Uint8Array): T;
  /**
   * ETags on S3 are hashes of the content, so a conditional write that arrives late would take equal bytes of a later
   * version for the version that it was meant for. A codec whose values can return to an earlier state therefore writes
   * `stamp.revision` into its text.
   */
  serialize(value: T, stamp?: IDocumentStamp): Uint8Array | string;
  contentType: string;
  /**
   * What is parsed is exactly what was serialised, so a value that was written need not be parsed to be read again; and
   * its type allows no change, so that it need not be frozen.
   */
  keepsValues?: boolean;
  /**
   * Freezes a value that is about to be written. True: what is written would be parsed to the same value, so that it need
   * not be parsed to be read again. Default: `deepFreeze`, and the value is parsed again.
   */
  freeze?(value: T): boolean;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The member that `jsonCodec` adds at the end of an object. */
const REVISION_MEMBER = '$revision';

/** Members from which on an object is written member by member: a package with fewer versions is written in 1 ms. */
const MANY = 256;
/** Objects within objects that are looked at for many members. */
const DEPTH = 2;

/** The texts of frozen members of large objects: the next version of a document has nearly all of them, too. */
const texts = new WeakMap<object, string>();

const memberText = (member: unknown, depth: number): string | undefined => {
  if (typeof member !== 'object' || member === null || !Object.isFrozen(member)) return writeJson(member, depth);
  const known = texts.get(member);
  if (known !== undefined) return known;
  const text = writeJson(member, depth);
  if (text !== undefined) texts.set(member, text);
  return text;
};

/** What `JSON.stringify` makes of a value (undefined if it has no form); of large objects it writes only what is new. */
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

/** Whether JSON has a form for a value that is not an object, and the form is parsed to the same value. */
const isJsonScalar = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  value === null ||
  (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0));

/** Whether JSON keeps an object with these members as it is, apart from what the members hold. */
const isJsonContainer = (part: object, members: readonly unknown[]): boolean => {
  const prototype: unknown = Object.getPrototypeOf(part);
  if (Array.isArray(part)) return prototype === Array.prototype && members.length === part.length;
  return prototype === Object.prototype && Object.getOwnPropertySymbols(part).length === 0;
};

/**
 * As `deepFreeze`; returns whether the value is exactly what JSON makes of it. A part that is frozen already is taken to
 * be of an earlier version of the document, which has been looked at.
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
 * the value. Other values (arrays, strings, numbers) have no place for one: two versions with the same value have the
 * same bytes, so keep an object if a value can return.
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

/** Freezes a value that is about to be written; whether it need not be parsed to be read again. */
export const freezeFor = <T>(codec: ICodec<T>, value: T): boolean => {
  if (codec.keepsValues) return true;
  if (codec.freeze) return codec.freeze(value);
  deepFreeze(value);
  return false;
};
