import { connect, type Socket } from 'node:net';

/**
 * The load generator: a process of its own that speaks plain HTTP/1.1 on raw sockets, one request at a time on each
 * kept connection, and does no more per response than find its end and check it. Jobs come and results go over IPC.
 */
export interface ILoadJob {
  port: number;
  connections: number;
  /** Whole requests, head and body, sent in turn. */
  requests: string[];
  /** Stop after this time, but not before each connection has had four answers: slow servers are to be counted too; … */
  milliseconds?: number;
  /** … or when this many have been answered. */
  count?: number;
  expect: {
    status: number[];
    /** The body of one request never changes. */
    sameBody: boolean;
    /** Bytes of each body. */
    atLeast?: number;
  };
}

export interface ILoadResult {
  responses: number;
  bytes: number;
  milliseconds: number;
  /** CPU time of the load generator itself: near `milliseconds`, it is the limit that was measured. */
  cpuMilliseconds: number;
  p50: number;
  p99: number;
  /** The first body that was kept, in base64, for a closer look. */
  body?: string;
  /** What was not as expected; the run was ended at the first one. */
  error?: string;
}

const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
const compareEvery = 64;
const none = Buffer.alloc(0);

/** Reads one response after the other off a connection. */
class ResponseReader {
  private rest: Buffer = none;
  private inBody = false;
  private chunked = false;
  private left = 0;
  private length = 0;
  private status = 0;
  private kept: Buffer[] | null = null;

  constructor(
    private readonly keepBody: () => boolean,
    private readonly done: (status: number, length: number, body: Buffer | null) => void,
  ) {}

  push(data: Buffer): void {
    let bytes = this.rest.length > 0 ? Buffer.concat([this.rest, data]) : data;
    this.rest = none;
    while (bytes.length > 0) {
      const used = this.inBody ? (this.chunked ? this.takeChunk(bytes) : this.takePlain(bytes)) : this.takeHead(bytes);
      if (used === 0) {
        this.rest = bytes;
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
    const head = bytes.toString('latin1', 0, end);
    this.status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.chunked = !length && /\r\ntransfer-encoding: *chunked/i.test(head);
    this.left = length ? Number(length[1]) : 0;
    this.length = 0;
    this.kept = this.keepBody() ? [] : null;
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
    this.length += used;
    this.kept?.push(Buffer.from(bytes.subarray(0, used)));
    return used;
  }

  private finish(): void {
    this.inBody = false;
    this.done(this.status, this.length, this.kept && Buffer.concat(this.kept));
  }
}

const runJob = (job: ILoadJob): Promise<ILoadResult> =>
  new Promise((resolve) => {
    const requests = job.requests.map((text) => Buffer.from(text));
    const firstBodies: (Buffer | undefined)[] = [];
    const times: number[] = [];
    const sockets: Socket[] = [];
    const begin = performance.now();
    const cpu = process.cpuUsage();
    const limit = setTimeout(() => finish('not ended by itself'), (job.milliseconds ?? 0) + 120_000);
    let sent = 0;
    let responses = 0;
    let bytes = 0;
    let over = false;

    const finish = (error?: string): void => {
      if (over) {
        return;
      }
      over = true;
      clearTimeout(limit);
      const milliseconds = performance.now() - begin;
      for (const socket of sockets) {
        socket.destroy();
      }
      times.sort((a, b) => a - b);
      const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
      const { user, system } = process.cpuUsage(cpu);
      const cpuMilliseconds = (user + system) / 1000;
      resolve({
        responses,
        bytes,
        milliseconds,
        cpuMilliseconds,
        p50: at(0.5),
        p99: at(0.99),
        body: firstBodies.find(Boolean)?.toString('base64'),
        error,
      });
    };

    const enough = 4 * job.connections;
    const isTimeOver = (elapsed: number): boolean => {
      const wanted = job.milliseconds ?? 0;
      return elapsed >= wanted && (responses >= enough || elapsed >= 8 * wanted);
    };

    const open = (): void => {
      const socket = connect({ port: job.port, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      let current = -1;
      let started = 0;
      const send = (): void => {
        if (job.count !== undefined && sent >= job.count) {
          current = -1;
          return;
        }
        current = sent++ % requests.length;
        started = performance.now();
        socket.write(requests[current]!);
      };
      const reader = new ResponseReader(
        () => job.expect.sameBody && (firstBodies[current] === undefined || responses % compareEvery === 0),
        (status, length, body) => {
          const now = performance.now();
          times.push(now - started);
          responses++;
          bytes += length;
          const first = firstBodies[current];
          if (!job.expect.status.includes(status)) {
            finish(`request ${current}: status ${status} instead of ${job.expect.status.join(' or ')}`);
          } else if (length < (job.expect.atLeast ?? 0)) {
            finish(`request ${current}: only ${length} bytes`);
          } else if (job.expect.sameBody && first && (length !== first.length || (body && !body.equals(first)))) {
            finish(`request ${current}: another body than before (${length} bytes, ${first.length} before)`);
          } else {
            if (body && !first) {
              firstBodies[current] = body;
            }
            const isLast = job.count !== undefined ? responses >= job.count : isTimeOver(now - begin);
            if (isLast) {
              finish();
            } else {
              send();
            }
          }
        },
      );
      socket.on('connect', send);
      socket.on('data', (data: Buffer) => reader.push(data));
      socket.on('error', (error) => finish(`connection: ${error.message}`));
      socket.on('close', () => {
        if (current >= 0) {
          finish('the server closed a connection in the middle of a response');
        }
      });
    };
    for (let index = 0; index < job.connections; index++) {
      open();
    }
  });

if (process.send) {
  process.on('message', (job: ILoadJob) => {
    runJob(job).then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit(0));
}
