import { missingPermission } from '../../../base/helpers.permissions.js';
import { RegistryError } from '../../../classes.registryerror.js';

/** The fields of an SDK error that are read here. All are optional: a socket error has only `code`. */
interface IS3ErrorLike {
  name?: string;
  code?: string;
  Code?: string;
  Region?: string;
  ActualObjectSize?: number | string;
  $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean };
}

const like = (error: unknown): IS3ErrorLike => (typeof error === 'object' && error !== null ? error : {});

/** undefined: no answer came */
export const statusOf = (error: unknown): number | undefined => like(error).$metadata?.httpStatusCode;

/**
 * S3's own code if the answer has one (`NoSuchKey`), else the socket's (`ECONNRESET`), else the name of the error
 * class.
 */
export const codeOf = (error: unknown): string => {
  const { Code, code, name, $metadata } = like(error);
  if (name === 'AbortError' || name === 'TimeoutError') return 'no answer in time';
  // an answer without an error document, e.g. every answer to HEAD
  if (name === 'Unknown' && $metadata?.httpStatusCode) return `HTTP ${$metadata.httpStatusCode}`;
  return Code ?? (typeof code === 'string' ? code : undefined) ?? name ?? 'unknown error';
};

/**
 * The only answer that means "absent". A 404 alone does not: a load balancer sends it with a page of its own, a server
 * whose bucket is not mounted sends it with `NoSuchBucket`, and the answer to a HEAD has no body and so no code.
 */
export const isNoSuchKey = (error: unknown): boolean => statusOf(error) === 404 && codeOf(error) === 'NoSuchKey';

/** Whether the answer has S3's error document; without one, it may come from any proxy. */
const hasDocument = (error: unknown): boolean => like(error).Code !== undefined;

const NEVER_SENT = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CredentialsProviderError',
];
const THROTTLED = ['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'RequestTimeout', 'TooManyRequests'];

/**
 * Codes of versitygw, which stores keys as paths. Permanent if a key is a directory of another key, which callers
 * avoid; temporary while it removes a directory that a delete has emptied.
 */
const PATH_TAKEN = ['ExistingObjectIsDirectory', 'ObjectParentIsFile'];
/**
 * MinIO sends "access denied" at that moment. init() has checked that access is allowed, so the request is sent again.
 */
const DENIED = 'AccessDenied';

/**
 * What a failed write or delete may have done:
 *
 * - `absent`, `condition`: the server refused it because of what is (not) stored, and nothing changed
 * - `again`: it was not applied, and the same request may succeed later
 * - `refused`: it was not applied and never will be
 * - `unknown`: it may have been applied, or may be applied in a moment
 */
export type TWriteFailure = 'absent' | 'condition' | 'again' | 'refused' | 'unknown';

export const writeFailureOf = (error: unknown): TWriteFailure => {
  const status = statusOf(error);
  const code = codeOf(error);
  if (NEVER_SENT.includes(code) || status === 429) return 'again';
  if (hasDocument(error) && THROTTLED.includes(code)) return 'again';
  // the request cannot be built (`ERR_INVALID_CHAR`): it was never sent
  if (code === 'ERR_INVALID_CHAR') return 'refused';
  if (status === undefined || status >= 500) return status === 501 ? 'refused' : 'unknown';
  // a 200 whose body is an error document, which CompleteMultipartUpload may send
  if (status < 300) return 'unknown';
  if (like(error).$metadata?.clockSkewCorrected) return 'again';
  // nothing but S3 checks conditions, and some servers send 412 without a document
  if (status === 412) return 'condition';
  // the page of a proxy, which may have forwarded the request before
  if (!hasDocument(error)) return status === 413 ? 'refused' : 'unknown';
  // the upload is gone because it was completed, or because it was aborted; a HEAD of the object decides
  if (code === 'NoSuchUpload') return 'unknown';
  // AWS: another write of the key was under way at the same time, and both were refused: send it again
  if (['ConditionalRequestConflict', 'OperationAborted', DENIED, ...PATH_TAKEN].includes(code)) return 'again';
  return isNoSuchKey(error) ? 'absent' : 'refused';
};

/** Advice to an operator, for the codes whose cause is in the configuration. */
const HINTS: Record<string, string> = {
  InvalidAccessKeyId: 'the server does not know config.storage.accessKey',
  XAdminUserNotFound: 'the server does not know config.storage.accessKey',
  SignatureDoesNotMatch: 'config.storage.accessSecret does not belong to config.storage.accessKey',
  AccessDenied: 'the credentials may not do this; they need to list, read, write and delete in the bucket',
  ExpiredToken: 'config.storage.sessionToken is no longer valid',
  InvalidToken: 'config.storage.sessionToken is not valid',
  RequestTimeTooSkewed: "this machine's clock and the server's differ by too much",
  AuthorizationHeaderMalformed: "config.storage.region is not the bucket's region",
  PermanentRedirect: "config.storage.region or config.storage.endpoint is not the bucket's",
  InvalidBucketName: 'config.storage.bucketName is not a name that S3 accepts',
  NoSuchBucket: 'the bucket does not exist',
  EPROTO:
    'the server does not speak TLS: begin config.storage.endpoint with "http://", or set config.storage.useSsl to false',
  ECONNREFUSED: 'nothing listens there: config.storage.endpoint or config.storage.port is wrong, or the server is down',
  ENOTFOUND: 'config.storage.endpoint is not a host that can be found',
  CredentialsProviderError:
    'no credentials: give config.storage.accessKey and accessSecret, or provide them to the SDK',
};

/** Describes a start failure to the operator, with S3's code and advice. The caller adds bucket and endpoint. */
export const explain = (error: unknown): string => {
  const code = codeOf(error);
  const { Region } = like(error);
  if (HINTS[code]) return `${code}: ${HINTS[code]}${Region ? `, which is ${Region}` : ''}`;
  return missingPermission(error, 's3') ?? (code === 'Error' && error instanceof Error ? error.message : code);
};

/**
 * Converts an error of S3. The message goes to callers and contains no S3 code; the SDK's error is the cause, for the
 * log.
 */
export const toRegistryError = (cause: unknown): RegistryError => {
  if (cause instanceof RegistryError) return cause;
  const code = codeOf(cause);
  if (code === 'EntityTooLarge' || statusOf(cause) === 413) {
    return new RegistryError('tooLarge', 'The storage does not take objects of this size', { cause });
  }
  if (code === 'KeyTooLongError')
    return new RegistryError('invalid', 'The name is too long for the storage', { cause });
  if (code === 'ERR_INVALID_CHAR') {
    return new RegistryError('invalid', 'The content type holds forbidden characters', { cause });
  }
  if (PATH_TAKEN.includes(code)) {
    const message = 'The storage holds this name as a folder, or its folder as a file';
    return new RegistryError('conflict', message, { cause });
  }
  return unavailable('The storage cannot answer', cause);
};

export const unavailable = (message: string, cause?: unknown): RegistryError =>
  new RegistryError('unavailable', message, { cause });

/** S3 sends a length with each object; a proxy that removes it would make every object look empty. */
export const withoutLength = (): RegistryError => unavailable('The storage does not say how long the object is');

/** @param cause the failure after which it is unknown whether the write or delete was, or will be, applied */
export const outcomeUnknown = (cause: unknown): RegistryError =>
  new RegistryError('outcomeUnknown', 'It is not known whether the storage did this', { cause });

export const preconditionFailed = (key: string, cause?: unknown): RegistryError =>
  new RegistryError('preconditionFailed', `"${key}" is not in the state that this write was made for`, { cause });

/** A part that is to be joined is missing, or is another object than requested. */
export const partGone = (name: string, cause?: unknown): RegistryError =>
  new RegistryError('notFound', `"${name}" is to be joined and is not there`, { cause });

export const rangeInvalid = (size: number): RegistryError =>
  new RegistryError('rangeInvalid', `The range begins after the last of ${size} bytes`, { detail: { size } });

/** The object's size in a 416 answer, if the answer has it. */
export const sizeIn = (error: unknown): number | undefined => {
  const size = Number(like(error).ActualObjectSize ?? Number.NaN);
  return Number.isInteger(size) ? size : undefined;
};

/**
 * The error for an abort by the caller's signal: the signal's own reason, which distinguishes a deadline from a
 * disconnect.
 */
export const abortReason = (signal: AbortSignal): unknown =>
  signal.reason instanceof Error ? signal.reason : new RegistryError('timeout', 'The request was aborted');
