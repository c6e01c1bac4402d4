import { invalid } from '../../core/base/helpers.errors.js';
import type { ICoreMetadata, IInspectedFile } from '../interfaces.pypi.js';
import { isName } from './wire.names.js';
import { isSpecifierSet, parseVersion } from './wire.versions.js';

/**
 * The name of a field: RFC 822 allows any printable character but the colon. The value is not part of the expression:
 * `:[ \t]*(.*)$` takes quadratic time for a long run of blanks before a U+2028, which `.` does not match.
 */
const FIELD = /^([!-9;-~]+):/;

/**
 * Lines before the description. A description inside its field, as older tools wrote it, has some thousand; a million of
 * them would hold the event loop for seconds.
 */
const MAX_LINES = 100_000;

/** The lines of a text with the position behind each. They are cut one by one, because most of a text is description. */
function* linesOf(text: string): Generator<{ line: string; end: number }, void, undefined> {
  const ends = /\r\n|\r|\n/g;
  let at = 0;
  for (let found = ends.exec(text); found; found = ends.exec(text)) {
    yield { line: text.slice(at, found.index), end: ends.lastIndex };
    at = ends.lastIndex;
  }
  yield { line: text.slice(at), end: text.length };
}

/**
 * Continuation lines of Description begin with seven blanks and a bar (older tools) or eight blanks.
 * @see https://packaging.python.org/en/latest/specifications/core-metadata/#description
 */
const dedented = (text: string): string => text.replace(/\n(?: {7}\|| {8})/g, '\n');

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
  const text = decode(bytes);
  const fields = new Map<string, string[]>();
  let values: string[] | undefined;
  let rest = 0;
  let count = 0;
  for (const { line, end } of linesOf(text)) {
    if (values && /^[ \t]/.test(line)) {
      values.push(`${values.pop()}\n${line}`);
    } else {
      const [, name] = FIELD.exec(line) ?? [];
      if (name === undefined) {
        if (line === '') rest = end;
        break;
      }
      const value = line.slice(name.length + 1).replace(/^[ \t]+/, '');
      const known = fields.get(name.toLowerCase());
      values = known ?? [];
      if (!known) fields.set(name.toLowerCase(), values);
      values.push(value);
    }
    rest = end;
    count += 1;
    if (count > MAX_LINES) throw invalid(`The metadata have more than ${MAX_LINES} lines before the description`);
  }
  const body = text.slice(rest).replace(/\r\n?/g, '\n');
  const [described] = fields.get('description') ?? [];
  const description = body.trim() === '' ? described && dedented(described) : body;
  return description === undefined || description.trim() === '' ? { fields } : { fields, description };
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
