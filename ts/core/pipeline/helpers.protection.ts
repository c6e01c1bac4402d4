import type { IResponse } from '../interfaces.core.js';

/**
 * Callers upload artifacts of any content. A browser that opens one must neither guess that it is HTML nor run it on
 * the registry's origin. `sandbox` without options would also block downloads from a page of links.
 */
const PROTECTION = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox allow-downloads; default-src 'none'",
};

const NAMES = Object.keys(PROTECTION) as (keyof typeof PROTECTION)[];
const LENGTHS = new Set(NAMES.map((name) => name.length));

/**
 * Adds headers that keep browsers from running stored content. Headers that a handler has set, e.g. for its own pages,
 * stay.
 */
export const withProtection = (response: IResponse): IResponse => {
  // handlers may return frozen headers
  const result = Object.isExtensible(response.headers) ? response : { ...response, headers: { ...response.headers } };
  const { headers } = result;
  const own: string[] = [];
  for (const name in headers) if (LENGTHS.has(name.length)) own.push(name.toLowerCase());
  for (const name of NAMES) if (!own.includes(name.toLowerCase())) headers[name] = PROTECTION[name];
  return result;
};
