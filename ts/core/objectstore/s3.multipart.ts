import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { RegistryError } from '../classes.registryerror.js';
import { toHeaders } from './s3.metadata.js';
import { copyingTime, type IS3Session, must, quoted, sendingTime } from './s3.session.js';
import { type ICondition, settle } from './s3.settle.js';

/** S3's limits, in bytes and parts. All parts but the last have at least MIN_PART. */
export const MIN_PART = 5 * 1024 ** 2;
export const MAX_PART = 5 * 1024 ** 3;
export const MAX_PARTS = 10_000;

export interface ITarget {
  /** as the server knows it, prefix included */
  key: string;
  /** as the caller knows it */
  name: string;
  contentType?: string;
  metadata?: Record<string, string>;
  condition: ICondition;
  signal?: AbortSignal;
}

export interface ICopySource {
  key: string;
  /** first and last byte; absent: the whole object */
  range?: { start: number; end: number };
  bytes: number;
}

/** `bucket/key` as a header: percent-encoded, because a `+` or `%2F` in a key would be decoded otherwise. */
export const copySource = (session: IS3Session, key: string): string =>
  [session.settings.bucket, ...key.split('/')].map((segment) => encodeURIComponent(segment)).join('/');

/** Headers of every request that creates an object. */
export const creation = (session: IS3Session, target: ITarget, writeId: string) => ({
  Bucket: session.settings.bucket,
  Key: target.key,
  ContentType: target.contentType ?? 'application/octet-stream',
  Metadata: toHeaders(target.metadata, writeId),
  ServerSideEncryption: session.settings.encryption as 'AES256' | 'aws:kms' | undefined,
});

export const conditions = ({ ifMatch, ifNoneMatch }: ICondition) => ({
  IfMatch: ifMatch === undefined ? undefined : quoted(ifMatch),
  IfNoneMatch: ifNoneMatch,
});

/** An object of more than one request is made by CompleteMultipartUpload, and not every server checks conditions there. */
export const requireCompleteConditions = (session: IS3Session, { ifMatch, ifNoneMatch }: ICondition): void => {
  if (session.abilities.complete || (ifMatch === undefined && ifNoneMatch === undefined)) return;
  throw new RegistryError('unsupported', 'This storage makes large objects only without conditions');
};

/** One multipart upload. Whoever begins it ends it with `complete` or `abort`: its parts cost space and are not listed. */
export class MultipartUpload {
  private readonly done: { PartNumber: number; ETag?: string }[] = [];
  private bytes = 0;

  private constructor(
    private readonly session: IS3Session,
    private readonly target: ITarget,
    private readonly writeId: string,
    private readonly uploadId: string | undefined,
  ) {}

  public static async begin(session: IS3Session, target: ITarget): Promise<MultipartUpload> {
    const writeId = randomUUID();
    const { sdk, retrying } = session.clients;
    const command = new sdk.CreateMultipartUploadCommand(creation(session, target, writeId));
    const { UploadId } = await must(session, (http) => retrying.send(command, http), target);
    return new MultipartUpload(session, target, writeId, UploadId);
  }

  public async send(partNumber: number, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const { sdk, parts } = this.session.clients;
    const command = new sdk.UploadPartCommand({ ...this.id, PartNumber: partNumber, Body: bytes });
    const options = { signal, ms: sendingTime(this.session, bytes.byteLength) };
    const { ETag } = await must(this.session, (http) => parts.send(command, http), options);
    this.add(partNumber, ETag, bytes.byteLength);
  }

  public async copy(partNumber: number, source: ICopySource, signal: AbortSignal): Promise<void> {
    const { sdk, parts } = this.session.clients;
    const command = new sdk.UploadPartCopyCommand({
      ...this.id,
      PartNumber: partNumber,
      CopySource: copySource(this.session, source.key),
      CopySourceRange: source.range && `bytes=${source.range.start}-${source.range.end}`,
    });
    const options = { signal, ms: copyingTime(this.session, source.bytes) };
    const { CopyPartResult } = await must(this.session, (http) => parts.send(command, http), options);
    this.add(partNumber, CopyPartResult?.ETag, source.bytes);
  }

  /** Makes the object of the parts, in the order of their numbers. */
  public complete(): Promise<{ etag: string }> {
    const { sdk, once } = this.session.clients;
    const command = new sdk.CompleteMultipartUploadCommand({
      ...this.id,
      MultipartUpload: { Parts: this.done.sort((a, b) => a.PartNumber - b.PartNumber) },
      ...conditions(this.target.condition),
    });
    const write = {
      ...this.target,
      writeId: this.writeId,
      replayable: true,
      ms: copyingTime(this.session, this.bytes),
    };
    return settle(this.session, write, (http) => once.send(command, http));
  }

  /** Call it when no part is on its way any more. A failure is logged, for there is an error already. */
  public async abort(): Promise<void> {
    const { sdk, retrying } = this.session.clients;
    const command = new sdk.AbortMultipartUploadCommand(this.id);
    await must(this.session, (http) => retrying.send(command, http)).catch((error: unknown) => {
      this.session.logger.warn(
        'An unfinished upload could not be removed from the storage; the next start tries again',
        {
          key: this.target.key,
          error,
        },
      );
    });
  }

  private get id() {
    return { Bucket: this.session.settings.bucket, Key: this.target.key, UploadId: this.uploadId };
  }

  private add(PartNumber: number, ETag: string | undefined, bytes: number): void {
    this.done.push({ PartNumber, ETag });
    this.bytes += bytes;
  }
}

/**
 * Runs `work` on a new upload and completes it, or leaves nothing. `work` gets a function that starts a part in the
 * background, and waits when enough are under way; a part that fails aborts the others and is thrown.
 */
export const multipart = async (
  session: IS3Session,
  target: ITarget,
  work: (upload: MultipartUpload, start: (part: Promise<void>) => Promise<void>, signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void = () => {},
): Promise<{ etag: string }> => {
  const upload = await MultipartUpload.begin(session, target);
  const stop = new AbortController();
  const onAbort = () => stop.abort(target.signal?.reason);
  target.signal?.addEventListener('abort', onAbort, { once: true });
  if (target.signal?.aborted) onAbort();
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = async (part: Promise<void>): Promise<void> => {
    session.parts.underWay += 1;
    const settled = part
      .catch((error: unknown) => {
        failures.push(error);
        stop.abort(error);
        onFailure(error);
      })
      .finally(() => {
        session.parts.underWay -= 1;
        running.delete(settled);
      });
    running.add(settled);
    while (running.size >= allowance(session)) await Promise.race(running);
    if (failures.length > 0) throw failures[0];
  };
  try {
    await work(upload, start, stop.signal);
    await Promise.all(running);
    if (failures.length > 0) throw failures[0];
    return await upload.complete();
  } catch (error) {
    stop.abort(error);
    // a part that arrives after the abort would stay
    await Promise.all(running);
    await upload.abort();
    throw error;
  } finally {
    target.signal?.removeEventListener('abort', onAbort);
  }
};

/** An upload reads its next part when fewer than this are under way; one at a time when many uploads share the memory. */
const OWN_PARTS = 3;
const ALL_PARTS = 16;
const allowance = (session: IS3Session): number => (session.parts.underWay > ALL_PARTS ? 1 : OWN_PARTS);
