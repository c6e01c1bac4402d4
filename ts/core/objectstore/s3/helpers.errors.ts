import { RegistryError } from '../../classes.registryerror.js';

/** The part of an SDK error that says what happened. All of it is optional: a socket error has only `code`. */
interface IS3ErrorLike {
  name?: string;
  code?: string;
  Code?: string;
  Region?: string;
  ActualObjectSize?: number | string;
  $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean };
}

const like = (error: unknown): IS3ErrorLike => (typeof error === 'object' && error !== null ? error : {});

/** undefined: no answer came, so nobody knows what the server did */
export const statusOf = (error: unknown): number | undefined => like(error).$metadata?.httpStatusCode;

/** S3's own code where one came (`NoSuchKey`), else the socket's (`ECONNRESET`), else the class of the error. */
export const codeOf = (error: unknown): string => {
  const { Code, code, name, $metadata } = like(error);
  if (name === 'AbortError' || name === 'TimeoutError') return 'no answer in time';
  // an answer without a document, as to every HEAD
  if (name === 'Unknown' && $metadata?.httpStatusCode) return `HTTP ${$metadata.httpStatusCode}`;
  return Code ?? (typeof code === 'string' ? code : undefined) ?? name ?? 'unknown error';
};

/** HEAD answers carry no body and so no code; whoever asks with HEAD makes sure of the bucket itself. */
export const isAbsent = (error: unknown): boolean => statusOf(error) === 404 && codeOf(error) !== 'NoSuchBucket';

const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
const THROTTLED = ['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'RequestTimeout', 'TooManyRequests'];

/**
 * versitygw, which keeps keys as paths. For good where a key is a directory of another's, which callers avoid; for a
 * moment while it removes the directory that a delete has emptied.
 */
const PATH_TAKEN = ['ExistingObjectIsDirectory', 'ObjectParentIsFile'];
/** MinIO calls the same moment "access denied". init() has seen that access is not denied, so it is worth asking again. */
const DENIED = 'AccessDenied';

/**
 * What a failed write may have done.
 * - `absent`, `condition`: the server refused it for what is (not) stored, and nothing changed
 * - `again`: it was not carried out, and the same request may succeed later
 * - `refused`: it was not carried out and will not be
 * - `unknown`: it may have been carried out, now or in a moment
 */
export type TWriteFailure = 'absent' | 'condition' | 'again' | 'refused' | 'unknown';

export const classify = (error: unknown): TWriteFailure => {
  const status = statusOf(error);
  const code = codeOf(error);
  if (NEVER_SENT.includes(code) || THROTTLED.includes(code) || status === 429) return 'again';
  if (like(error).$metadata?.clockSkewCorrected) return 'again';
  if (status === undefined || status >= 500) return status === 501 ? 'refused' : 'unknown';
  // a 200 that turns out to hold an error document, as CompleteMultipartUpload may answer
  if (status < 300) return 'unknown';
  // the upload is gone because it was completed, or because it was aborted; the object tells
  if (code === 'NoSuchUpload') return 'unknown';
  if (status === 412) return 'condition';
  // AWS: another write of the key was under way; neither was preferred, so ask again
  if (['ConditionalRequestConflict', 'OperationAborted', DENIED, ...PATH_TAKEN].includes(code)) return 'again';
  if (status === 404 && code === 'NoSuchKey') return 'absent';
  return 'refused';
};

/** What helps an operator, for the codes whose cause is in the configuration. */
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

/** The operator's view of what went wrong with the configured storage. The caller adds where. */
export const explain = (error: unknown): string => {
  const code = codeOf(error);
  const { Region } = like(error);
  if (HINTS[code]) return `${code}: ${HINTS[code]}${Region ? `, which is ${Region}` : ''}`;
  return code === 'Error' && error instanceof Error ? error.message : code;
};

/**
 * Everything that is not "absent" or a condition: the storage is unavailable. The message goes to callers, so it names
 * S3's code and no more; the server's own words stay in the cause.
 */
export const toRegistryError = (error: unknown): RegistryError => {
  if (error instanceof RegistryError) return error;
  const code = codeOf(error);
  if (code === 'EntityTooLarge')
    return new RegistryError('tooLarge', 'The storage does not take objects of this size', { cause: error });
  if (code === 'KeyTooLongError')
    return new RegistryError('invalid', 'The name is too long for the storage', { cause: error });
  if (code === 'ERR_INVALID_CHAR')
    return new RegistryError('invalid', 'The content type holds forbidden characters', { cause: error });
  if (PATH_TAKEN.includes(code))
    return new RegistryError('conflict', 'The storage holds this name as a folder, or its folder as a file', {
      cause: error,
    });
  return new RegistryError('unavailable', `The storage cannot answer (${code})`, { cause: error });
};

export const preconditionFailed = (key: string, cause?: unknown): RegistryError =>
  new RegistryError('preconditionFailed', `"${key}" is not in the state that this write was made for`, { cause });

export const rangeInvalid = (size: number): RegistryError =>
  new RegistryError('rangeInvalid', `The range begins after the last of ${size} bytes`, { detail: { size } });

/** The size that a 416 tells, where it does. */
export const sizeIn = (error: unknown): number | undefined => {
  const size = Number(like(error).ActualObjectSize ?? Number.NaN);
  return Number.isInteger(size) ? size : undefined;
};
