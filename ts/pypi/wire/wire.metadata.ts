import { invalid } from '../../core/base/helpers.errors.js';
import type { ICoreMetadata, IInspectedFile } from '../interfaces.pypi.js';
import { isName } from './wire.names.js';
import { isSpecifierSet, parseVersion } from './wire.versions.js';

/**
 * The name of a field: RFC 822 allows any printable character but the colon. The value is not part of the expression:
 * `:[ \t]*(.*)$` takes quadratic time for a long run of blanks before a U+2028, which `.` does not match.
 */
const FIELD = /^([!-9;-~]+):[ \t]*/;

/**
 * Fields, and lines before the description. The largest packages have some 5,000 fields. A description inside its field,
 * as older tools wrote it, has some thousand lines; a million of them would hold the event loop for seconds.
 */
const MAX_FIELDS = 20_000;
const MAX_LINES = 100_000;

const CR = 0x0d;
const LF = 0x0a;

/** The bytes with one line feed for each end of a line. With a regular expression, 4 MiB of carriage returns take a second. */
const withLineFeeds = (bytes: Uint8Array): Uint8Array => {
  if (!bytes.includes(CR)) return bytes;
  const result = new Uint8Array(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === LF && bytes[at - 1] === CR) continue;
    result[length] = byte === CR ? LF : byte;
    length += 1;
  }
  return result.subarray(0, length);
};

/** Where the lines that begin with a blank end, which continue the line that ends at `end`; a line ends at its line feed. */
const endOfFolded = (text: string, end: number, count: () => void): number => {
  let last = end;
  while (text[last + 1] === ' ' || text[last + 1] === '\t') {
    count();
    last = endOfLine(text, last + 1);
  }
  return last;
};

const endOfLine = (text: string, from: number): number => {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
};

/**
 * Continuation lines of Description begin with seven blanks and a bar (older tools) or eight blanks.
 * @see https://packaging.python.org/en/latest/specifications/core-metadata/#description
 */
const dedented = (text: string): string => text.replace(/\n(?: {7}\|| {8})/g, '\n');

const isBlank = (text: string): boolean => !/\S/.test(text);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Metadata are UTF-8; distutils of Python 2 wrote whatever the system used, and Latin-1 reads any bytes. */
const decode = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
};

/**
 * Reads METADATA or PKG-INFO as installers do, with an e-mail parser: fields up to the first empty line, a line that
 * begins with a blank continues the one before it, the first line that is no field ends them too, and the rest is the
 * description. Fields that nobody knows are kept.
 * @see https://packaging.python.org/en/latest/specifications/core-metadata/
 */
export const parseMetadata = (bytes: Uint8Array): ICoreMetadata => {
  const text = decode(withLineFeeds(bytes));
  const fields = new Map<string, string[]>();
  let fieldCount = 0;
  let lineCount = 0;
  const countLine = (): void => {
    lineCount += 1;
    if (lineCount > MAX_LINES) throw invalid(`The metadata have more than ${MAX_LINES} lines before the description`);
  };
  let at = 0;
  while (at < text.length) {
    const end = endOfLine(text, at);
    const [beginning, name] = FIELD.exec(text.slice(at, end)) ?? [];
    if (beginning === undefined || name === undefined) {
      if (end === at) at = end + 1;
      break;
    }
    countLine();
    fieldCount += 1;
    if (fieldCount > MAX_FIELDS) throw invalid(`The metadata have more than ${MAX_FIELDS} fields`);
    const last = endOfFolded(text, end, countLine);
    const value = text.slice(at + beginning.length, last);
    const known = fields.get(name.toLowerCase());
    if (known) known.push(value);
    else fields.set(name.toLowerCase(), [value]);
    at = last + 1;
  }
  const body = text.slice(at);
  if (!isBlank(body)) return { fields, description: body };
  const [described = ''] = fields.get('description') ?? [];
  return isBlank(described) ? { fields } : { fields, description: dedented(described) };
};

/** The first value of a field, by its name in lower case; what tools write for "not set" is undefined. */
export const fieldOf = ({ fields }: Pick<ICoreMetadata, 'fields'>, name: string): string | undefined => {
  const value = fields.get(name)?.[0]?.trim();
  return value === undefined || value === '' || value === 'UNKNOWN' ? undefined : value;
};

const single = (metadata: ICoreMetadata, field: string, file: string): string => {
  const values = metadata.fields.get(field.toLowerCase()) ?? [];
  if (values.length > 1) throw invalid(`${file} has the field ${field} twice`);
  const value = fieldOf(metadata, field.toLowerCase());
  if (value === undefined) throw invalid(`${file} has no field ${field}`);
  return value;
};

/**
 * Checks the fields that the index and the installers rely on.
 * @param file for messages: METADATA or PKG-INFO
 */
export const inspectMetadata = (bytes: Uint8Array, file: string): IInspectedFile => {
  const metadata = parseMetadata(bytes);
  const metadataVersion = single(metadata, 'Metadata-Version', file);
  // new minor versions add fields, which are passed through; a new major version may change the meaning of known ones
  if (!/^[12]\.\d{1,3}$/.test(metadataVersion)) throw invalid(`${file} has an unknown Metadata-Version`);
  const name = single(metadata, 'Name', file);
  if (!isName(name)) throw invalid(`The Name in ${file} is not the name of a project`);
  const version = single(metadata, 'Version', file);
  if (!parseVersion(version)) {
    throw invalid(
      `The Version in ${file} is not a version as PEP 440 defines it: ${JSON.stringify(version.slice(0, 100))}`,
    );
  }
  const requiresPython = fieldOf(metadata, 'requires-python');
  if (requiresPython !== undefined && !isSpecifierSet(requiresPython)) {
    throw invalid(`The Requires-Python in ${file} is not a set of version specifiers such as ">=3.9"`);
  }
  return { bytes, metadata, name, version, ...(requiresPython !== undefined && { requiresPython }) };
};
