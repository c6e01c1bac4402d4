/** Media types by the endings of files, as the public repositories send them; browsers and proxies look at them. */
const TYPES: [ending: string, contentType: string][] = [
  ['.pom', 'text/xml; charset=utf-8'],
  ['.xml', 'text/xml; charset=utf-8'],
  ['.jar', 'application/java-archive'],
  ['.war', 'application/java-archive'],
  ['.ear', 'application/java-archive'],
  ['.aar', 'application/java-archive'],
  ['.module', 'application/vnd.org.gradle.module+json'],
  ['.json', 'application/json'],
  ['.zip', 'application/zip'],
  ['.gz', 'application/gzip'],
  ['.tgz', 'application/gzip'],
  ['.asc', 'application/pgp-signature'],
  ['.txt', 'text/plain; charset=utf-8'],
];

export const XML_TYPE = 'text/xml; charset=utf-8';
export const TEXT_TYPE = 'text/plain; charset=utf-8';

/** The media type of a file. A file of HTML is not shown as a page of this host. */
export const contentTypeOf = (file: string): string =>
  TYPES.find(([ending]) => file.endsWith(ending))?.[1] ?? 'application/octet-stream';
