import { RegistryError } from '../core/classes.registryerror.js';

/**
 * Reads a publish document as it arrives. Its JSON holds tarballs as base64 strings at `_attachments[file].data`,
 * before or after the rest of the document, and a tarball may be larger than a JavaScript string can be. So those
 * strings are cut out of the byte stream and handed on piece by piece; what remains is small and goes to JSON.parse,
 * which alone decides whether the document is JSON.
 */
export interface IPublishReader {
  /** bytes that may remain when the tarballs are cut out */
  maxMetadataSize: number;
  /** takes one attachment's decoded bytes; what it does not read is skipped */
  onAttachment(file: string, content: AsyncGenerator<Uint8Array>): Promise<void>;
}

const MAX_DEPTH = 100;
const MAX_KEY = 1024;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Provenance bundles travel beside the tarballs, but as plain JSON strings: they stay in the document. */
export const isTarballAttachment = (file: string): boolean => !file.endsWith('.sigstore');

const invalid = (message: string, cause?: unknown): RegistryError => new RegistryError('invalid', message, { cause });

class PublishScanner {
  private readonly source: AsyncIterator<Uint8Array>;
  private chunk: Buffer = Buffer.alloc(0);
  private position = 0;
  private kept: Uint8Array[] = [];
  private keptSize = 0;
  /** for each open container: is it an object */
  private readonly objects: boolean[] = [];
  /** the current key of the three outermost objects */
  private readonly keys: string[] = [];
  private atKey = false;

  constructor(
    source: AsyncIterable<Uint8Array>,
    private readonly options: IPublishReader,
  ) {
    this.source = source[Symbol.asyncIterator]();
  }

  public async read(): Promise<unknown> {
    try {
      while (await this.advance()) await this.scanChunk();
    } finally {
      await this.source.return?.();
    }
    return this.parse();
  }

  /** The next chunk with bytes in it; false at the end. */
  private async advance(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.source.next();
      if (done) return false;
      this.chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      this.position = 0;
      if (value.byteLength > 0) return true;
    }
  }

  private async scanChunk(): Promise<void> {
    let start = 0;
    while (this.position < this.chunk.length) {
      const byte = this.chunk[this.position++];
      switch (byte) {
        case QUOTE: {
          const wanted = this.attachmentHere();
          this.keep(start, this.position);
          if (wanted !== null) await this.divert(wanted);
          else await this.passString();
          start = this.position;
          break;
        }
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          if (this.objects.length >= MAX_DEPTH) throw invalid('The publish document is nested too deeply');
          this.objects.push(byte === OPEN_OBJECT);
          this.atKey = byte === OPEN_OBJECT;
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.objects.pop();
          this.keys.length = Math.min(this.keys.length, this.objects.length);
          this.atKey = false;
          break;
        case COMMA:
          this.atKey = this.objects.at(-1) === true;
          break;
        case COLON:
          this.atKey = false;
          break;
      }
    }
    this.keep(start, this.position);
  }

  /** The attachment whose data begins at this quote, or null. */
  private attachmentHere(): string | null {
    const { objects, keys } = this;
    if (this.atKey || objects.length !== 3 || !objects[0] || !objects[1] || !objects[2]) return null;
    if (keys[0] !== '_attachments' || keys[2] !== 'data') return null;
    return isTarballAttachment(keys[1] as string) ? (keys[1] as string) : null;
  }

  /** Passes a string after its opening quote; a key of the outer objects is remembered. */
  private async passString(): Promise<void> {
    const level = this.objects.length - 1;
    const key: Buffer[] | null = this.atKey && level < 3 ? [] : null;
    let length = 0;
    let escaped = false;
    for (;;) {
      const start = this.position;
      let ended = false;
      while (this.position < this.chunk.length) {
        const byte = this.chunk[this.position++];
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          ended = true;
          break;
        }
      }
      this.keep(start, this.position);
      if (key && length <= MAX_KEY) key.push(Buffer.from(this.chunk.subarray(start, this.position)));
      length += this.position - start;
      if (ended) break;
      if (!(await this.advance())) return; // JSON.parse will say that the document ends too early
    }
    if (key) this.keys[level] = length > MAX_KEY ? '' : decodeKey(Buffer.concat(key));
  }

  /** Hands on the string that begins here; the document keeps an empty one in its place. */
  private async divert(file: string): Promise<void> {
    const content = decodeBase64(this.stringBytes());
    await this.options.onAttachment(file, content);
    for await (const _ of content); // what the taker did not want
    this.keep(this.position - 1, this.position);
  }

  /** The raw bytes up to the closing quote. Base64 holds no quote, so no escape can hide one. */
  private async *stringBytes(): AsyncGenerator<Buffer> {
    for (;;) {
      const end = this.chunk.indexOf(QUOTE, this.position);
      const start = this.position;
      this.position = end < 0 ? this.chunk.length : end + 1;
      const piece = this.chunk.subarray(start, end < 0 ? this.chunk.length : end);
      if (piece.length > 0) yield piece;
      if (end >= 0) return;
      if (!(await this.advance())) throw invalid('The publish document ends within an attachment');
    }
  }

  private keep(start: number, end: number): void {
    if (start >= end) return;
    this.keptSize += end - start;
    const { maxMetadataSize } = this.options;
    if (this.keptSize > maxMetadataSize) {
      throw new RegistryError('tooLarge', `The document is larger than ${maxMetadataSize} bytes, tarballs aside`);
    }
    this.kept.push(this.chunk.subarray(start, end));
  }

  private parse(): unknown {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.kept)));
    } catch (cause) {
      throw invalid('The publish document is not valid JSON', cause);
    } finally {
      this.kept = [];
    }
  }
}

const decodeKey = (raw: Buffer): string => {
  try {
    return JSON.parse(`"${raw.toString('utf8')}`) as string;
  } catch {
    return ''; // not JSON: the parse of the whole says so
  }
};

/**
 * Decodes standard base64 that comes in pieces of any length. Throws `invalid` for anything else in it. `\/`, which
 * some JSON writers make of `/`, is understood.
 */
export async function* decodeBase64(pieces: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Uint8Array> {
  let rest = '';
  let slash = '';
  for await (const piece of pieces) {
    let text = slash + piece.toString('latin1');
    slash = text.endsWith('\\') ? '\\' : '';
    if (text.includes('\\')) text = text.slice(0, text.length - slash.length).replaceAll('\\/', '/');
    text = rest + text;
    const whole = text.length - (text.length % 4);
    // the last group is held back: only at the end may it be padded or short
    const cut = whole === text.length ? Math.max(0, whole - 4) : whole;
    rest = text.slice(cut);
    if (cut > 0) yield decodeGroups(text.slice(0, cut), (cut / 4) * 3);
  }
  // padding may be left out, but not half of it
  if (slash || (rest.includes('=') && rest.length !== 4)) throw notBase64();
  const tail = rest.replace(/={1,2}$/, '');
  if (tail !== '') yield decodeGroups(tail, Math.floor((tail.length * 3) / 4));
}

const notBase64 = (): RegistryError => invalid('An attachment is not valid base64');

/** Buffer.from skips what is not base64, so a foreign character shows in the length. */
const decodeGroups = (text: string, expected: number): Buffer => {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== expected || text.length % 4 === 1) throw notBase64();
  return bytes;
};

/** Reads the document; attachments are handed to `onAttachment` in their order. `invalid` and `tooLarge` are thrown. */
export const readPublishDocument = (source: AsyncIterable<Uint8Array>, options: IPublishReader): Promise<unknown> =>
  new PublishScanner(source, options).read();

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const SLICE = 256 * 1024;

function* slices(text: string): Generator<Buffer> {
  for (let start = 0; start < text.length; start += SLICE) yield Buffer.from(text.slice(start, start + SLICE), 'utf8');
}

/** The same for a document that the embedder had parsed already. The document itself is left as it is. */
export const readParsedDocument = async (
  document: unknown,
  options: Pick<IPublishReader, 'onAttachment'>,
): Promise<unknown> => {
  if (!isRecord(document) || !isRecord(document._attachments)) return document;
  const attachments: [string, unknown][] = [];
  for (const [file, attachment] of Object.entries(document._attachments)) {
    if (!isRecord(attachment) || typeof attachment.data !== 'string' || !isTarballAttachment(file)) {
      attachments.push([file, attachment]);
      continue;
    }
    const content = decodeBase64(slices(attachment.data));
    await options.onAttachment(file, content);
    for await (const _ of content); // as above
    attachments.push([file, { ...attachment, data: '' }]);
  }
  return { ...document, _attachments: Object.fromEntries(attachments) };
};
