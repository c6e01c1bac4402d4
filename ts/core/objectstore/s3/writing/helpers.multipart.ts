import type { Buffer } from 'node:buffer';
import { RegistryError } from '../../../classes.registryerror.js';
import { abortReason, codeOf, isNoSuchKey, partGone, statusOf, toRegistryError } from '../connection/helpers.errors.js';
import { writeIdOf } from '../connection/helpers.metadata.js';
import { copyingTime, copySource, must, pause, quoted, run, sendingTime } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { conditions, creation, type ICopySource, type ITarget } from './helpers.creation.js';
import { sendWrite } from './helpers.write.js';

/** One multipart upload. Its parts use space and are not listed, so it always ends with `complete` or `abort`. */
export class MultipartUpload {
  private readonly done: { PartNumber: number; ETag?: string }[] = [];
  private readonly halt = new AbortController();
  private bytes = 0;

  private constructor(
    private readonly session: IS3Session,
    private readonly target: ITarget,
    private readonly writeId: string,
    private readonly uploadId: string | undefined,
  ) {}

  /** Ignores the caller's signal: the answer has the id, without which the upload could not be aborted. */
  public static async begin(session: IS3Session, target: ITarget): Promise<MultipartUpload> {
    if (target.signal?.aborted) throw abortReason(target.signal);
    const writeId = writeIdOf(target.metadata);
    const { sdk, retrying } = session.clients;
    const command = new sdk.CreateMultipartUploadCommand(creation(session, target, writeId));
    const { UploadId } = await must(session, (http) => retrying.send(command, http));
    return new MultipartUpload(session, target, writeId, UploadId);
  }

  public async send(partNumber: number, bytes: Buffer): Promise<void> {
    const { sdk, parts } = this.session.clients;
    const command = new sdk.UploadPartCommand({ ...this.id, PartNumber: partNumber, Body: bytes });
    const options = { signal: this.halt.signal, ms: sendingTime(this.session, bytes.byteLength) };
    const { ETag } = await must(this.session, (http) => parts.send(command, http), options);
    this.add(partNumber, ETag, bytes.byteLength);
  }

  public async copy(partNumber: number, source: ICopySource): Promise<void> {
    const { sdk, parts } = this.session.clients;
    const command = new sdk.UploadPartCopyCommand({
      ...this.id,
      PartNumber: partNumber,
      CopySource: copySource(this.session, source.key),
      CopySourceIfMatch: source.etag === undefined ? undefined : quoted(source.etag),
      CopySourceRange: source.range && `bytes=${source.range.start}-${source.range.end}`,
    });
    const options = { signal: this.halt.signal, ms: copyingTime(this.session, source.bytes) };
    const copying = run(this.session, (http) => parts.send(command, http), options);
    const { CopyPartResult } = await copying.catch((error: unknown) => {
      if (statusOf(error) === 412 || isNoSuchKey(error)) throw partGone(source.key, error);
      throw options.signal.aborted ? error : toRegistryError(error);
    });
    this.add(partNumber, CopyPartResult?.ETag, source.bytes);
  }

  /** Makes the object from the parts, in the order of their numbers. */
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
    return sendWrite(this.session, write, (http) => once.send(command, http));
  }

  /** Aborts the requests of parts that are under way. The server may still store those whose last byte it has. */
  public cut(): void {
    this.halt.abort();
  }

  /** A failure is only logged, because the caller gets an earlier error. */
  public async abort(): Promise<void> {
    const { sdk, retrying } = this.session.clients;
    const command = new sdk.AbortMultipartUploadCommand(this.id);
    try {
      await run(this.session, (http) => retrying.send(command, http));
    } catch (error) {
      if (codeOf(error) === 'NoSuchUpload') return;
      this.session.logger.warn('An unfinished upload could not be removed from the storage; a sweep will', {
        key: this.target.key,
        error,
      });
    }
  }

  private get id() {
    return { Bucket: this.session.settings.bucket, Key: this.target.key, UploadId: this.uploadId };
  }

  private add(PartNumber: number, ETag: string | undefined, bytes: number): void {
    this.done.push({ PartNumber, ETag });
    this.bytes += bytes;
  }
}

/** Parts of one upload that are sent at the same time; more make it no faster. */
const MAX_UNDER_WAY = 3;
/** ms to wait for the answers to parts under way when the upload fails. */
const LINGER_MS = 5_000;
/** ms for the server to finish with a part that got no answer. */
const AFTERMATH_MS = 500;

export interface IMultipartWork {
  upload: MultipartUpload;
  /** adds a part that has been started, and waits if enough are under way */
  start(part: Promise<void>): Promise<void>;
  /** aborts when a part failed or the caller gave up */
  signal: AbortSignal;
}

/**
 * Runs `work` on a new upload and completes it; if that fails, nothing is left. Throws the error of the first failed
 * part.
 */
export const multipart = async (
  session: IS3Session,
  target: ITarget,
  work: (parts: IMultipartWork) => Promise<void>,
  onFailure: (error: unknown) => void = () => {},
): Promise<{ etag: string }> => {
  const upload = await MultipartUpload.begin(session, target);
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
  const onAbort = () => stop.abort(abortReason(target.signal as AbortSignal));
  target.signal?.addEventListener('abort', onAbort, { once: true });
  if (target.signal?.aborted) onAbort();
  const running = new Set<Promise<void>>();
  let unanswered = false;
  const start = async (part: Promise<void>): Promise<void> => {
    const settled = part
      .catch((error: unknown) => {
        unanswered = true;
        if (stop.signal.aborted) return;
        stop.abort(error);
        onFailure(error);
      })
      .finally(() => {
        running.delete(settled);
      });
    running.add(settled);
    while (running.size >= MAX_UNDER_WAY && !stop.signal.aborted) await Promise.race([...running, stopped]);
    stop.signal.throwIfAborted();
  };
  try {
    await work({ upload, start, signal: stop.signal });
    await Promise.race([Promise.all(running), stopped]);
    stop.signal.throwIfAborted();
    return await upload.complete();
  } catch (error) {
    stop.abort(error);
    // the completion may still be under way, and an unknown outcome undoes nothing: a sweep removes what is left
    if (RegistryError.is(error, 'outcomeUnknown')) throw error;
    // a part that the server stores after the abort would stay and use space
    const linger = setTimeout(() => upload.cut(), LINGER_MS);
    await Promise.all(running);
    clearTimeout(linger);
    await upload.abort();
    if (unanswered) {
      await pause(AFTERMATH_MS);
      await upload.abort();
    }
    throw error;
  } finally {
    target.signal?.removeEventListener('abort', onAbort);
  }
};
