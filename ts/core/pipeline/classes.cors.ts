import type { ICorsConfig, IRequestContext, IResponse } from '../interfaces.core.js';
import { headerOf } from './helpers.http.js';

const READS = new Set(['GET', 'HEAD']);
/** s that a browser may cache the answer to a preflight; no browser keeps it for more than two hours */
const MAX_AGE = 7_200;
/** Headers that pages may read. `*` does not work: it has no meaning in answers to requests with credentials. */
const EXPOSED = [
  'Accept-Ranges',
  'Content-Encoding',
  'Content-Length',
  'Content-Range',
  'Docker-Content-Digest',
  'Docker-Distribution-API-Version',
  'ETag',
  'Link',
  'Location',
  'OCI-Filters-Applied',
  'OCI-Subject',
  'Repr-Digest',
  'Retry-After',
  'WWW-Authenticate',
].join(', ');

/**
 * Cross-Origin Resource Sharing (fetch standard, section 3.3) for reads: pages of the listed origins may fetch metadata
 * and artifacts. Pages of other origins cannot write.
 */
export class Cors {
  private readonly origins: ReadonlySet<string>;
  private readonly isOpen: boolean;

  constructor({ origins }: ICorsConfig) {
    this.origins = new Set(origins);
    this.isOpen = this.origins.has('*');
  }

  /**
   * The answer to a browser's preflight, i.e. whether a page may send a request; undefined for any other request. A
   * preflight has and needs no credentials.
   */
  public preflight(context: IRequestContext): IResponse | undefined {
    const { headers } = context;
    const wanted = headerOf(headers, 'access-control-request-method');
    const origin = headerOf(headers, 'origin');
    if (context.method.toUpperCase() !== 'OPTIONS' || wanted === undefined || origin === undefined) return undefined;
    const answer: IResponse = { status: 204, headers: { 'Cache-Control': 'no-store' } };
    this.allow(answer, origin);
    if (answer.headers['Access-Control-Allow-Origin'] === undefined || !READS.has(wanted)) return answer;
    const fields = headerOf(headers, 'access-control-request-headers');
    answer.headers['Access-Control-Allow-Methods'] = 'GET, HEAD';
    // reads change nothing, so a page may send any header; `*` would not include Authorization
    if (fields !== undefined) answer.headers['Access-Control-Allow-Headers'] = fields;
    answer.headers['Access-Control-Max-Age'] = String(MAX_AGE);
    return answer;
  }

  /** Lets pages of other origins read the answer to a read request, including errors. */
  public open({ method, headers }: IRequestContext, response: IResponse): void {
    if (!READS.has(method.toUpperCase())) return;
    if (this.allow(response, headerOf(headers, 'origin'))) {
      response.headers['Access-Control-Expose-Headers'] = EXPOSED;
    }
  }

  private allow({ headers }: IResponse, origin: string | undefined): boolean {
    if (this.isOpen) {
      // never with credentials: a browser would send the user's credentials from any page
      headers['Access-Control-Allow-Origin'] = '*';
      return true;
    }
    // a cache must not use the answer for one origin, or for none, for another one
    headers.Vary = headers.Vary ? `${headers.Vary}, Origin` : 'Origin';
    if (origin === undefined || !this.origins.has(origin)) return false;
    headers['Access-Control-Allow-Origin'] = origin;
    headers['Access-Control-Allow-Credentials'] = 'true';
    return true;
  }
}
