import type { IncomingMessage } from 'node:http';
import type {
  IClientSetup,
  ILogger,
  IRequestActor,
  IRequestContext,
  IRequestTrace,
  IResponse,
} from '../core/interfaces.core.js';

/** Whatever answers registry requests: a `SmartRegistry`, or anything wrapped around one. */
export interface IRequestHandler {
  /** Answers one request; see `SmartRegistry.handleRequest`. */
  handleRequest(context: IRequestContext): Promise<IResponse>;
  /**
   * whether a request for this raw path, before which the host application has cut off `prefix`, is one for the registry;
   * absent: all are
   */
  handles?(path: string, prefix?: string): boolean;
  /** parts a whole raw path into what stands before a protocol's mount and the rest; undefined if no mount is in it */
  locate?(path: string): { prefix: string; path: string } | undefined;
  /** resolves false (or rejects) when the registry cannot do its work, e.g. because the store does not answer */
  checkHealth?(): Promise<boolean>;
  /** how clients are pointed at each protocol, for the start page; without it there is none */
  clientSetups?(origin: string): IClientSetup[];
  /** the registry's own settings; the defaults of the hosts' options of the same names */
  readonly trustProxy?: boolean | undefined;
  readonly logger?: ILogger | undefined;
}

/** Options of every host. */
export interface IHostOptions {
  /**
   * Believe X-Forwarded-Proto, -Host and -For. Default: what the registry was configured with. It must agree with the
   * registry, which reads the same headers when it builds links.
   */
  trustProxy?: boolean | undefined;
  /** hears of what could not be answered or was broken off; default: the registry's own */
  logger?: ILogger | undefined;
}

/** Options of `toFetchHandler`. */
export interface IFetchHandlerOptions extends IHostOptions {
  /**
   * What the host application cuts off the path before it calls the handler, e.g. `/packages` with
   * `app.mount('/packages', …)` of Hono. Leave it out for hosts that hand over the whole URL.
   */
  prefix?: string | undefined;
  /** what the runtime knows of the caller, e.g. its address, which a `Request` does not carry */
  actor?(request: Request): IRequestActor;
}

/** Options of `toNodeListener`. */
export interface INodeListenerOptions extends IHostOptions {
  /** replaces the default actor, which has `ip` and `userAgent` */
  actor?(request: IncomingMessage): IRequestActor;
  /** ms a client may take no byte of an answer before it is cut off; default 60,000 */
  idleTimeoutMs?: number | undefined;
  /**
   * Set on the listener of a server's `checkContinue` event: `100 Continue` is then sent when the registry begins to
   * read the body, so that a refused upload is never sent. On `request` Node has sent it already. Default false.
   */
  answersContinue?: boolean | undefined;
  /** what the registry is to fill in for this request's line in an access log */
  trace?(request: IncomingMessage): IRequestTrace | undefined;
}

/** One answered (or broken off) request, as `onResponse` hears of it. Nothing in it but `path` can hold a secret. */
export interface IResponseReport extends IRequestTrace {
  /** also sent as `X-Request-Id`; taken over from a trusted proxy */
  id: string;
  method: string;
  /** without the query, which may hold credentials */
  path: string;
  /** 0 when the client was gone before it was answered */
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

/** Options of `createNodeServer`. */
export interface INodeServerOptions extends Omit<INodeListenerOptions, 'answersContinue' | 'trace'> {
  /** default `127.0.0.1` */
  host?: string | undefined;
  /** 0 takes a free one; default 5000 */
  port?: number | undefined;
  /** serves https */
  tls?: ITlsFiles | undefined;
  /** bytes of request line and header; more is answered with 431; default 32,768 */
  maxHeaderSize?: number | undefined;
  /** more header fields than this are answered with 431; default 200 */
  maxHeaderCount?: number | undefined;
  /** ms in which a request's header must have come; default 30,000 */
  headersTimeoutMs?: number | undefined;
  /** ms an idle connection is kept for its next request; default 65,000, above the usual 60 s of proxies */
  keepAliveTimeoutMs?: number | undefined;
  /** ms that `close()` waits for requests under way; default 30,000 */
  shutdownTimeoutMs?: number | undefined;
  /** Called once for each request, when its response was sent or broken off. */
  onResponse?(report: IResponseReport): void;
}

/** A running (or startable) HTTP server around a registry. */
export interface IRegistryServer {
  /** resolves when the port is open; rejects when it cannot be opened (`EADDRINUSE`, …) */
  listen(): Promise<{ host: string; port: number; url: string }>;
  /**
   * Serves new connections with a renewed certificate; those that are open keep the old one. Throws if the two cannot be
   * used, and the server then goes on with what it has; also on a server that was made without TLS.
   */
  renewTls(tls: ITlsFiles): void;
  /**
   * Stops accepting, lets requests under way finish for at most `shutdownTimeoutMs`, then cuts the rest off. Leaves
   * the registry itself alone. May be called more than once.
   */
  close(): Promise<void>;
}
