import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { fromIterable, iterate, toReadableStream } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import { FormTally } from './classes.formfields.js';
import type { IFormDefaults, IFormFields, IFormOptions } from './interfaces.form.js';

/** The request object of a Node framework after a parser has read its body. */
interface IHostRequest {
  httpVersion: string;
  readableDidRead: true;
  body?: unknown;
  /** multer */
  file?: unknown;
  files?: unknown;
}

/** A file that multer has stored in memory (`buffer`) or on disk (`path`). */
interface IHostFile {
  fieldname: string;
  originalname?: string;
  mimetype?: string;
  buffer?: Uint8Array;
  path?: string;
}

interface IParsedFile {
  name: string;
  filename: string | undefined;
  contentType: string;
  open(): AsyncIterable<Uint8Array>;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/**
 * A parsed body may have any members that its sender chooses, so members prove nothing: a client that passed for the
 * host could read files of this machine. But parsed data have no symbols, and streams have.
 */
const isHostRequest = (value: unknown): value is IHostRequest =>
  isObject(value) &&
  Symbol.asyncIterator in value &&
  typeof value.httpVersion === 'string' &&
  value.readableDidRead === true;

/**
 * The body that the host's parser left on the request object, if the host passed that object; else the passed value.
 */
export const leftByHost = (handedOver: unknown): unknown =>
  isHostRequest(handedOver) && handedOver.body !== undefined ? handedOver.body : handedOver;

/**
 * Files that multer took from the request. They are beside the body, on the request object itself: the content of a
 * body comes from the client, and must never be taken for a path of this machine.
 */
export const filesOfHost = (handedOver: unknown): IParsedFile[] => {
  if (!isHostRequest(handedOver)) return [];
  const { file, files } = handedOver;
  const all = Array.isArray(files) ? files : isObject(files) ? Object.values(files).flat() : [];
  return [file, ...all].filter(isHostFile).map(fromHostFile);
};

const isHostFile = (value: unknown): value is IHostFile =>
  isObject(value) &&
  typeof value.fieldname === 'string' &&
  (value.buffer instanceof Uint8Array || typeof value.path === 'string');

const fromHostFile = ({ fieldname, originalname, mimetype, buffer, path }: IHostFile): IParsedFile => ({
  name: fieldname,
  filename: originalname === undefined ? undefined : lastSegment(originalname),
  contentType: mimetype ?? 'application/octet-stream',
  open: () => (buffer ? iterate(toReadableStream(buffer)) : createReadStream(path as string)),
});

/** clients may send a path, of Windows or POSIX */
const lastSegment = (name: string): string => basename(name.replace(/\\/g, '/'));

const fromBlob = (name: string, blob: Blob): IParsedFile => ({
  name,
  filename: 'name' in blob && typeof blob.name === 'string' ? lastSegment(blob.name) : undefined,
  contentType: blob.type || 'application/octet-stream',
  open: () => iterate(blob.stream() as ReadableStream<Uint8Array>),
});

type TContent = Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** Content that an embedder has put into a parsed form. JSON and urlencoded forms cannot hold such a value. */
const isContent = (value: unknown): value is TContent =>
  [Uint8Array, ArrayBuffer, Blob, ReadableStream].some((type) => value instanceof type);

const fromContent = (name: string, content: TContent): IParsedFile =>
  content instanceof Blob
    ? fromBlob(name, content)
    : {
        name,
        filename: undefined,
        contentType: 'application/octet-stream',
        open: () => iterate(toReadableStream(content)),
      };

/** Levels of objects in a parsed form; parsers of frameworks stop at five. */
const MAX_DEPTH = 8;

/**
 * Fields of an object. Lists are repeated fields; an object (Express' extended parser makes one from `a[b]=c`) gets
 * back the names that the client sent.
 */
function* fieldsOf(name: string, value: unknown, depth = 0): Generator<[name: string, value: string]> {
  if (value === undefined || value === null) return;
  if (depth > MAX_DEPTH) throw new RegistryError('invalid', 'The form is nested too deep');
  if (Array.isArray(value)) for (const item of value) yield* fieldsOf(name, item, depth + 1);
  else if (!isObject(value)) yield [name, String(value)];
  else {
    for (const [key, item] of Object.entries(value))
      yield* fieldsOf(depth === 0 ? key : `${name}[${key}]`, item, depth + 1);
  }
}

/**
 * See `RequestBody.form`: a form that the host has already parsed. All its fields count as before its files. A member
 * that is bytes, a Blob or a web stream is a file without a name.
 */
export const readParsedForm = async (
  parsed: object,
  files: IParsedFile[],
  options: IFormOptions,
  defaults: IFormDefaults,
): Promise<IFormFields> => {
  const tally = new FormTally(options, defaults);
  const found = [...files];
  if (parsed instanceof FormData) {
    for (const [name, value] of parsed.entries() as Iterable<[string, string | Blob]>) {
      if (typeof value === 'string') tally.addField(name, value);
      else found.push(fromBlob(name, value));
    }
  } else {
    const members = Object.entries(parsed);
    for (const [name, value] of members) if (isContent(value)) found.push(fromContent(name, value));
    const others = Object.fromEntries(members.filter(([, value]) => !isContent(value)));
    for (const [name, value] of fieldsOf('', others)) tally.addField(name, value);
  }
  for (const file of found) await handOver(file, tally, options);
  return tally.fields;
};

const handOver = async (file: IParsedFile, tally: FormTally, { onFile }: IFormOptions): Promise<void> => {
  const { name: field, filename, contentType } = file;
  tally.addFile(field);
  const chunks = contentOf(file, tally);
  try {
    await onFile?.({ field, filename, contentType, stream: fromIterable(chunks), fields: tally.fields });
  } finally {
    // a stream that the handler has not read to its end may hold a file of the host open
    await chunks.return(undefined);
  }
};

async function* contentOf(file: IParsedFile, tally: FormTally): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of file.open()) {
    size += chunk.byteLength;
    tally.checkFile(file.name, size);
    yield chunk;
  }
}
