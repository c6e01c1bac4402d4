import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import * as plugins from '../../../../plugins.js';
import type { IHttpOptions } from './interfaces.http.js';

type TRequest = Parameters<NodeHttpHandler['handle']>[0];
export type THead = Pick<
  HeadObjectCommandOutput,
  'ETag' | 'ContentLength' | 'LastModified' | 'ContentType' | 'Metadata'
>;

/** Servers take a signature for 15 minutes; much less, so that exchanged credentials are used soon. */
const LIFE_MS = 60_000;
/** About 2 KB each. */
const MAX_REQUESTS = 1000;
const METADATA = 'x-amz-meta-';

/**
 * Whether a cached document is still the newest is asked with the same HEAD again and again. Building one (middleware,
 * endpoint rules, schemas, signature) takes the SDK four times the CPU of sending it, so the request that it signed is
 * kept and sent again as it is. This only ever adds a short way: what is not a plain 200 is left to the SDK, with its
 * retries, redirects and new credentials.
 */
export class SignedHeads {
  private readonly kept = new plugins.LRUCache<string, { request: TRequest; signedAt: number }>({ max: MAX_REQUESTS });

  constructor(private readonly handler: NodeHttpHandler) {}

  /** Keeps the HEAD requests of this client that are answered with 200. */
  public watch(client: S3Client): void {
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const signedAt = performance.now();
          const result = await next(args);
          const { statusCode } = result.response as { statusCode?: number };
          if (commandName === 'HeadObjectCommand' && statusCode === 200) {
            const { Key } = args.input as { Key: string };
            this.kept.set(Key, { request: args.request as TRequest, signedAt });
          }
          return result;
        },
      // last of all, where the request is signed
      { step: 'deserialize', priority: 'low', name: 'keepSignedHeads' },
    );
  }

  /** null: ask the SDK */
  public async send(key: string, http: IHttpOptions): Promise<THead | null> {
    const kept = this.kept.get(key);
    if (!kept) return null;
    if (performance.now() - kept.signedAt < LIFE_MS) {
      const head = await this.resend(kept.request, http);
      if (head) return head;
    }
    this.kept.delete(key);
    return null;
  }

  private async resend(request: TRequest, http: IHttpOptions): Promise<THead | null> {
    try {
      const { response } = await this.handler.handle(request, http);
      // gives the connection back to the pool
      response.body.resume();
      return response.statusCode === 200 ? headIn(response.headers) : null;
    } catch {
      // the SDK's own request fails in the same way, and handles it
      return null;
    }
  }
}

/** null where the answer lacks what every server sends */
const headIn = (headers: Record<string, string>): THead | null => {
  const { etag: ETag, 'content-length': length = '', 'last-modified': modified = '' } = headers;
  const LastModified = new Date(modified);
  if (!ETag || !/^\d+$/.test(length) || Number.isNaN(LastModified.getTime())) return null;
  const Metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(METADATA)) Metadata[name.slice(METADATA.length)] = value;
  }
  return { ETag, ContentLength: Number(length), LastModified, ContentType: headers['content-type'], Metadata };
};
