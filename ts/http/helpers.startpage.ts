import { toReadableStream } from '../core/base/helpers.streams.js';
import type { IClientSetup, IRequestContext, IResponse } from '../core/interfaces.core.js';
import { escapeHtml } from '../core/pipeline/helpers.html.js';
import { headerOf, negotiate } from '../core/pipeline/helpers.http.js';
import { originOf } from '../core/pipeline/helpers.publicurl.js';
import { failureAnswer, hostAnswer } from './helpers.failures.js';
import type { IRequestHandler } from './interfaces.http.js';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:8vh auto;padding:0 1rem;color:#222}' +
  'pre{background:#f4f4f4;padding:.75rem 1rem;overflow-x:auto}';

/** The page loads nothing, runs no script and has no form. */
const PAGE_HEADERS: Record<string, string> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  Vary: 'Accept',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

const section = ({ protocol, url, lines }: IClientSetup): string =>
  `<h2>${escapeHtml(protocol)}</h2><p><code>${escapeHtml(url)}</code></p>` +
  (lines.length > 0 ? `<pre>${escapeHtml(lines.join('\n'))}</pre>` : '');

const page = (setups: IClientSetup[]): string =>
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
  `<title>Package registry</title><style>${STYLE}</style></head><body><h1>Package registry</h1>` +
  '<p>This is a registry for package managers, which use it by these addresses:</p>' +
  `${setups.map(section).join('')}</body></html>`;

const asHtml = (setups: IClientSetup[]): IResponse => {
  const bytes = Buffer.from(page(setups));
  const headers = { ...PAGE_HEADERS, 'Content-Length': String(bytes.byteLength) };
  return { status: 200, headers, body: toReadableStream(bytes) };
};

const asJson = (setups: IClientSetup[]): IResponse => {
  const registries = setups.map(({ protocol, url, lines }) => ({ protocol, url, setup: lines }));
  return hostAnswer(200, { registries }, { Vary: 'Accept', 'X-Content-Type-Options': 'nosniff' });
};

const startPage = (context: IRequestContext, setups: IClientSetup[]): IResponse => {
  const method = context.method.toUpperCase();
  if (method !== 'GET' && method !== 'HEAD') {
    return hostAnswer(405, { error: `${context.method} is not possible here` }, { Allow: 'GET, HEAD' });
  }
  // JSON is offered first, so only browsers, which prefer HTML, get the page
  const type = negotiate(headerOf(context.headers, 'accept'), ['application/json', 'text/html']);
  const { body, ...answer } = type === 'text/html' ? asHtml(setups) : asJson(setups);
  return method === 'HEAD' ? answer : { ...answer, body };
};

/**
 * Answers `/` with a description of this host and the set-up of clients, unless a protocol is mounted there. Passes on
 * all other requests.
 * @param setupsAt returns the set-up of each protocol for the public origin of a request
 */
export const withStartPage = (
  handler: IRequestHandler,
  trustProxy: boolean,
  setupsAt: (origin: string) => IClientSetup[],
): IRequestHandler => ({
  trustProxy: handler.trustProxy,
  logger: handler.logger,
  handleRequest(context) {
    if (context.path !== '/') return handler.handleRequest(context);
    let setups: IClientSetup[];
    try {
      setups = setupsAt(originOf(context, trustProxy));
    } catch (error) {
      return Promise.resolve(failureAnswer(error)); // the Host header is not a host name
    }
    const isTaken = setups.some(({ mounts }) => mounts.includes(''));
    return isTaken ? handler.handleRequest(context) : Promise.resolve(startPage(context, setups));
  },
});
