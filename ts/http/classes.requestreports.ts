import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IRequestTrace } from '../core/interfaces.core.js';
import { callerAddress } from '../core/pipeline/helpers.http.js';
import type { IResponseReport } from './interfaces.http.js';

/** What a proxy may call a request. */
const REQUEST_ID = /^[\w.:+/=-]{1,128}$/;

/** Without the query; of a whole URL, as clients send it to proxies, without what may name a user and a password. */
const shownPath = (url: string): string => {
  const path = url.split('?', 1)[0] as string;
  return path.startsWith('/') ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '') || '/';
};

/** Tells `onResponse` of each request when its answer has ended. */
export class RequestReports {
  private readonly traces = new WeakMap<IncomingMessage, IRequestTrace>();

  constructor(
    private readonly onResponse: (report: IResponseReport) => void,
    private readonly trustProxy: boolean,
  ) {}

  /** What the registry fills in for a request that is followed. */
  public traceOf(request: IncomingMessage): IRequestTrace | undefined {
    return this.traces.get(request);
  }

  public follow(request: IncomingMessage, response: ServerResponse): void {
    const start = performance.now();
    const { socket } = request;
    const sentBefore = socket.bytesWritten;
    const trace: IRequestTrace = { id: this.idOf(request) };
    this.traces.set(request, trace);
    response.setHeader('X-Request-Id', trace.id as string);
    response.once('close', () => {
      const { method = 'GET', url = '/', headers } = request;
      this.onResponse({
        ...trace,
        id: trace.id as string,
        method,
        path: shownPath(url),
        status: response.headersSent ? response.statusCode : 0,
        durationMs: performance.now() - start,
        bytes: socket.bytesWritten - sentBefore,
        aborted: !response.writableFinished,
        ip: callerAddress(socket.remoteAddress, this.trustProxy, headers['x-forwarded-for']),
        userAgent: headers['user-agent'],
      });
    });
  }

  /** A trusted proxy has given the request a name, under which its own log knows it. */
  private idOf({ headers }: IncomingMessage): string {
    const given = this.trustProxy ? headers['x-request-id'] : undefined;
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
  }
}
