import { invalid } from '../../core/base/helpers.errors.js';
import { GatheredBytes } from '../../core/base/helpers.gathering.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import { JsonValueCounter, MAX_JSON_VALUES } from '../../core/pipeline/body/helpers.jsonvalues.js';
import { decodeBase64, unescapeBase64 } from './wire.base64.js';

/** The scanner of `readPublishDocument`: it follows only the structure of the JSON text. */

export interface IPublishReader {
  /** maximum bytes without the tarballs */
  maxMetadataSize: number;
  /** maximum number of JSON values without the tarballs */
  maxValues?: number;
  /** receives one attachment's decoded bytes; unread bytes are skipped */
  onAttachment(file: string, content: AsyncGenerator<Uint8Array>): Promise<void>;
}

const MAX_DEPTH = 100;
const MAX_KEY = 1024;
/** bytes of a document that is reduced: a longer one cannot have been served, or sent, as one JavaScript string */
const MAX_THINNED = 512 * 1024 * 1024;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Members of a published version that a client can change. */
const CHANGEABLE = new Set(['deprecated']);

/** Provenance bundles are sent beside the tarballs, but as plain JSON strings: they stay in the document. */
export const isTarballAttachment = (file: string): boolean => !file.endsWith('.sigstore');

export class PublishScanner {
  private chunk: Buffer = Buffer.alloc(0);
  private position = 0;
  /** position in the chunk from which on bytes are not kept yet */
  private from = 0;
  private kept = new GatheredBytes();
  /** for each open container: whether it is an object */
  private readonly objects: boolean[] = [];
  /** the current key of the three outermost objects */
  private readonly keys: string[] = [];
  private atKey = false;
  /** state within a string: whether the last byte was a backslash, and the text so far if it is a key */
  private escaped = false;
  private key: Buffer[] | null = null;
  private keySize = 0;
  private readonly values: JsonValueCounter;
  private received = 0;
  /** in a reduced version: whether the current member is omitted, and whether an earlier one was kept */
  private isCut = false;
  private hasMember = false;

  /** @param isThinned keep only those members of each version that clients can change */
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

  /**
   * Whether scanning stopped because the rest is too large. A document with tarballs is refused by the other scanner,
   * too.
   */
  public get canBeThinned(): boolean {
    return this.isOver && !this.isThinned;
  }

  /** The bytes that were read and not passed on, for another scanner. */
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
      ? new RegistryError('tooLarge', 'The document has more values than are accepted')
      : new RegistryError('tooLarge', `The document is larger than ${maxMetadataSize} bytes, tarballs aside`);
  }

  /** Moves to the next chunk with bytes in it; returns false at the end. */
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
      while (!this.endString()) if (!(await this.advance())) return; // JSON.parse will throw because it ends too early
    }
  }

  /** Follows the structure to the byte after the next quote; returns false if the chunk ends before one. */
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

  /** Whether the position is directly inside a version of a document that is reduced. */
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

  /**
   * Handles the beginning of a version's member. A kept member needs a separator, because the one before it was
   * omitted.
   */
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

  /**
   * Moves to the end of a string; returns false if it continues in the next chunk. Keys of the outer objects are kept.
   */
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

  /** Passes on the string that begins here; an empty string replaces it in the document. */
  private async divert(file: string): Promise<void> {
    if (this.isThinned) throw this.tooLarge();
    this.keepTo(this.position);
    const content = decodeBase64(unescapeBase64(this.stringBytes()));
    await this.options.onAttachment(file, content);
    for await (const _ of content); // skip bytes that `onAttachment` did not read
    this.from = this.position - 1;
  }

  /**
   * The raw bytes up to the closing quote. Base64 has no quote and no backslash before one, so an escaped quote ends
   * the string too.
   */
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

  /** Keeps the bytes of the chunk before `end` for the document. */
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
    return ''; // not JSON: parsing the whole document will throw
  }
};
