const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
const none = Buffer.alloc(0);

export interface IRawResponse {
  status: number;
  /** Status line and header lines. */
  head: string;
  /** Bytes of the body. */
  length: number;
  /** The body, where it was to be kept. */
  body: Buffer | null;
}

export interface IReaderOptions {
  /** Asked once for each response, when its head is there. */
  keepBody(): boolean;
  /** Each piece of each body; the memory is the socket's and good for the moment only. */
  onBody?(bytes: Buffer): void;
  done(response: IRawResponse): void;
}

export const headerOf = (head: string, name: string): string | undefined =>
  new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(`${head}\r\n`)?.[1];

/** Reads one HTTP/1.1 response after the other off a connection, and does no more than find their ends. */
export class ResponseReader {
  /** The next response has no body, whatever its head says: it answers a HEAD request. */
  isHead = false;
  private rest: Buffer = none;
  private inBody = false;
  private chunked = false;
  private left = 0;
  private length = 0;
  private head = '';
  private kept: Buffer[] | null = null;

  constructor(private readonly options: IReaderOptions) {}

  push(data: Buffer): void {
    let bytes = this.rest.length > 0 ? Buffer.concat([this.rest, data]) : data;
    this.rest = none;
    while (bytes.length > 0) {
      const used = this.inBody ? (this.chunked ? this.takeChunk(bytes) : this.takePlain(bytes)) : this.takeHead(bytes);
      if (used === 0) {
        this.rest = Buffer.from(bytes); // the memory may be used again by then
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  private takeHead(bytes: Buffer): number {
    const end = bytes.indexOf(headEnd);
    if (end < 0) {
      return 0;
    }
    this.head = bytes.toString('latin1', 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.head);
    const isEmpty = this.isHead || this.status === 204 || this.status === 304;
    this.chunked = !isEmpty && !length && /\r\ntransfer-encoding: *chunked/i.test(this.head);
    this.left = length && !isEmpty ? Number(length[1]) : 0;
    this.length = 0;
    this.kept = this.options.keepBody() ? [] : null;
    this.inBody = true;
    if (!this.chunked && this.left === 0) {
      this.finish();
    }
    return end + headEnd.length;
  }

  private takePlain(bytes: Buffer): number {
    const used = this.body(bytes, this.left);
    this.left -= used;
    if (this.left === 0) {
      this.finish();
    }
    return used;
  }

  /** `left` counts a chunk's bytes and the line end after them; 0 = its size comes next. */
  private takeChunk(bytes: Buffer): number {
    if (this.left > 2) {
      const used = this.body(bytes, this.left - 2);
      this.left -= used;
      return used;
    }
    if (this.left > 0) {
      const used = Math.min(this.left, bytes.length);
      this.left -= used;
      return used;
    }
    const end = bytes.indexOf(lineEnd);
    if (end < 0) {
      return 0;
    }
    const size = Number.parseInt(bytes.toString('latin1', 0, end), 16);
    if (size > 0) {
      this.left = size + 2;
      return end + 2;
    }
    if (bytes.length < end + 4) {
      return 0;
    }
    this.finish();
    return end + 4;
  }

  private body(bytes: Buffer, most: number): number {
    const used = Math.min(most, bytes.length);
    const part = bytes.subarray(0, used);
    this.length += used;
    this.kept?.push(Buffer.from(part));
    this.options.onBody?.(part);
    return used;
  }

  private get status(): number {
    return Number(this.head.slice(9, 12));
  }

  private finish(): void {
    this.inBody = false;
    const body = this.kept && Buffer.concat(this.kept);
    this.options.done({ status: this.status, head: this.head, length: this.length, body });
  }
}
