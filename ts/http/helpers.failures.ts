import { toReadableStream } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IResponse } from '../core/interfaces.core.js';

const BODYLESS = new Set([204, 205, 304]);

/**
 * Whether an answer to `method` with `status` must not have a body (RFC 9110 sections 9.3.2, 15.3.5, 15.3.6, 15.4.5).
 */
export const isBodyless = (method: string, status: number): boolean => method === 'HEAD' || BODYLESS.has(status);

/** An answer by the host itself, outside all protocols. */
export const hostAnswer = (status: number, content: object, headers: Record<string, string> = {}): IResponse => {
  const bytes = Buffer.from(JSON.stringify(content));
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(bytes.byteLength),
      'Cache-Control': 'no-store',
      ...headers,
    },
    body: toReadableStream(bytes),
  };
};

/**
 * The answer if the registry rejected, or if the body of its answer failed before its first byte. It shows only the
 * message of a RegistryError.
 */
export const failureAnswer = (thrown: unknown): IResponse => {
  const error = RegistryError.from(thrown);
  const told = error.kind === 'internal' ? 'The registry failed to answer this request' : error.message;
  return hostAnswer(error.status, { error: told }, error.headers);
};

/** The number in a response's Content-Length, whatever the case of its name. */
export const declaredLength = (headers: Record<string, string>): number | undefined => {
  for (const name in headers) {
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(headers[name]);
  }
  return undefined;
};
