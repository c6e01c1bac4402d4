import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import { decodeBase64, unescapeBase64 } from './wire.base64.js';

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
  /** where in the chunk that begins which is not kept yet */
  private from = 0;
  private kept: Uint8Array[] = [];
  private keptSize = 0;
  /** for each open container: is it an object */
  private readonly objects: boolean[] = [];
  /** the current key of the three outermost objects */
  private readonly keys: string[] = [];
  private atKey = false;
  /** of the string that is being passed: does a backslash stand before, and what was read of it if it is a key */
  private escaped = false;
  private key: Buffer[] | null = null;
  private keySize = 0;

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
    this.keepTo(this.chunk.length);
    for (;;) {
      const { done, value } = await this.source.next();
      if (done) return false;
      this.chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      this.position = 0;
      this.from = 0;
      if (value.byteLength > 0) return true;
    }
  }

  private async scanChunk(): Promise<void> {
    while (this.seekQuote()) {
      const wanted = this.attachmentHere();
      if (wanted !== null) {
        await this.divert(wanted);
        continue;
      }
      this.beginString();
      while (!this.endString()) if (!(await this.advance())) return; // JSON.parse will say that it ends too early
    }
  }

  /** Follows the structure to the byte after the next quote; false where the chunk ends before one. */
  private seekQuote(): boolean {
    const { chunk, objects } = this;
    let at = this.position;
    let found = false;
    while (!found && at < chunk.length) {
      const byte = chunk[at++];
      if (byte === QUOTE) found = true;
      else if (byte === COLON) this.atKey = false;
      else if (byte === COMMA) this.atKey = objects[objects.length - 1] === true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (objects.length >= MAX_DEPTH) throw invalid('The publish document is nested too deeply');
        this.atKey = byte === OPEN_OBJECT;
        objects.push(this.atKey);
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        objects.pop();
        this.keys.length = Math.min(this.keys.length, objects.length);
        this.atKey = false;
      }
    }
    this.position = at;
    return found;
  }

  /** The attachment whose data begins at this quote, or null. */
  private attachmentHere(): string | null {
    const { objects, keys } = this;
    if (this.atKey || objects.length !== 3 || !objects[0] || !objects[1] || !objects[2]) return null;
    if (keys[0] !== '_attachments' || keys[2] !== 'data') return null;
    return isTarballAttachment(keys[1] as string) ? (keys[1] as string) : null;
  }

  private beginString(): void {
    this.escaped = false;
    this.key = this.atKey && this.objects.length <= 3 ? [] : null;
    this.keySize = 0;
  }

  /** Passes what the chunk holds of a string, or false where it goes on after it. Keys of the outer objects are kept. */
  private endString(): boolean {
    const { chunk, position: start, key } = this;
    let at = start;
    let ended = false;
    while (!ended && at < chunk.length) {
      const byte = chunk[at++];
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else ended = byte === QUOTE;
    }
    this.position = at;
    if (!key) return ended;
    if (this.keySize <= MAX_KEY) key.push(Buffer.from(chunk.subarray(start, at)));
    this.keySize += at - start;
    if (ended) this.keys[this.objects.length - 1] = this.keySize > MAX_KEY ? '' : decodeKey(Buffer.concat(key));
    return ended;
  }

  /** Hands on the string that begins here; the document keeps an empty one in its place. */
  private async divert(file: string): Promise<void> {
    this.keepTo(this.position);
    const content = decodeBase64(unescapeBase64(this.stringBytes()));
    await this.options.onAttachment(file, content);
    for await (const _ of content); // what the taker did not want
    this.from = this.position - 1;
  }

  /** The raw bytes up to the closing quote. Base64 holds no quote, so an escaped one ends the string too: no base64 ends with a backslash. */
  private async *stringBytes(): AsyncGenerator<Buffer> {
    for (;;) {
      const end = this.chunk.indexOf(QUOTE, this.position);
      const start = this.position;
      this.position = end < 0 ? this.chunk.length : end + 1;
      this.from = this.position;
      const piece = this.chunk.subarray(start, end < 0 ? this.chunk.length : end);
      if (piece.length > 0) yield piece;
      if (end >= 0) return;
      if (!(await this.advance())) throw invalid('The publish document ends within an attachment');
    }
  }

  /** What of the chunk lies before `end` belongs to the document. */
  private keepTo(end: number): void {
    const { from } = this;
    this.from = end;
    if (from >= end) return;
    this.keptSize += end - from;
    const { maxMetadataSize } = this.options;
    if (this.keptSize > maxMetadataSize) {
      throw new RegistryError('tooLarge', `The document is larger than ${maxMetadataSize} bytes, tarballs aside`);
    }
    this.kept.push(this.chunk.subarray(from, end));
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

/** Reads the document; attachments are handed to `onAttachment` in their order. `invalid` and `tooLarge` are thrown. */
export const readPublishDocument = (source: AsyncIterable<Uint8Array>, options: IPublishReader): Promise<unknown> =>
  new PublishScanner(source, options).read();

const SLICE = 256 * 1024;

/** As latin1, so that a character beyond it cannot be taken for another one by a decoder that looks at its low byte. */
function* slices(text: string): Generator<string> {
  for (let start = 0; start < text.length; start += SLICE) {
    yield Buffer.from(text.slice(start, start + SLICE), 'utf8').toString('latin1');
  }
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
