/** The kinds of errors; one table maps them to HTTP statuses. */
export type TErrorKind =
  | 'invalid'
  | 'digestMismatch'
  | 'unauthenticated'
  | 'forbidden'
  | 'notFound'
  | 'methodNotAllowed'
  | 'notAcceptable'
  | 'timeout'
  | 'alreadyExists'
  | 'conflict'
  | 'lengthRequired'
  | 'preconditionFailed'
  | 'tooLarge'
  | 'rangeInvalid'
  | 'unprocessable'
  | 'rateLimited'
  | 'unsupported'
  | 'upstreamFailed'
  | 'unavailable'
  /** a store call may or may not have been applied; only drivers throw it, core turns it into `OutcomeUnknownError` */
  | 'outcomeUnknown'
  | 'internal';

const STATUS: Record<TErrorKind, number> = {
  invalid: 400,
  digestMismatch: 400,
  unauthenticated: 401,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  notAcceptable: 406,
  timeout: 408,
  alreadyExists: 409,
  conflict: 409,
  lengthRequired: 411,
  preconditionFailed: 412,
  tooLarge: 413,
  rangeInvalid: 416,
  unprocessable: 422,
  rateLimited: 429,
  unsupported: 501,
  upstreamFailed: 502,
  unavailable: 503,
  outcomeUnknown: 503,
  internal: 500,
};

/** Seconds after which clients try again: most outages are shorter. */
const RETRY_AFTER = { 'Retry-After': '5' };

/** What a `RegistryError` has beside its kind and message. */
export interface IRegistryErrorOptions {
  /** the code that the protocol itself uses, e.g. `MANIFEST_UNKNOWN` */
  wireCode?: string;
  /** overrides the kind's status where a protocol's clients expect another one */
  status?: number;
  headers?: Record<string, string>;
  /** structured detail that is safe to show the caller */
  detail?: unknown;
  /** logged, never shown */
  cause?: unknown;
}

/** The one error type that crosses the library's layers. The message is shown to the caller, except for `internal`. */
export class RegistryError extends Error {
  public override readonly name = 'RegistryError';
  public readonly status: number;
  public readonly wireCode?: string;
  public readonly headers: Record<string, string>;
  public readonly detail?: unknown;

  constructor(
    public readonly kind: TErrorKind,
    message: string,
    options: IRegistryErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status ?? STATUS[kind];
    this.wireCode = options.wireCode;
    this.headers = this.status === 503 ? { ...RETRY_AFTER, ...options.headers } : (options.headers ?? {});
    this.detail = options.detail;
  }

  /**
   * Converts anything thrown into a RegistryError: an unknown error becomes `internal`, with the original as its cause.
   */
  public static from(thrown: unknown): RegistryError {
    if (thrown instanceof RegistryError) return thrown;
    if (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError')) {
      return new RegistryError('timeout', 'The request was aborted before it was complete', { cause: thrown });
    }
    return new RegistryError('internal', 'The registry failed to answer this request', { cause: thrown });
  }

  /** Whether a value is a `RegistryError`, of this kind if one is given. */
  public static is(thrown: unknown, kind: TErrorKind): thrown is RegistryError {
    return thrown instanceof RegistryError && thrown.kind === kind;
  }
}
