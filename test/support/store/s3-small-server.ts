import { createHash } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { IS3StorageConfig } from '../../../ts/interfaces.config.js';

export interface ISmallRequest {
  method: string;
  /** the key, empty for the bucket itself */
  key: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
}

export type TInstead = { status: number } & ({ code: string } | { html: string } | { headers: Record<string, string> });

type TAnswer = TInstead | undefined;

export interface ISmallServer {
  config: IS3StorageConfig;
  objects: Map<string, { bytes: Buffer; headers: Record<string, string> }>;
  seen: ISmallRequest[];
  /** answers in the server's place if it returns a status, with S3's code in an error document or with a page */
  intercept(answer: (request: ISmallRequest) => TAnswer | Promise<TAnswer>): void;
  /** breaks the connection if it returns something: `call` before the request is applied, `answer` after that */
  lose(decide: (request: ISmallRequest) => 'call' | 'answer' | undefined, meanwhile?: () => Promise<void>): void;
  /** sets its clock ahead of ours */
  setClock(aheadMs: number): void;
  stop(): Promise<void>;
}

const etagOf = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

const listing = (keys: string[]): string =>
  `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${keys
    .sort()
    .map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`)
    .join('')}</ListBucketResult>`;

/**
 * As much of an S3 server as small objects need, for what real ones cannot be asked to do: it believes every signature,
 * ignores conditions unless told otherwise, and fails when it is told to.
 */
export const startSmallServer = async (
  options: {
    conditions?: boolean;
    deleteConditions?: boolean;
    multipart?: boolean;
    copyConditions?: boolean;
    lengths?: boolean;
    ranges?: boolean;
  } = {},
): Promise<ISmallServer> => {
  const objects: ISmallServer['objects'] = new Map();
  const seen: ISmallRequest[] = [];
  const uploads = new Map<string, Buffer[]>();
  let intercept: (request: ISmallRequest) => TAnswer | Promise<TAnswer> = () => undefined;
  let lose: (request: ISmallRequest) => 'call' | 'answer' | undefined = () => undefined;
  let meanwhile = async (): Promise<void> => {};
  let aheadMs = 0;

  const refusal = ({ method, key, headers }: ISmallRequest): number | undefined => {
    const found = objects.get(key);
    if (method === 'DELETE' && options.deleteConditions && found) {
      return headers['if-match'] && headers['if-match'] !== etagOf(found.bytes) ? 412 : undefined;
    }
    if (method === 'PUT' && options.conditions) {
      if (headers['if-none-match'] === '*' && found) return 412;
      if (headers['if-match'] && (!found || headers['if-match'] !== etagOf(found.bytes))) return found ? 412 : 404;
    }
    return (method === 'GET' || method === 'HEAD') && key && !found ? 404 : undefined;
  };
  const fail = (reply: http.ServerResponse, method: string, status: number, code: string): void => {
    const body =
      method === 'HEAD' ? '' : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
    reply.writeHead(status, { 'content-type': 'application/xml' }).end(body);
  };

  /** Multipart uploads, without conditions at their end. */
  const multipart = (
    { method, key, query, headers }: ISmallRequest,
    body: Buffer,
    reply: http.ServerResponse,
  ): void => {
    const xml = (text: string) => reply.writeHead(200, { 'content-type': 'application/xml' }).end(text);
    const id = query.get('uploadId') ?? String(uploads.size + 1);
    const parts = uploads.get(id) ?? [];
    if (method === 'POST' && query.has('uploads')) {
      uploads.set(id, parts);
      xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    } else if (method === 'PUT') {
      const from = headers['x-amz-copy-source'];
      const source = from && objects.get(decodeURIComponent(String(from)).split('/').slice(1).join('/'))?.bytes;
      const expected = headers['x-amz-copy-source-if-match'];
      if (source && options.copyConditions && expected && expected !== etagOf(source)) {
        fail(reply, method, 412, 'PreconditionFailed');
        return;
      }
      const part = source || body;
      parts[Number(query.get('partNumber')) - 1] = part;
      if (source) xml(`<CopyPartResult><ETag>${etagOf(part)}</ETag></CopyPartResult>`);
      else reply.writeHead(200, { etag: etagOf(part) }).end();
    } else if (method === 'POST') {
      const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)/g)].map(([, number]) => Number(number));
      const bytes = Buffer.concat(numbers.map((number) => parts[number - 1] as Buffer));
      objects.set(key, { bytes, headers: {} });
      xml(`<CompleteMultipartUploadResult><ETag>${etagOf(bytes)}</ETag></CompleteMultipartUploadResult>`);
    } else {
      uploads.delete(id);
      reply.writeHead(204).end();
    }
  };

  const breakOff = async (reply: http.ServerResponse): Promise<void> => {
    await meanwhile();
    reply.destroy();
  };

  const server = http.createServer(async (request, reply) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    reply.setHeader('date', new Date(Date.now() + aheadMs).toUTCString());
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // the client has broken off: nothing is stored
      return reply.destroy();
    }
    const about = { method: request.method ?? '', key, query: url.searchParams, headers: request.headers };
    seen.push(about);
    const instead = await intercept(about);
    if (instead && 'html' in instead) {
      reply.writeHead(instead.status, { 'content-type': 'text/html' });
      return reply.end(about.method === 'HEAD' ? undefined : instead.html);
    }
    if (instead && 'headers' in instead) return reply.writeHead(instead.status, instead.headers).end();
    if (instead) return fail(reply, about.method, instead.status, instead.code);
    const loss = lose(about);
    if (loss === 'call') return breakOff(reply);
    if (options.multipart && (about.query.has('uploadId') || about.query.has('uploads'))) {
      return multipart(about, Buffer.concat(chunks), reply);
    }
    if (about.method === 'POST') return fail(reply, about.method, 501, 'NotImplemented');
    const status = refusal(about);
    if (status) return fail(reply, about.method, status, status === 404 ? 'NoSuchKey' : 'PreconditionFailed');
    const bytes = Buffer.concat(chunks);
    if (about.method === 'PUT' && key) {
      const kept = Object.entries(request.headers).filter(
        ([name]) => name === 'content-type' || name.startsWith('x-amz-meta-'),
      );
      objects.set(key, { bytes, headers: Object.fromEntries(kept) as Record<string, string> });
      return loss ? breakOff(reply) : reply.writeHead(200, { etag: etagOf(bytes) }).end();
    }
    if (about.method === 'DELETE') {
      objects.delete(key);
      return loss ? breakOff(reply) : reply.writeHead(204).end();
    }
    const found = objects.get(key);
    if (!found) return reply.writeHead(200, { 'content-type': 'application/xml' }).end(listing([...objects.keys()]));
    const headers: Record<string, string> = {
      ...found.headers,
      etag: etagOf(found.bytes),
      'last-modified': new Date().toUTCString(),
      // without it, Node sends the body in chunks
      ...(options.lengths !== false && { 'content-length': String(found.bytes.length) }),
    };
    const range = options.ranges && /^bytes=(\d+)-(\d+)$/.exec(about.headers.range ?? '');
    if (range && about.method === 'GET') {
      const [from, to] = [Number(range[1]), Math.min(Number(range[2]), found.bytes.length - 1)];
      const part = found.bytes.subarray(from, to + 1);
      headers['content-length'] = String(part.length);
      headers['content-range'] = `bytes ${from}-${to}/${found.bytes.length}`;
      return reply.writeHead(206, headers).end(part);
    }
    return reply.writeHead(200, headers).end(about.method === 'HEAD' ? undefined : found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    config: {
      endpoint: `http://127.0.0.1:${port}`,
      bucketName: 'bucket',
      accessKey: 'key',
      accessSecret: 'the-secret',
    },
    objects,
    seen,
    intercept(answer) {
      intercept = answer;
    },
    lose(decide, work = async () => {}) {
      lose = decide;
      meanwhile = work;
    },
    setClock(ms) {
      aheadMs = ms;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
