import type { TPresentedCredential } from '../auth/interfaces.auth.js';
import { bareAddress } from '../base/helpers.address.js';
import { discardBody, responseOfBytes } from '../base/helpers.streams.js';
import { RegistryError } from '../classes.registryerror.js';
import type { IRequestContext, IResponse } from '../interfaces.core.js';

type TMultiValue = string | string[] | undefined;

/** One header by its name in any case; repeated headers are joined as in RFC 9110 section 5.3. */
export const headerOf = (headers: Record<string, TMultiValue>, name: string): string | undefined => {
  const lower = name.toLowerCase();
  let value: TMultiValue = Object.hasOwn(headers, lower) ? headers[lower] : undefined;
  if (value === undefined) {
    for (const key of Object.keys(headers)) {
      if (key.length === lower.length && key.toLowerCase() === lower) {
        value = headers[key];
        break;
      }
    }
  }
  if (value === undefined || typeof value === 'string') return value;
  // an embedder may pass `'Content-Length': 5`, which the types forbid and JavaScript allows
  return Array.isArray(value) ? value.join(', ') : String(value);
};

/**
 * All values of a query parameter. Parsers of host applications make objects from `?text[a]=1`, which no protocol uses.
 */
export const queryValues = (query: Record<string, TMultiValue>, name: string): string[] => {
  const value: unknown = Object.hasOwn(query, name) ? query[name] : undefined;
  if (value === undefined) return [];
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (values.every((one) => typeof one === 'string')) return values;
  throw new RegistryError('invalid', `The query parameter "${name}" is not a text`);
};

/** A query as the text behind the `?` of a URL; empty if there is none. */
export const queryText = (query: Record<string, TMultiValue>): string => {
  const text = new URLSearchParams();
  for (const name of Object.keys(query)) for (const value of queryValues(query, name)) text.append(name, value);
  return text.toString();
};

/**
 * The credential in the Authorization header: Bearer, Basic, or a bare token as cargo and gem send it. `null` without
 * the header; a malformed header is an empty token, which is never valid.
 */
export const parseAuthorization = (header: string | undefined): TPresentedCredential | null => {
  if (!header) return null;
  // the usual case, sometimes with a long JWT
  if (header.startsWith('Bearer ')) return { kind: 'token', token: header.slice('Bearer '.length).trim() };
  const [, scheme, rest] = /^(\S+)(?:\s+(.*))?$/s.exec(header.trim()) ?? [];
  if (scheme === undefined) return null;
  if (rest === undefined) return { kind: 'token', token: /^(basic|bearer)$/i.test(scheme) ? '' : scheme };
  if (/^bearer$/i.test(scheme)) return { kind: 'token', token: rest.trim() };
  if (!/^basic$/i.test(scheme)) return { kind: 'token', token: '' };
  const decoded = Buffer.from(rest, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return { kind: 'token', token: '' };
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
};

/** Whether If-None-Match (RFC 9110 section 13.1.2, weak comparison) names one of these ETags, given without quotes. */
export const matchesEtag = (header: string, etags: string[]): boolean => {
  if (header.trim() === '*') return true;
  for (const match of header.matchAll(/(?:W\/)?"([^"]*)"|([^\s,"]+)/g)) {
    if (etags.includes((match[1] ?? match[2]) as string)) return true;
  }
  return false;
};

/** Whether Accept-Encoding (RFC 9110 section 12.5.3) allows a coding. */
export const acceptsEncoding = (header: string | undefined, coding: string): boolean => {
  if (!header) return false;
  let wildcard = false;
  for (const item of header.split(',')) {
    const [name, ...parameters] = item.split(';');
    const refused = parameters.some((parameter) => /^\s*q\s*=\s*0(\.0*)?\s*$/i.test(parameter));
    const token = (name as string).trim().toLowerCase();
    if (token === coding) return !refused;
    if (token === '*') wildcard = !refused;
  }
  return wildcard;
};

interface IMediaRange {
  type: string;
  quality: number;
  specificity: number;
}

const mediaRange = (item: string): IMediaRange => {
  const [type, ...parameters] = item.split(';');
  const q = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1]).find(Boolean);
  const name = (type as string).trim().toLowerCase();
  return {
    type: name,
    quality: q === undefined ? 1 : Number(q),
    specificity: name === '*/*' ? 0 : name.endsWith('/*') ? 1 : 2,
  };
};

/**
 * The offered media type that Accept (RFC 9110 section 12.5.1) prefers; of equal ones the first. Without an Accept
 * header the first offer; null if none is acceptable.
 */
export const negotiate = (header: string | undefined, offers: string[]): string | null => {
  if (!header?.trim()) return offers[0] ?? null;
  const ranges = header.split(',').map(mediaRange);
  let best: string | null = null;
  let bestQuality = 0;
  for (const offer of offers) {
    const fits = ranges.filter(({ type }) => type === '*/*' || type === offer || type === `${offer.split('/')[0]}/*`);
    const chosen = fits.sort((a, b) => b.specificity - a.specificity)[0];
    if (chosen && chosen.quality > bestQuality) {
      best = offer;
      bestQuality = chosen.quality;
    }
  }
  return best;
};

/**
 * The caller's address. Behind a trusted proxy it is the last entry of X-Forwarded-For: this proxy wrote it, and the
 * caller may have invented all entries before it.
 */
export const callerAddress = (
  peer: string | undefined,
  trusted: boolean,
  forwardedFor: string | string[] | null | undefined,
): string | undefined => {
  const list = trusted ? String(forwardedFor ?? '') : '';
  const nearest = list.slice(list.lastIndexOf(',') + 1).trim();
  const address = nearest || peer;
  return address && bareAddress(address);
};

/** The address of the caller from the host's `actor`, else from X-Forwarded-For, if that is trusted. */
export const addressOf = (context: IRequestContext, trustProxy: boolean): string | undefined =>
  context.actor?.ip ??
  (trustProxy ? callerAddress(undefined, true, headerOf(context.headers, 'x-forwarded-for')) : undefined);

/** A response with a body. Content-Length is set if the bytes are known. Objects become JSON. */
export const respond = (
  status: number,
  body: object | string | Uint8Array,
  headers: Record<string, string> = {},
): IResponse => {
  if (body instanceof ReadableStream) return { status, headers, body: body as ReadableStream<Uint8Array> };
  const text = typeof body === 'string';
  const bytes = body instanceof Uint8Array ? body : Buffer.from(text ? body : JSON.stringify(body));
  const fallback =
    body instanceof Uint8Array ? 'application/octet-stream' : text ? 'text/plain; charset=utf-8' : 'application/json';
  const typed: Record<string, string> =
    headerOf(headers, 'content-type') === undefined ? { 'Content-Type': fallback } : {};
  return responseOfBytes(status, { ...typed, ...headers, 'Content-Length': String(bytes.byteLength) }, bytes);
};

/** bytes: proxies limit the header as a whole, often to 4 KiB */
const LONGEST_REASON = 500;

/** A message as the reason phrase of a status line (RFC 9112 section 4), which is one line of printable ASCII. */
export const reasonPhrase = (message: string): string =>
  message
    .slice(0, LONGEST_REASON)
    .replace(/\s+/g, ' ')
    .replace(/[^ -~]/g, '?')
    .trim();

const RESPONSE_FIELDS = new Set(['status', 'headers', 'body', 'statusText']);

const isResponse = (answer: object): answer is IResponse => {
  const { status, headers } = answer as Partial<IResponse>;
  if (typeof status !== 'number' || typeof headers !== 'object' || headers === null) return false;
  return Object.keys(answer).every((field) => RESPONSE_FIELDS.has(field));
};

/** Converts a handler's result into a response: bytes, text and objects become a 200. */
export const toResponse = (answer: IResponse | object | string | Uint8Array): IResponse =>
  typeof answer === 'object' && !(answer instanceof Uint8Array) && isResponse(answer) ? answer : respond(200, answer);

const BODYLESS = new Set([204, 205, 304]);

/**
 * Removes the body from answers that must not have one (RFC 9110 sections 9.3.2, 15.3.5, 15.4.5); the `Response`
 * constructor of the fetch standard throws on them.
 */
export const withoutForbiddenBody = async (response: IResponse, method: string): Promise<IResponse> => {
  const bodyless = BODYLESS.has(response.status);
  if (method !== 'HEAD' && !bodyless) return response;
  await discardBody(response);
  const headers = { ...response.headers };
  if (bodyless) {
    delete headers['Content-Length'];
    if (response.status !== 304) delete headers['Content-Type'];
  }
  return { status: response.status, headers };
};
