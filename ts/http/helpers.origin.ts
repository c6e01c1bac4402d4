/** Only what can stand in a URL's authority; anything else is left to the core, which refuses it. */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * The `baseUrl` of a request context, or undefined where the core should find the origin itself.
 *
 * The core takes `registryUrl`, else `baseUrl`, else X-Forwarded-* (when trusted), else `http://` + Host. A host must
 * therefore say nothing where forwarded headers are trusted and present, since `baseUrl` would mask them; and it must
 * speak up where the Host header alone is not enough: for https, and in runtimes whose `Request` has no Host header.
 */
export const baseUrlOf = (
  scheme: 'http' | 'https',
  host: string | null | undefined,
  forwarded: { trusted: boolean; proto?: string | string[] | null; host?: string | string[] | null },
): string | undefined => {
  if (forwarded.trusted && (forwarded.proto || forwarded.host)) return undefined;
  return host && HOST.test(host) ? `${scheme}://${host}` : undefined;
};
