/** The seven that ship with the library; any other string is a user's own protocol. */
export type TRegistryProtocol =
  | 'oci'
  | 'npm'
  | 'maven'
  | 'cargo'
  | 'composer'
  | 'pypi'
  | 'rubygems'
  | (string & Record<never, never>);

/** The cause of a request, for hooks and audit logs. It grants nothing. */
export interface IRequestActor {
  userId?: string | undefined;
  tokenId?: string | undefined;
  ip?: string | undefined;
  userAgent?: string | undefined;
  orgId?: string | undefined;
  sessionId?: string | undefined;
  [key: string]: unknown;
}

/**
 * For hosts with an access log: the host passes it with a request, and the registry fills it in. It contains no secret
 * and grants no right.
 */
export interface IRequestTrace {
  /** id of the request; the registry's own log lines about it have the same */
  id?: string;
  protocol?: TRegistryProtocol;
  /** the caller; absent for an anonymous one */
  userId?: string;
  tokenId?: string;
  /** the error message of a 4xx or 5xx answer */
  refusal?: string;
}

/** An HTTP request, in parts. */
export interface IRequestContext {
  method: string;
  /** the raw path as on the wire (percent-encoding kept), without the query */
  path: string;
  /** any case */
  headers: Record<string, string | string[] | undefined>;
  query: Record<string, string | string[] | undefined>;
  /** Uint8Array | string | ReadableStream | Node Readable | AsyncIterable | already parsed object */
  body?: unknown;
  /** an already extracted credential, used instead of the Authorization header */
  token?: string | undefined;
  actor?: IRequestActor | undefined;
  /** public origin of this request, e.g. `https://registry.example.com` */
  baseUrl?: string | undefined;
  /**
   * The part of the path that the host application has removed, e.g. `/packages`: links in answers begin with it. A
   * protocol's mount may be part of it, as with Express's `app.use('/npm', …)`.
   */
  prefix?: string | undefined;
  /** aborts the work when the client is gone */
  signal?: AbortSignal | undefined;
  /** filled in by the registry, for an access log */
  trace?: IRequestTrace | undefined;
}

/** A request as an embedder may hand it over: with the objects of the fetch standard too. */
export interface IIncomingContext extends Omit<IRequestContext, 'headers' | 'query'> {
  headers: IRequestContext['headers'] | Headers;
  query: IRequestContext['query'] | URLSearchParams;
}

/** An HTTP response, in parts. */
export interface IResponse {
  status: number;
  headers: Record<string, string>;
  /** absent for HEAD, 204, 205 and 304 */
  body?: ReadableStream<Uint8Array> | undefined;
  /**
   * The reason phrase, in printable ASCII; the usual one of the status if absent. HTTP/2 has none. Some clients print
   * it and not the body.
   */
  statusText?: string;
}

/** How to configure clients for a protocol. */
export interface IClientSetup {
  protocol: TRegistryProtocol;
  /** its public URL */
  url: string;
  /** lines to type, or for a file */
  lines: string[];
  /** the paths under which it is mounted; `''` is the root */
  mounts: string[];
}

/** Receives the log lines of the registry. */
export interface ILogger {
  /** For development. */
  debug?(message: string, fields?: Record<string, unknown>): void;
  /** An event of normal operation. */
  info(message: string, fields?: Record<string, unknown>): void;
  /** Something that an operator should know. */
  warn(message: string, fields?: Record<string, unknown>): void;
  /** A fault that an operator has to look at. */
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Limits of the registry; each has a default. */
export interface ILimits {
  /** bytes of an uploaded artifact; default 10 GiB */
  maxArtifactSize?: number | undefined;
  /** bytes of a metadata body (JSON, XML, form); default 32 MiB */
  maxMetadataSize?: number | undefined;
  /** bytes of decoded content that an archive may unpack to while it is checked; default 4 GiB */
  maxUnpackedSize?: number | undefined;
  /** ms without a byte after which a request body is given up with 408; default 60,000 */
  bodyIdleTimeoutMs?: number | undefined;
  /** ms a storage hook may take before it counts as a refusal; default 30,000 */
  hookTimeoutMs?: number | undefined;
  /** bytes of parsed documents kept in memory, and as many again of rendered metadata; default 64 MiB each */
  metadataCacheSize?: number | undefined;
}

/** Which pages of other origins may read packages and images. */
export interface ICorsConfig {
  /** e.g. `https://packages.example.org`; `'*'` is every page, without the credentials that a browser keeps */
  origins: string[];
}

/** The block of a protocol in the configuration. */
export interface IProtocolConfig {
  enabled: boolean;
  /** URL prefix, e.g. `/npm`; default `/<protocol>` */
  basePath?: string | undefined;
  /** public base URL of this protocol, used in generated links, e.g. `https://registry.example.com/npm` */
  registryUrl?: string | undefined;
  features?: Record<string, boolean> | undefined;
  /** lets a version that was deleted be published again; default false */
  allowRepublish?: boolean | undefined;
}
