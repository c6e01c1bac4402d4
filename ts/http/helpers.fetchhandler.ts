import { discardBody, responseBytes } from '../core/base/helpers.streams.js';
import type { IRequestActor, IResponse } from '../core/interfaces.core.js';
import { callerAddress, reasonPhrase } from '../core/pipeline/helpers.http.js';
import { declaredLength, failureAnswer, isBodyless } from './helpers.failures.js';
import { baseUrlOf } from './helpers.origin.js';
import { type IRequestTarget, splitTarget } from './helpers.requesttarget.js';
import type { IFetchHandlerOptions, IRequestHandler } from './interfaces.http.js';

/** Some runtimes do not expose the Host header; the URL was made from it. */
const headersOf = (request: Request, host: string): Record<string, string> => {
  const headers: Record<string, string> = Object.create(null);
  if (host) headers.host = host;
  request.headers.forEach((value, name) => {
    headers[name] = value;
  });
  return headers;
};

/**
 * The body; it fails if its length differs from its Content-Length. Bun sends a stream without that header, and a
 * client would take a truncated body for the whole.
 */
const ofLength = (body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> => {
  const reader = body.getReader();
  let sent = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        sent += value?.byteLength ?? 0;
        if (sent > length || (done && sent < length)) {
          const error = new Error(`The body has ${sent} bytes (or more), its Content-Length says ${length}`);
          await reader.cancel(error);
          throw error;
        }
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
};

const toFetchResponse = async ({ method, signal }: Request, response: IResponse): Promise<Response> => {
  const { status, headers } = response;
  const head = { status, headers, statusText: reasonPhrase(response.statusText ?? '') };
  // the client is gone, and nothing else would cancel the body
  if (isBodyless(method, status) || signal.aborted) {
    await discardBody(response);
    return new Response(null, head);
  }
  // bytes are sent at once and with their length; runtimes send a stream chunk by chunk, with chunked encoding
  const bytes = responseBytes(response) as Uint8Array<ArrayBuffer> | undefined;
  if (bytes) return new Response(bytes, head);
  const { body } = response;
  const length = declaredLength(headers);
  return new Response(!body || length === undefined ? body : ofLength(body, length), head);
};

/**
 * The registry as a fetch handler: `Deno.serve(toFetchHandler(registry))`, `Bun.serve({ fetch })`, Hono, workers. It
 * never rejects. `request.signal` aborts the work. A response that is not read to its end must be cancelled, as every
 * runtime does when its client disconnects.
 */
export const toFetchHandler = (
  registry: IRequestHandler,
  options: IFetchHandlerOptions = {},
): ((request: Request) => Promise<Response>) => {
  const trusted = options.trustProxy ?? registry.trustProxy ?? false;
  const { prefix } = options;

  /** Without `prefix`, the URL is complete, and the mount may be anywhere in it. */
  const targetOf = (request: Request): IRequestTarget => {
    const target = splitTarget(request.url);
    return prefix === undefined ? { ...target, ...registry.locate?.(target.path) } : { ...target, prefix };
  };

  const actorOf = (request: Request): IRequestActor => {
    const actor = options.actor?.(request) ?? {};
    const ip = callerAddress(actor.ip, trusted, request.headers.get('x-forwarded-for'));
    return { userAgent: request.headers.get('user-agent') ?? undefined, ...actor, ip };
  };

  return async (request) => {
    const { method } = request;
    let response: IResponse;
    try {
      const { origin, protocol, host } = new URL(request.url);
      response = await registry.handleRequest({
        method,
        ...targetOf(request),
        headers: headersOf(request, host),
        body: request.body ?? undefined,
        signal: request.signal,
        actor: actorOf(request),
        // the Host header is the caller's own; the URL's host is used if a runtime does not expose the header
        baseUrl:
          origin === 'null'
            ? undefined
            : baseUrlOf(protocol === 'https:' ? 'https' : 'http', request.headers.get('host') ?? host, {
                trusted,
                proto: request.headers.get('x-forwarded-proto'),
                host: request.headers.get('x-forwarded-host'),
              }),
      });
      return await toFetchResponse(request, response);
    } catch (error) {
      (options.logger ?? registry.logger)?.error('A request could not be answered', { method, error: String(error) });
      return toFetchResponse(request, failureAnswer(error));
    }
  };
};
