import type { RegistryError, TErrorKind } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import { respond } from '../../core/pipeline/helpers.http.js';

/** distribution-spec, "Error Codes". Handlers set a more specific code if they know one. */
const CODES: Partial<Record<TErrorKind, string>> = {
  unauthenticated: 'UNAUTHORIZED',
  forbidden: 'DENIED',
  notFound: 'NAME_UNKNOWN',
  methodNotAllowed: 'UNSUPPORTED',
  unsupported: 'UNSUPPORTED',
  digestMismatch: 'DIGEST_INVALID',
  tooLarge: 'SIZE_INVALID',
  lengthRequired: 'SIZE_INVALID',
  // not among the specification's codes, which has none for a range outside a blob; distribution uses it
  rangeInvalid: 'RANGE_INVALID',
  rateLimited: 'TOOMANYREQUESTS',
  unavailable: 'UNAVAILABLE',
  outcomeUnknown: 'UNAVAILABLE',
  upstreamFailed: 'UNAVAILABLE',
  internal: 'UNKNOWN',
};

/** `{"errors": [{"code", "message", "detail"}]}` */
export const renderOciError = (error: RegistryError, status = error.status, code?: string): IResponse => {
  const entry = {
    code: code ?? error.wireCode ?? CODES[error.kind] ?? 'UNSUPPORTED',
    message: error.message,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  };
  return respond(status, { errors: [entry] });
};

/**
 * The code for errors before a handler runs: an unknown path, or a body that does not have its announced length (or
 * breaks off, or cannot be decoded).
 */
export const earlyCode = (error: RegistryError, call: { method: string; route: string } | null): string | undefined => {
  if (error.kind !== 'invalid' || error.status !== 400 || error.wireCode !== undefined) return undefined;
  if (!call?.route) return 'NAME_INVALID';
  return ['PUT', 'PATCH', 'POST'].includes(call.method) && call.route !== '/token' ? 'SIZE_INVALID' : undefined;
};
