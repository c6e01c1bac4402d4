import type { IResponse } from '../interfaces.core.js';

/**
 * Artifacts are whatever callers have uploaded, and a browser that opens one must neither guess that it is HTML nor run it
 * on the registry's origin. Plain `sandbox` would also break downloads that a page of links leads to.
 */
const PROTECTION = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox allow-downloads; default-src 'none'",
};

const NAMES = Object.keys(PROTECTION) as (keyof typeof PROTECTION)[];
const LENGTHS = new Set(NAMES.map((name) => name.length));

/**
 * The response with the headers that keep browsers from running what is stored here. Those that a handler has set, as
 * for its own pages, stay.
 */
export const withProtection = (response: IResponse): IResponse => {
  // handlers may return what they have frozen
  const result = Object.isExtensible(response.headers) ? response : { ...response, headers: { ...response.headers } };
  const { headers } = result;
  const own: string[] = [];
  for (const name in headers) if (LENGTHS.has(name.length)) own.push(name.toLowerCase());
  for (const name of NAMES) if (!own.includes(name.toLowerCase())) headers[name] = PROTECTION[name];
  return result;
};
