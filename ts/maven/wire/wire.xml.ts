import { XMLParser } from 'fast-xml-parser';
import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { assertPlainXml, resolveReferences } from './wire.xmlscan.js';

/** An element: children by name, each a text, an element, or a list of them. Names come from outside. */
export type TElement = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  processEntities: false,
  removeNSPrefix: true,
});

const BYTE_ORDER_MARKS: [mark: readonly number[], encoding: string][] = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xfe, 0xff], 'utf-16be'],
  [[0xff, 0xfe], 'utf-16le'],
];

/** bytes; an XML declaration is shorter */
const DECLARATION = 200;

const encodingOf = (bytes: Uint8Array): string => {
  for (const [mark, encoding] of BYTE_ORDER_MARKS) {
    if (mark.every((byte, at) => bytes[at] === byte)) return encoding;
  }
  const start = Buffer.from(bytes.subarray(0, DECLARATION)).toString('latin1');
  return /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(start)?.[1] ?? 'utf-8';
};

const decode = (bytes: Uint8Array, noun: string): string => {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(`${noun} is not text in the encoding ${encoding}`, cause);
  }
};

/**
 * Parses XML whose root has this name. Throws `invalid` for what is not well-formed, has a document type or entities of
 * its own, or is nested too deeply.
 * @param noun how messages call it, e.g. `The POM`
 */
export const parseXml = (bytes: Uint8Array, root: string, noun: string): TElement => {
  const text = decode(bytes, noun);
  assertPlainXml(text, noun);
  let parsed: unknown;
  try {
    parsed = parser.parse(text);
  } catch (cause) {
    throw invalid(`${noun} is not well-formed XML`, cause);
  }
  if (!isRecord(parsed) || !Object.hasOwn(parsed, root)) throw invalid(`${noun} has no element <${root}> at its root`);
  const element = parsed[root];
  return isRecord(element) ? element : {};
};

/** characters of a text that are read; names of all kinds are shorter, and of a description only the beginning is shown */
const MAX_TEXT = 10_000;

/** The text of a child, without what is too long to be used; undefined if it is absent or empty. Throws `invalid` if there are several, or it is no text. */
export const textOf = (element: TElement, name: string, noun: string): string | undefined => {
  const value = Object.hasOwn(element, name) ? element[name] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(`${noun} has an element <${name}> that is not one text`);
  return resolveReferences(value.trimStart().slice(0, MAX_TEXT)).trim() || undefined;
};

/** A child with children; undefined if it is absent or has none. Throws `invalid` if there are several. */
export const childOf = (element: TElement, name: string, noun: string): TElement | undefined => {
  const value = Object.hasOwn(element, name) ? element[name] : undefined;
  if (Array.isArray(value)) throw invalid(`${noun} has more than one element <${name}>`);
  return isRecord(value) ? value : undefined;
};

/** All children of this name that have children. */
export const childrenOf = (element: TElement, name: string): TElement[] => {
  const value = Object.hasOwn(element, name) ? element[name] : undefined;
  return (Array.isArray(value) ? value : [value]).filter(isRecord);
};

const ESCAPES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

/** Text for an element of an XML document. */
export const escapeXml = (text: string): string => text.replace(/[<>&"]/g, (mark) => ESCAPES[mark] as string);
