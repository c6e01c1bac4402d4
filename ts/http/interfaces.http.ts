import type { IncomingMessage } from 'node:http';
import type {
  IClientSetup,
  ILogger,
  IRequestActor,
  IRequestContext,
  IRequestTrace,
  IResponse,
} from '../core/interfaces.core.js';

/** Handles registry requests: a `SmartRegistry`, or a wrapper of one. */
export interface IRequestHandler {
  handleRequest(context: IRequestContext): Promise<IResponse>;
  /**
   * whether a request for this raw path is for the registry; the host application has removed `prefix` before it;
   * absent: all requests are
   */
  handles?(path: string, prefix?: string): boolean;
  /** splits a complete raw path at a protocol's mount; undefined if it contains no mount */
  locate?(path: string): { prefix: string; path: string } | undefined;
  /** resolves false (or rejects) if the registry does not work, e.g. because the store does not respond */
  checkHealth?(): Promise<boolean>;
  /** the set-up of clients for each protocol, for the start page; without it there is no page */
  clientSetups?(origin: string): IClientSetup[];
  /** the registry's own settings; defaults of the hosts' options with the same names */
  readonly trustProxy?: boolean | undefined;
  readonly logger?: ILogger | undefined;
}

export interface IHostOptions {
  /**
   * Trust X-Forwarded-Proto, -Host and -For. Default: the registry's setting. It must agree with the registry, which
   * reads the same headers when it builds links.
   */
  trustProxy?: boolean | undefined;
  /** logs requests that failed or were broken off; default: the registry's own */
  logger?: ILogger | undefined;
}

export interface IFetchHandlerOptions extends IHostOptions {
  /**
   * The path that the host application removes before it calls the handler, e.g. `/packages` with
   * `app.mount('/packages', …)` of Hono. Omit it if the host passes the whole URL.
   */
  prefix?: string | undefined;
  /** data of the runtime about the caller, e.g. its address, which a `Request` does not have */
  actor?(request: Request): IRequestActor;
}

export interface INodeListenerOptions extends IHostOptions {
  /** replaces the default actor, which has `ip` and `userAgent` */
  actor?(request: IncomingMessage): IRequestActor;
  /** ms for which a client may read no byte of an answer before it is disconnected; default 60,000 */
  idleTimeoutMs?: number | undefined;
  /**
   * Set it on the listener of a server's `checkContinue` event: `100 Continue` is then sent when the registry begins to
   * read the body, so a refused upload is never sent. On `request` Node has already sent it. Default false.
   */
  answersContinue?: boolean | undefined;
  /** returns the object that the registry fills in for this request's line in an access log */
  trace?(request: IncomingMessage): IRequestTrace | undefined;
}

/** One request that was answered or broken off, as passed to `onResponse`. Only `path` may contain a secret. */
export interface IResponseReport extends IRequestTrace {
  /** also sent as `X-Request-Id`; a trusted proxy's id is kept */
  id: string;
  method: string;
  /** without the query, which may hold credentials */
  path: string;
  /** 0 if the client was gone before the answer */
  status: number;
  /** from the request's header to the last byte of the answer */
  durationMs: number;
  /** bytes sent, header included */
  bytes: number;
  /** the client did not receive the whole answer */
  aborted: boolean;
  ip?: string | undefined;
  userAgent?: string | undefined;
}

/** PEM texts: a chain that begins with the server's own certificate, and the key that belongs to it. */
export interface ITlsFiles {
  cert: string;
  key: string;
}

export interface INodeServerOptions extends Omit<INodeListenerOptions, 'answersContinue' | 'trace'> {
  /** default `127.0.0.1` */
  host?: string | undefined;
  /** 0 takes a free one; default 5000 */
  port?: number | undefined;
  /** serves https */
  tls?: ITlsFiles | undefined;
  /** bytes of request line and header; larger ones get 431; default 32,768 */
  maxHeaderSize?: number | undefined;
  /** requests with more header fields get 431; default 200 */
  maxHeaderCount?: number | undefined;
  /** ms within which a request's header must arrive; default 30,000 */
  headersTimeoutMs?: number | undefined;
  /** ms an idle connection is kept for its next request; default 65,000, above the usual 60 s of proxies */
  keepAliveTimeoutMs?: number | undefined;
  /** ms that `close()` waits for requests under way; default 30,000 */
  shutdownTimeoutMs?: number | undefined;
  onResponse?(report: IResponseReport): void;
}

/** A running (or startable) HTTP server around a registry. */
export interface IRegistryServer {
  /** resolves when the port is open; rejects when it cannot be opened (`EADDRINUSE`, …) */
  listen(): Promise<{ host: string; port: number; url: string }>;
  /**
   * Serves new connections with a renewed certificate; open connections keep the old one. Throws if the two cannot be
   * used (the old ones stay in use), or if the server was made without TLS.
   */
  renewTls(tls: ITlsFiles): void;
  /**
   * Stops accepting connections, lets requests under way finish for at most `shutdownTimeoutMs`, then closes the rest.
   * The registry itself stays open. May be called more than once.
   */
  close(): Promise<void>;
}
