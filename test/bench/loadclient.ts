import { ChildClient } from './childclient.js';
import type { ILoadJob, ILoadResult } from './load.js';

/** The load generator's process as the benchmark sees it. */
export class LoadClient extends ChildClient<ILoadJob, ILoadResult> {
  constructor() {
    super('load.ts');
  }
}

/** One HTTP/1.1 request as text. */
export const rawRequest = (
  method: string,
  url: string,
  headers: Record<string, string | undefined>,
  body = '',
): string => {
  const { host, pathname, search } = new URL(url);
  const lines = [`${method} ${pathname}${search} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      lines.push(`${name}: ${value}`);
    }
  }
  if (body) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
};
