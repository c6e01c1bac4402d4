/** Characters of a URL's authority; the core refuses any other host. */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * The `baseUrl` of a request context; undefined if the core should determine the origin.
 *
 * The core uses `registryUrl`, else `baseUrl`, else X-Forwarded-* (if trusted), else `http://` + Host. So a host must
 * pass none if forwarded headers are trusted and present, because `baseUrl` would override them. It must pass one if
 * the Host header is not enough: for https, and in runtimes whose `Request` has no Host header.
 */
export const baseUrlOf = (
  scheme: 'http' | 'https',
  host: string | null | undefined,
  forwarded: { trusted: boolean; proto?: string | string[] | null; host?: string | string[] | null },
): string | undefined => {
  if (forwarded.trusted && (forwarded.proto || forwarded.host)) return undefined;
  return host && HOST.test(host) ? `${scheme}://${host}` : undefined;
};
