import { createHash } from 'node:crypto';
import type { IRawAnswer, IRawBody, RawConnection } from '../http/raw.js';
import type { Noise } from './noise.js';

/**
 * How clients send a layer: containerd and oras in one PUT of known length, docker, podman and crane as one stream in
 * chunked transfer, regctl in chunks that say where they belong.
 */
export type TPushMode = 'one PUT' | 'streamed' | '16 MiB chunks';
export const pushModes: TPushMode[] = ['one PUT', 'streamed', '16 MiB chunks'];

export const CHUNK = 16 * 1024 ** 2;

/** A repository as a client sees it. */
export interface IRepository {
  connection: RawConnection;
  /** `/v2/<name>` */
  path: string;
  authorization?: string;
}

const expectStatus = (answer: IRawAnswer, status: number, what: string): IRawAnswer => {
  if (answer.status !== status) {
    const said = answer.body?.toString('utf8', 0, 500) ?? '';
    throw new Error(`${what}: status ${answer.status} instead of ${status} ${said}`);
  }
  return answer;
};

/** Path and query of where the server says that the upload goes on, whether it says so in full or not. */
const locationOf = (answer: IRawAnswer, path: string): string => {
  const location = answer.header('location');
  if (!location) {
    throw new Error('an answer about an upload has no Location');
  }
  const { pathname, search } = new URL(location, `http://127.0.0.1${path}`);
  return pathname + search;
};

/** One upload session. */
export class Upload {
  private constructor(
    private readonly to: IRepository,
    public location: string,
  ) {}

  static async begin(to: IRepository): Promise<Upload> {
    const path = `${to.path}/blobs/uploads/`;
    const headers = { Authorization: to.authorization };
    const answer = await to.connection.request({ method: 'POST', path, headers });
    return new Upload(to, locationOf(expectStatus(answer, 202, 'POST'), path));
  }

  /** The same session over another connection, also to another process on the same store. */
  resumed(to: IRepository): Upload {
    return new Upload(to, this.location);
  }

  /** Bytes that the server has, as it says itself. */
  async offset(): Promise<number> {
    const answer = expectStatus(await this.send('GET'), 204, 'GET of an upload');
    this.location = locationOf(answer, this.location);
    const end = /^0-(\d+)$/.exec(answer.header('range') ?? '')?.[1];
    if (end === undefined) {
      throw new Error(`GET of an upload: range ${answer.header('range')}`);
    }
    return Number(end) === 0 ? 0 : Number(end) + 1;
  }

  /** `at`: where the part begins, for a chunk that says so. */
  async patch(body: IRawBody, at?: number): Promise<void> {
    const range = at === undefined || body.length === undefined ? undefined : `${at}-${at + body.length - 1}`;
    const answer = await this.send('PATCH', body, { 'Content-Range': range });
    this.location = locationOf(expectStatus(answer, 202, 'PATCH'), this.location);
  }

  async put(digest: string, body?: IRawBody): Promise<void> {
    this.location += `${this.location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
    expectStatus(await this.send('PUT', body), 201, 'PUT');
  }

  async cancel(): Promise<void> {
    expectStatus(await this.send('DELETE'), 204, 'DELETE of an upload');
  }

  private send(method: string, body?: IRawBody, more?: Record<string, string | undefined>): Promise<IRawAnswer> {
    const headers = {
      Authorization: this.to.authorization,
      'Content-Type': body && 'application/octet-stream',
      ...more,
    };
    return this.to.connection.request({ method, path: this.location, headers, body });
  }
}

/** Sends the chunks from `from` up to `to`, which are parts of the blob. */
export const patchChunks = async (upload: Upload, blob: Noise, from: number, to: number): Promise<void> => {
  for (let at = from; at < to; at += CHUNK) {
    const end = Math.min(to, at + CHUNK);
    await upload.patch({ length: end - at, pieces: blob.pieces(at, end) }, at);
  }
};

export const pushBlob = async (to: IRepository, blob: Noise, mode: TPushMode): Promise<void> => {
  const upload = await Upload.begin(to);
  if (mode === 'one PUT') {
    return upload.put(blob.digest, { length: blob.size, pieces: blob.pieces() });
  }
  if (mode === 'streamed') {
    await upload.patch({ pieces: blob.framedPieces() });
  } else {
    await patchChunks(upload, blob, 0, blob.size);
  }
  await upload.put(blob.digest);
};

/** `range`: first and last byte. */
export const pullBlob = async (
  from: IRepository,
  digest: string,
  options: { hash?: ReturnType<typeof createHash>; range?: [number, number] } = {},
): Promise<number> => {
  const { hash, range } = options;
  let bytes = 0;
  const answer = await from.connection.request({
    method: 'GET',
    path: `${from.path}/blobs/${digest}`,
    headers: { Authorization: from.authorization, Range: range && `bytes=${range[0]}-${range[1]}` },
    onBody: (part) => {
      bytes += part.length;
      hash?.update(part);
    },
  });
  expectStatus(answer, range ? 206 : 200, `GET of ${digest}`);
  return bytes;
};

/** Downloads and compares with the name. */
export const verifyBlob = async (from: IRepository, digest: string, size: number): Promise<void> => {
  const hash = createHash('sha256');
  const bytes = await pullBlob(from, digest, { hash });
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest || bytes !== size) {
    throw new Error(`${digest} came back as ${bytes} bytes of ${found}`);
  }
};
