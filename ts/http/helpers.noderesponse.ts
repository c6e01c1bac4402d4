import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  discardBody,
  type IBufferSource,
  type IChunkSource,
  responseBytes,
  takeSource,
} from '../core/base/helpers.streams.js';
import type { IResponse } from '../core/interfaces.core.js';
import { reasonPhrase } from '../core/pipeline/helpers.http.js';
import type { IncomingBody } from './classes.incomingbody.js';
import { giveBuffer, takeBuffer } from './helpers.buffers.js';
import { declaredLength, isBodyless } from './helpers.failures.js';
import { dropRest, leavesLargeRest, linger } from './helpers.unreadbody.js';

/** One request on a Node server, with the objects that its answer needs. */
export interface IExchange {
  request: IncomingMessage;
  response: ServerResponse;
  incoming?: IncomingBody;
  /** ms for which a client may read no byte */
  idleTimeoutMs: number;
}

const NOTHING = new Uint8Array(0);

/**
 * Disconnects a client that reads no byte for this long, until the returned function is called. It uses the socket's
 * own time-out, which counts partial writes: a client that reads a byte now and then is slow, not idle.
 */
const watchIdle = (response: ServerResponse, idleTimeoutMs: number): (() => void) => {
  const { socket } = response;
  const before = socket?.timeout ?? 0;
  const onIdle = () => response.destroy();
  socket?.setTimeout(idleTimeoutMs).on('timeout', onIdle);
  return () => void socket?.off('timeout', onIdle).setTimeout(before);
};

/** Resolves when the client has read enough for the next write, or is gone. */
const drained = (response: ServerResponse, idleTimeoutMs: number): Promise<void> =>
  new Promise((resolve) => {
    const endWatch = watchIdle(response, idleTimeoutMs);
    const done = () => {
      endWatch();
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

/** Ends the answer. A client that does not read the buffered rest is disconnected. */
const finish = ({ response, request, incoming, idleTimeoutMs }: IExchange, bytes: Uint8Array): void => {
  const { socket } = response;
  if (bytes.byteLength > 0) response.end(bytes);
  else response.end();
  if (socket && response.writableLength > 0) {
    const before = socket.timeout ?? 0;
    response.setTimeout(idleTimeoutMs, () => response.destroy());
    // before all other listeners: Node's own listener then sets the time-out of an idle connection
    response.prependOnceListener('finish', () => socket.setTimeout(before));
  }
  dropRest(request, incoming);
};

/**
 * Answers while the client is still sending a large body: sends the whole answer first, and closes the connection
 * later.
 */
const finishAfterLingering = async (exchange: IExchange, bytes: Uint8Array): Promise<void> => {
  const { request, response } = exchange;
  response.flushHeaders();
  if (bytes.byteLength > 0) response.write(bytes);
  await linger(request);
  if (!response.destroyed) finish(exchange, NOTHING);
};

/**
 * Resolves when the event loop has read all requests that had arrived. Answers that are written then wake a client once,
 * not once for each answer. A wake-up is the most expensive part of a small answer on a virtual machine: metadata GETs
 * rose from 12,000 to 21,000 req/s with 16 connections, and from 10,700 to 14,600 with 4 (`pnpm run bench cargo`).
 */
const requestsRead = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Sends an answer whose bytes are all in memory, or that has none: one write, no stream. */
const sendBytes = async (
  exchange: IExchange,
  { status, statusText, headers }: IResponse,
  bytes: Uint8Array | undefined,
): Promise<void> => {
  const { request, response, incoming } = exchange;
  // Node warns if a response over HTTP/2 gets one
  if (statusText && request.httpVersionMajor === 1) response.statusMessage = reasonPhrase(statusText);
  const length = declaredLength(headers);
  if (bytes && length !== undefined && length !== bytes.byteLength) {
    throw new Error(`The answer has ${bytes.byteLength} bytes, its Content-Length says ${length}`);
  }
  // these answers end with their header (RFC 9112 section 6.3); 205 does not
  const unframed = request.method === 'HEAD' || status === 204 || status === 304;
  const missing = length === undefined && !unframed;
  const framed = missing ? { ...headers, 'Content-Length': String(bytes?.byteLength ?? 0) } : headers;
  if (!leavesLargeRest(request, incoming)) {
    await requestsRead();
    response.writeHead(status, framed);
    finish(exchange, bytes ?? NOTHING);
    return;
  }
  response.writeHead(status, { ...framed, Connection: 'close' });
  return finishAfterLingering(exchange, bytes ?? NOTHING);
};

/** Adapts any stream for `sendChunks`. */
const sourceOf = (body: ReadableStream<Uint8Array>): IBufferSource => {
  const reader = body.getReader();
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? null : value;
    },
    close: () => reader.cancel(new Error('The client closed the connection')),
  };
};

const flowOf =
  (source: IBufferSource): NonNullable<IBufferSource['flow']> =>
  async (take) => {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) await take(chunk);
  };

/** bytes of one write to the socket: sockets give 64 KiB at most, and four such writes take a third more CPU */
const TOGETHER = 256 * 1024;
/** bytes that may be buffered in the response before the source must wait */
const AHEAD = 2 * TOGETHER;

/**
 * Sends a stream with backpressure. The header is sent with the first chunk, so that a body that fails at once still
 * becomes an error and not a broken 200. Rejects if the body fails or does not have its Content-Length.
 */
const sendChunks = async (
  exchange: IExchange,
  { status, headers }: IResponse,
  source: IBufferSource,
): Promise<void> => {
  const { request, response, incoming } = exchange;
  const length = declaredLength(headers);
  // the client is gone: release what the body holds; a failure of that cannot be reported to anybody
  const onClose = () => void source.close().catch(() => undefined);
  response.once('close', onClose);
  let sent = 0;
  /** bytes that are held back until there are more, or there is nothing else to do */
  let held = 0;
  const release = (): void => {
    if (held > 0) response.uncork();
    held = 0;
  };
  const begin = (): void => {
    response.writeHead(status, leavesLargeRest(request, incoming) ? { ...headers, Connection: 'close' } : headers);
  };
  const take = (chunk: Uint8Array): Promise<void> | undefined => {
    if (response.destroyed) return undefined;
    if (!response.headersSent) begin();
    sent += chunk.byteLength;
    if (length !== undefined && sent > length) throw new Error(`The body is longer than its Content-Length ${length}`);
    if (held === 0) {
      response.cork();
      setImmediate(release);
    }
    held += chunk.byteLength;
    response.write(chunk);
    if (held >= TOGETHER) release();
    return response.writableLength < AHEAD ? undefined : drained(response, exchange.idleTimeoutMs);
  };
  try {
    await (source.flow?.(take) ?? flowOf(source)(take));
    if (response.destroyed) return;
    if (!response.headersSent) begin();
    if (length !== undefined && sent < length) throw new Error(`The body ended after ${sent} of ${length} bytes`);
  } catch (error) {
    // an errored stream rejects a cancel with its own error, which is reported already
    await source.close().catch(() => undefined);
    throw error;
  } finally {
    response.off('close', onClose);
    release();
  }
  if (leavesLargeRest(request, incoming)) await linger(request);
  finish(exchange, NOTHING);
};

/** Writes `bytes`. Resolves when their memory can be reused, because they are sent or the client is gone. */
const written = (response: ServerResponse, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    // after an error the response is `destroyed`
    response.write(bytes, () => resolve());
  });

/** Like `sendChunks`, with two buffers in turn: one is filled while the other is sent. */
const sendSource = async (exchange: IExchange, { status, headers }: IResponse, source: IChunkSource): Promise<void> => {
  const { request, response, incoming, idleTimeoutMs } = exchange;
  const length = declaredLength(headers);
  let endWatch: (() => void) | undefined;
  const buffers = [takeBuffer(), takeBuffer()] as const;
  const underWay = [Promise.resolve(), Promise.resolve()];
  let sent = 0;
  try {
    let count = await source.read(buffers[0]);
    if (response.destroyed) return;
    response.writeHead(status, leavesLargeRest(request, incoming) ? { ...headers, Connection: 'close' } : headers);
    endWatch = watchIdle(response, idleTimeoutMs);
    for (let turn = 0; count > 0; ) {
      sent += count;
      if (length !== undefined && sent > length) {
        throw new Error(`The body is longer than its Content-Length ${length}`);
      }
      underWay[turn] = written(response, buffers[turn as 0 | 1].subarray(0, count));
      turn = 1 - turn;
      await underWay[turn];
      if (response.destroyed) return;
      count = await source.read(buffers[turn as 0 | 1]);
    }
    if (response.destroyed) return;
    if (length !== undefined && sent < length) throw new Error(`The body ended after ${sent} of ${length} bytes`);
  } finally {
    endWatch?.();
    await source.close();
    // if a client is gone, a write may never call back: its buffer is then left to garbage collection
    if (!response.destroyed) {
      void Promise.all(underWay).then(() => {
        if (!response.destroyed) buffers.forEach(giveBuffer);
      });
    }
  }
  if (leavesLargeRest(request, incoming)) await linger(request);
  finish(exchange, NOTHING);
};

const sendWithoutBody = async (exchange: IExchange, answer: IResponse): Promise<void> => {
  await discardBody(answer);
  return sendBytes(exchange, answer, undefined);
};

/** Sends the registry's answer. Rejects if it could not be sent completely although the client was there. */
export const sendResponse = async (exchange: IExchange, answer: IResponse): Promise<void> => {
  const { request, response } = exchange;
  if (response.destroyed) return discardBody(answer);
  const { method = 'GET' } = request;
  if (isBodyless(method, answer.status)) {
    return 'body' in answer ? sendWithoutBody(exchange, answer) : sendBytes(exchange, answer, undefined);
  }
  const bytes = responseBytes(answer);
  if (bytes || !answer.body) return sendBytes(exchange, answer, bytes);
  const source = takeSource(answer.body);
  if (source && 'read' in source) return sendSource(exchange, answer, source);
  return sendChunks(exchange, answer, source ?? sourceOf(answer.body));
};

/** Like `sendResponse`, for answers whose failure cannot be reported: the client sees the connection break. */
export const sendOrDestroy = async (exchange: IExchange, answer: IResponse): Promise<void> => {
  try {
    await sendResponse(exchange, answer);
  } catch {
    exchange.response.destroy();
  }
};
