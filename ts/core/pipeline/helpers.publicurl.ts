import { RegistryError } from '../classes.registryerror.js';
import type { IRequestContext } from '../interfaces.core.js';
import { headerOf } from './helpers.http.js';

/** Characters that are legal in a path but must be escaped in HTML and XML. */
const MARKUP: Record<string, string> = { '&': '%26', "'": '%27' };

/**
 * Normalises an absolute URL (host in lower case, no default port, no trailing slash) to characters that need no
 * escaping in JSON, HTML and XML: renderings are cached by it, and it is inserted into them unchanged.
 */
export const normalizeUrl = (text: string): string => {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new RegistryError('internal', 'The public URL of this registry is not a URL', {
      cause,
      detail: { url: text },
    });
  }
  return url.href.replace(/\/+$/, '').replace(/[&']/g, (character) => MARKUP[character] as string);
};

const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

const notHost = (cause?: unknown): RegistryError =>
  new RegistryError('invalid', 'The Host header is not a host name', { cause });

const originOfHost = (proto: 'http' | 'https', host: string): string => {
  if (!HOST.test(host)) throw notHost();
  try {
    return new URL(`${proto}://${host}`).origin;
  } catch (cause) {
    throw notHost(cause); // port 99999, address 1.2.3.256
  }
};

/**
 * The value of an X-Forwarded-* header from the nearest proxy: the last entry. If the proxy appends, the caller may
 * have invented all entries before it.
 */
const forwarded = (header: string | undefined): string | undefined => header?.split(',').at(-1)?.trim() || undefined;

/**
 * The public origin that the caller used, without a trailing slash: `baseUrl` of the context, else X-Forwarded-Proto,
 * -Host and -Port if the configuration trusts them, else Host.
 */
export const originOf = (
  context: IRequestContext,
  trustProxy: boolean,
  header = (name: string) => headerOf(context.headers, name),
): string => {
  if (context.baseUrl) return context.baseUrl.replace(/\/+$/, '');
  const told = (name: string) => (trustProxy ? forwarded(header(name)) : undefined);
  const host = told('x-forwarded-host') ?? header('host')?.trim();
  if (!host) return 'http://localhost';
  const scheme = told('x-forwarded-proto')?.toLowerCase() === 'https' ? 'https' : 'http';
  const port = told('x-forwarded-port');
  const isExtra = port !== undefined && /^\d{1,5}$/.test(port) && !/:\d+$/.test(host);
  return originOfHost(scheme, isExtra ? `${host}:${port}` : host);
};
