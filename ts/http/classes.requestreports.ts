import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IRequestTrace } from '../core/interfaces.core.js';
import { callerAddress } from '../core/pipeline/helpers.http.js';
import type { IResponseReport } from './interfaces.http.js';

/** Request ids that are accepted from a proxy. */
const REQUEST_ID = /^[\w.:+/=-]{1,128}$/;

/** Calls `onResponse` for each request when its answer has ended. */
export class RequestReports {
  private readonly traces = new WeakMap<IncomingMessage, IRequestTrace>();

  constructor(
    private readonly onResponse: (report: IResponseReport) => void,
    private readonly trustProxy: boolean,
  ) {}

  /** The object that the registry fills in for a reported request. */
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
        path: url.split('?', 1)[0] as string,
        status: response.headersSent ? response.statusCode : 0,
        durationMs: performance.now() - start,
        bytes: socket.bytesWritten - sentBefore,
        aborted: !response.writableFinished,
        ip: callerAddress(socket.remoteAddress, this.trustProxy, headers['x-forwarded-for']),
        userAgent: headers['user-agent'],
      });
    });
  }

  /** The request's id: a trusted proxy's, which is also in the proxy's log, or a new one. */
  private idOf({ headers }: IncomingMessage): string {
    const given = this.trustProxy ? headers['x-request-id'] : undefined;
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
  }
}
