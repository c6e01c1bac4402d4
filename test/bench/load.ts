import { connect, type Socket } from 'node:net';
import { ResponseReader } from '../support/http/responses.js';
import { serveJobs } from './childclient.js';

/**
 * The load generator: a process of its own that speaks plain HTTP/1.1 on raw sockets, one request at a time on each
 * kept connection, and does no more per response than find its end and check it. Jobs come and results go over IPC.
 */
export interface ILoadJob {
  port: number;
  connections: number;
  /** Whole requests, head and body, sent in turn. */
  requests: string[];
  /** how those texts become bytes; `latin1` for bodies that are no text; default utf8 */
  encoding?: 'utf8' | 'latin1';
  /** Stop after this time, but not before each connection has had four answers: slow servers are to be counted too; … */
  milliseconds?: number;
  /** … or when this many have been answered. */
  count?: number;
  /** a connection for each request: for servers that close it behind their answer */
  reconnects?: boolean;
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

const compareEvery = 64;

const runJob = (job: ILoadJob): Promise<ILoadResult> =>
  new Promise((resolve) => {
    const requests = job.requests.map((text) => Buffer.from(text, job.encoding));
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
      const reader = new ResponseReader({
        keepBody: () => job.expect.sameBody && (firstBodies[current] === undefined || responses % compareEvery === 0),
        done: ({ status, length, body }) => {
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
            } else if (job.reconnects) {
              current = -1;
              sockets.splice(sockets.indexOf(socket), 1);
              socket.destroy();
              open();
            } else {
              send();
            }
          }
        },
      });
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

serveJobs(runJob);
