import { GatheredBytes } from '../../core/base/helpers.gathering.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import { JsonValueCounter, MAX_JSON_VALUES } from '../../core/pipeline/body/helpers.jsonvalues.js';
import { decodeBase64, unescapeBase64 } from './wire.base64.js';

/** The scanner behind `readPublishDocument`: follows the structure of the JSON text, and knows no more of it. */

export interface IPublishReader {
  /** bytes that may remain when the tarballs are cut out */
  maxMetadataSize: number;
  /** JSON values that may remain */
  maxValues?: number;
  /** takes one attachment's decoded bytes; what it does not read is skipped */
  onAttachment(file: string, content: AsyncGenerator<Uint8Array>): Promise<void>;
}

const MAX_DEPTH = 100;
const MAX_KEY = 1024;
/** bytes of a document that is thinned out: no longer one can have been served, or sent, as one JavaScript string */
const MAX_THINNED = 512 * 1024 * 1024;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** What a client can change of a version that is published. */
const CHANGEABLE = new Set(['deprecated']);

/** Provenance bundles travel beside the tarballs, but as plain JSON strings: they stay in the document. */
export const isTarballAttachment = (file: string): boolean => !file.endsWith('.sigstore');

const invalid = (message: string, cause?: unknown): RegistryError => new RegistryError('invalid', message, { cause });

export class PublishScanner {
  private chunk: Buffer = Buffer.alloc(0);
  private position = 0;
  /** where in the chunk that begins which is not kept yet */
  private from = 0;
  private kept = new GatheredBytes();
  /** for each open container: is it an object */
  private readonly objects: boolean[] = [];
  /** the current key of the three outermost objects */
  private readonly keys: string[] = [];
  private atKey = false;
  /** of the string that is being passed: does a backslash stand before, and what was read of it if it is a key */
  private escaped = false;
  private key: Buffer[] | null = null;
  private keySize = 0;
  private readonly values: JsonValueCounter;
  private received = 0;
  /** of a version that is thinned out: is a member passed that is not kept, and was one kept before */
  private isCut = false;
  private hasMember = false;

  /** @param isThinned keep of each version only what clients can change */
  constructor(
    private readonly source: AsyncIterator<Uint8Array>,
    private readonly options: IPublishReader,
    private readonly isThinned = false,
  ) {
    this.values = new JsonValueCounter(options.maxValues ?? MAX_JSON_VALUES);
  }

  public async read(): Promise<unknown> {
    while (await this.advance()) await this.scanChunk();
    return this.parse();
  }

  /** Whether it was given up because too much remained. A document with tarballs is refused by the other scanner, too. */
  public get canBeThinned(): boolean {
    return this.isOver && !this.isThinned;
  }

  /** All that was read and not handed on, for another scanner. */
  public *again(): Generator<Uint8Array> {
    yield* this.kept.drain();
    yield this.chunk.subarray(this.from);
  }

  private get isOver(): boolean {
    return this.kept.size > this.options.maxMetadataSize || this.values.isOver;
  }

  private tooLarge(): RegistryError {
    const { maxMetadataSize } = this.options;
    return this.values.isOver
      ? new RegistryError('tooLarge', 'The document holds more values than are accepted')
      : new RegistryError('tooLarge', `The document is larger than ${maxMetadataSize} bytes, tarballs aside`);
  }

  /** The next chunk with bytes in it; false at the end. */
  private async advance(): Promise<boolean> {
    this.keepTo(this.chunk.length);
    for (;;) {
      const { done, value } = await this.source.next();
      if (done) return false;
      this.received += value.byteLength;
      if (this.isThinned && this.received > MAX_THINNED) throw this.tooLarge();
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
      else if (byte === COMMA) {
        this.atKey = objects[objects.length - 1] === true;
        if (this.inThinnedVersion) this.cutFrom(at - 1);
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (objects.length >= MAX_DEPTH) throw invalid('The publish document is nested too deeply');
        this.atKey = byte === OPEN_OBJECT;
        objects.push(this.atKey);
        if (this.inThinnedVersion) {
          this.cutFrom(at);
          this.hasMember = false;
        }
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (this.inThinnedVersion) this.keepFrom(at - 1);
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

  /** Directly inside a version of a document that is thinned out. */
  private get inThinnedVersion(): boolean {
    const { objects, keys } = this;
    return this.isThinned && objects.length === 3 && objects.every(Boolean) && keys[0] === 'versions';
  }

  private cutFrom(at: number): void {
    this.keepTo(at);
    this.isCut = true;
  }

  private keepFrom(at: number): void {
    if (this.isCut) this.from = at;
    this.isCut = false;
  }

  /** A member of a version begins: with one that is kept, the separator, which was cut with the member before it. */
  private chooseMember(key: string): void {
    if (!CHANGEABLE.has(key)) return;
    this.keep(Buffer.from(`${this.hasMember ? ',' : ''}${JSON.stringify(key)}`));
    this.hasMember = true;
    this.keepFrom(this.position);
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
    if (!ended) return false;
    const name = this.keySize > MAX_KEY ? '' : decodeKey(Buffer.concat(key));
    this.keys[this.objects.length - 1] = name;
    if (this.inThinnedVersion) this.chooseMember(name);
    return true;
  }

  /** Hands on the string that begins here; the document keeps an empty one in its place. */
  private async divert(file: string): Promise<void> {
    if (this.isThinned) throw this.tooLarge();
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
    if (from < end && !this.isCut) this.keep(this.chunk.subarray(from, end));
  }

  private keep(piece: Uint8Array): void {
    this.kept.add(piece);
    this.values.add(piece);
    if (this.isOver) throw this.tooLarge();
  }

  private parse(): unknown {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(this.kept.whole()));
    } catch (cause) {
      throw invalid('The publish document is not valid JSON', cause);
    } finally {
      this.kept = new GatheredBytes();
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
