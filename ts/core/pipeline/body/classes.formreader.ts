import type { Readable } from 'node:stream';
import type { Busboy } from 'busboy';
import { fromIterable } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import { FormTally } from './classes.formfields.js';
import type { IFormDefaults, IFormFields, IFormOptions } from './interfaces.form.js';

/** bytes that the parser gets at once: at most this much of a form is parsed before its files are read */
const SLICE = 64 * 1024;
/** bytes; names of fields are words */
const MAX_NAME = 1024;

interface IFieldPart {
  name: string;
  value: string;
}

interface IFilePart {
  name: string;
  filename: string | undefined;
  contentType: string;
  /** bytes that were parsed but not read */
  chunks: Uint8Array[];
  size: number;
  /** whether the whole file was parsed */
  isWhole: boolean;
  /** its handler has ended: further bytes are dropped */
  isLeft: boolean;
}

/**
 * Reads a form with busboy, which parses all bytes that it gets at once, across the borders of parts. So the parser
 * gets a slice only on demand: from the reader of a file whose bytes are used up, or from the reader of the form that
 * has handled all parts. Parsed parts wait in `parts`, in the order of the form; the content of a file waits in the
 * file.
 */
class FormReader {
  private readonly parts: (IFieldPart | IFilePart)[] = [];
  private failure: unknown;
  private feeding: Promise<boolean> | undefined;
  private slices: Generator<Uint8Array> | undefined;
  private isAtEnd = false;
  private isClosed = false;

  constructor(
    private readonly chunks: AsyncGenerator<Uint8Array>,
    private readonly parser: Busboy,
    private readonly tally: FormTally,
    private readonly options: IFormOptions,
  ) {
    parser.on('field', (name, value, info) => {
      if (info.nameTruncated) this.fail(new RegistryError('invalid', 'The form has a field with an overlong name'));
      this.add(name, { name, value });
    });
    parser.on('file', (name, stream, info) => this.receive(name, stream, info));
    parser.on('partsLimit', () => this.fail(new RegistryError('invalid', 'The form has too many parts')));
    parser.on('error', (cause) => this.fail(malformed(cause)));
    parser.on('close', () => {
      this.isClosed = true;
    });
  }

  public async read(): Promise<IFormFields> {
    try {
      do {
        for (let part = this.parts.shift(); part; part = this.parts.shift()) await this.handle(part);
      } while (await this.feed());
      return this.tally.fields;
    } finally {
      this.parser.destroy();
      // Not awaited: the source may be waiting for its client, and the answer must not wait for that. Its errors do not
      // matter any more.
      this.chunks.return(undefined).catch(() => undefined);
    }
  }

  private async handle(part: IFieldPart | IFilePart): Promise<void> {
    if ('value' in part) {
      this.tally.addField(part.name, part.value);
      return;
    }
    this.tally.addFile(part.name);
    const { name: field, filename, contentType } = part;
    const stream = fromIterable(this.contentOf(part));
    try {
      await this.options.onFile?.({ field, filename, contentType, stream, fields: this.tally.fields });
    } finally {
      part.isLeft = true;
      part.chunks.length = 0;
    }
    while (!part.isWhole && (await this.feed()));
  }

  private async *contentOf(file: IFilePart): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (file.isLeft) throw new RegistryError('internal', 'A file of a form was read after its turn');
      const chunk = file.chunks.shift();
      if (chunk) yield chunk;
      else if (file.isWhole) return;
      else await this.feed();
    }
  }

  /** Parses one more slice; returns false at the end of the form. Callers that come meanwhile share it. */
  private feed(): Promise<boolean> {
    this.feeding ??= this.feedSlice().finally(() => {
      this.feeding = undefined;
    });
    return this.feeding;
  }

  private async feedSlice(): Promise<boolean> {
    if (this.isAtEnd) return false;
    const slice = await this.nextSlice();
    try {
      if (slice) await this.write(slice);
      else await this.end();
    } catch (cause) {
      this.fail(malformed(cause));
    }
    if (this.failure !== undefined) throw this.failure;
    return true;
  }

  private async nextSlice(): Promise<Uint8Array | undefined> {
    for (;;) {
      const next = this.slices?.next();
      if (next && !next.done) return next.value;
      const { done, value } = await this.chunks.next();
      if (done) return undefined;
      this.slices = slicesOf(value);
    }
  }

  private write(slice: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.parser.write(slice, (error) => (error ? reject(error) : resolve()));
    });
  }

  private end(): Promise<void> {
    this.isAtEnd = true;
    return new Promise((resolve) => {
      if (this.isClosed) return resolve();
      this.parser.once('close', resolve);
      this.parser.end();
    });
  }

  private receive(name: string, stream: Readable, info: { filename: string | undefined; mimeType: string }): void {
    const { filename, mimeType: contentType } = info;
    const file: IFilePart = { name, filename, contentType, chunks: [], size: 0, isWhole: false, isLeft: false };
    stream.on('data', (chunk: Uint8Array) => {
      file.size += chunk.byteLength;
      if (!file.isLeft) file.chunks.push(chunk);
      this.attempt(() => this.tally.checkFile(name, file.size));
    });
    stream.on('end', () => {
      file.isWhole = true;
    });
    stream.on('error', (cause) => this.fail(malformed(cause)));
    this.add(name, file);
  }

  private add(name: string | undefined, part: IFieldPart | IFilePart): void {
    if (typeof name !== 'string') this.fail(new RegistryError('invalid', 'A part of the form has no name'));
    else if ('value' in part && typeof part.value !== 'string') this.fail(unreadable(name));
    else this.parts.push(part);
  }

  private attempt(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Keeps only the first failure, which causes the others. */
  private fail(error: unknown): void {
    this.failure ??= error;
  }
}

function* slicesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.byteLength; at += SLICE) yield chunk.subarray(at, at + SLICE);
}

/** See `RequestBody.form`. `open` opens the body with a limit on its bytes. */
export const readForm = async (
  open: (limit: number) => AsyncGenerator<Uint8Array>,
  contentType: string | undefined,
  options: IFormOptions,
  defaults: IFormDefaults,
): Promise<IFormFields> => {
  const tally = new FormTally(options, defaults);
  const parser = await parserFor(contentType ?? options.typeIfNone, tally);
  return new FormReader(open(tally.total), parser, tally, options).read();
};

const FORM = /^\s*(multipart\/form-data|application\/x-www-form-urlencoded)\s*(;|$)/i;

const parserFor = async (contentType: string | undefined, tally: FormTally): Promise<Busboy> => {
  if (contentType === undefined || !FORM.test(contentType)) {
    throw new RegistryError('invalid', 'A form is expected: multipart/form-data or application/x-www-form-urlencoded', {
      status: 415,
    });
  }
  // loaded on demand: many processes never read a form
  const { default: busboy } = await import('busboy');
  try {
    return busboy({
      headers: { 'content-type': contentType },
      // package tools send file names in UTF-8, without encoding
      defParamCharset: 'utf8',
      limits: {
        // one more than is accepted: the parser truncates silently at its limit, and a truncated value must be refused
        fieldSize: tally.fieldSize + 1,
        fieldNameSize: MAX_NAME,
        fields: tally.parts + 1,
        parts: tally.parts + 1,
      },
    });
  } catch (cause) {
    throw new RegistryError('invalid', 'The Content-Type of the form is malformed, or names no boundary', { cause });
  }
};

const malformed = (cause: unknown): RegistryError =>
  cause instanceof RegistryError
    ? cause
    : new RegistryError('invalid', 'The form is malformed, or breaks off before its end', { cause });

const unreadable = (name: string): RegistryError =>
  new RegistryError('invalid', `The field ${JSON.stringify(name)} is in a charset that is not known`);
