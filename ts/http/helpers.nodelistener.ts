import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { IRequestActor, IRequestContext } from '../core/interfaces.core.js';
import { callerAddress } from '../core/pipeline/helpers.http.js';
import { hasBody, IncomingBody } from './classes.incomingbody.js';
import { failureAnswer } from './helpers.failures.js';
import { type IExchange, sendOrDestroy, sendResponse } from './helpers.noderesponse.js';
import { baseUrlOf } from './helpers.origin.js';
import { cutTarget, type IRequestTarget, splitTarget } from './helpers.requesttarget.js';
import type { INodeListenerOptions, IRequestHandler } from './interfaces.http.js';

/** `next` continues with the rest of an application if the registry does not handle the request. */
export type TNodeListener = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

const DEFAULT_IDLE_TIMEOUT = 60_000;

/**
 * Aborts when the client disconnects. The signal is made on demand, because it costs more than the rest of a context.
 */
class Departure {
  private controller: AbortController | undefined;
  private isOver = false;

  public get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.isOver) this.controller.abort();
    return this.controller.signal;
  }

  public happened(): void {
    this.isOver = true;
    this.controller?.abort();
  }
}

const ignore = (): void => {};

/**
 * The result of the host application's body parser, if one ran before. Files that multer took are on the request
 * itself, so the request is passed if there are any.
 */
const parsedBody = (request: IncomingMessage & { body?: unknown; file?: unknown; files?: unknown }): unknown => {
  if (!request.readableDidRead) return undefined;
  return request.file !== undefined || request.files !== undefined ? request : request.body;
};

/** Express and connect remove the path under which the listener is mounted, and keep the whole in `originalUrl`. */
const targetOf = ({ url = '/', originalUrl }: IncomingMessage & { originalUrl?: unknown }): IRequestTarget =>
  typeof originalUrl === 'string' ? cutTarget(originalUrl, url) : splitTarget(url);

/**
 * The registry as a listener for `http.createServer`, `https.createServer`, and any framework that passes Node's own
 * request and response (`app.use(toNodeListener(registry))` in Express). Never throws. If a client disconnects, the
 * context's `signal` aborts and the body that is being sent is cancelled.
 *
 * The registry may be mounted under a path: the part before a protocol's mount becomes part of the links in answers. If
 * the host passes `next`, requests below no mount go back to the host. If it does not, every request is answered, and
 * the mount may be anywhere in the path.
 */
export const toNodeListener = (registry: IRequestHandler, options: INodeListenerOptions = {}): TNodeListener => {
  const trusted = options.trustProxy ?? registry.trustProxy ?? false;
  const logger = options.logger ?? registry.logger;
  const idleTimeoutMs = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT;

  const actorOf = (request: IncomingMessage): IRequestActor => ({
    ip: callerAddress(request.socket.remoteAddress, trusted, request.headers['x-forwarded-for']),
    userAgent: request.headers['user-agent'],
  });

  /** undefined for plain http: the core's own reading of Host is right then */
  const baseUrl = ({ socket, headers }: IncomingMessage): string | undefined =>
    (socket as TLSSocket).encrypted
      ? baseUrlOf('https', headers.host, {
          trusted,
          proto: headers['x-forwarded-proto'],
          host: headers['x-forwarded-host'],
        })
      : undefined;

  const incomingBody = (request: IncomingMessage, response: ServerResponse): IncomingBody | undefined =>
    hasBody(request) && !request.readableDidRead
      ? new IncomingBody(request, () => {
          const expects = options.answersContinue && request.headers.expect?.toLowerCase() === '100-continue';
          if (expects && !response.headersSent && !response.destroyed) response.writeContinue();
        })
      : undefined;

  const contextOf = (
    request: IncomingMessage,
    target: IRequestTarget,
    body: unknown,
    gone: Departure,
  ): IRequestContext => ({
    method: request.method ?? 'GET',
    ...target,
    headers: request.headers,
    body,
    get signal() {
      return gone.signal;
    },
    actor: options.actor?.(request) ?? actorOf(request),
    baseUrl: baseUrl(request),
    trace: options.trace?.(request),
  });

  /** The transfer cannot be completed: the client must see the connection break, never a truncated success. */
  const breakOff = (exchange: IExchange, error: unknown): void => {
    const { request, response } = exchange;
    const { method } = request;
    logger?.error('A request could not be answered', { method, error: String(error) });
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    void sendOrDestroy(exchange, failureAnswer(error));
  };

  const answer = async (request: IncomingMessage, response: ServerResponse, target: IRequestTarget): Promise<void> => {
    const gone = new Departure();
    response.on('close', () => {
      if (!response.writableFinished) gone.happened();
    });
    // a broken connection also emits `close`; without a listener the error would end the process
    response.on('error', ignore);
    const incoming = incomingBody(request, response);
    const exchange: IExchange = { request, response, incoming, idleTimeoutMs };
    try {
      const body = incoming ?? parsedBody(request);
      await sendResponse(exchange, await registry.handleRequest(contextOf(request, target, body, gone)));
    } catch (error) {
      breakOff(exchange, error);
    }
  };

  const isOurs = ({ path, prefix }: IRequestTarget): boolean => registry.handles?.(path, prefix) ?? true;

  return (request, response, next) => {
    let target = targetOf(request);
    if (next && !isOurs(target)) return next();
    if (!next && target.prefix === undefined) target = { ...target, ...registry.locate?.(target.path) };
    void answer(request, response, target);
  };
};
