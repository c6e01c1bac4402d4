import { randomUUID } from 'node:crypto';
import { RegistryError } from '../../../classes.registryerror.js';
import { codeOf, explain, statusOf } from './helpers.errors.js';
import { copySource, run } from './helpers.request.js';
import type { IS3Abilities, IS3Session } from './interfaces.session.js';

/** An ETag that no object has: 16 zero bytes are not the MD5 of anything the registry writes. */
const NO_ETAG = '"00000000000000000000000000000000"';
const CREATED_BY_NOW = ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists', 'OperationAborted'];

/** An error for the operator at the start; the SDK's own error is the cause. */
const cannotStart = (session: IS3Session, cause: unknown): RegistryError => {
  const { bucket, endpoint } = session.settings;
  return new RegistryError('unavailable', `The bucket "${bucket}" at ${endpoint} cannot be used. ${explain(cause)}`, {
    cause,
  });
};

/** Checks the bucket by listing it, a right that the driver needs anyway. ListBuckets is often not allowed. */
export const openBucket = async (session: IS3Session): Promise<void> => {
  const { sdk, retrying } = session.clients;
  const { bucket: Bucket, prefix: Prefix } = session.settings;
  const look = () =>
    run(session, (http) => retrying.send(new sdk.ListObjectsV2Command({ Bucket, Prefix, MaxKeys: 1 }), http));
  try {
    await look();
    return;
  } catch (error) {
    const isMissing = codeOf(error) === 'NoSuchBucket';
    if (!isMissing || !session.settings.createBucket) throw cannotStart(session, error);
  }
  try {
    await run(session, (http) => retrying.send(new sdk.CreateBucketCommand({ Bucket }), http));
    session.logger.info('Created the bucket', { bucket: Bucket });
  } catch (error) {
    if (!CREATED_BY_NOW.includes(codeOf(error))) throw cannotStart(session, error);
    // another replica was faster, or the bucket belongs to another account: the next attempt decides
  }
  try {
    await look();
  } catch (error) {
    throw cannotStart(session, error);
  }
};

type TRefusal = 'refused' | 'accepted' | 'unknown to the server';

/** Whether the server refuses a request whose condition does not hold. */
const isRefused = async (session: IS3Session, send: Parameters<typeof run>[1]): Promise<TRefusal> => {
  try {
    await run(session, send);
    return 'accepted';
  } catch (error) {
    const status = statusOf(error);
    if (status === 412) return 'refused';
    // some servers send 501 or 400 because of the header itself
    if (status === 501 || status === 400) return 'unknown to the server';
    throw cannotStart(session, error);
  }
};

/**
 * Finds out which conditions the server honours, with an object of its own: those of a put first, and if they hold,
 * those of a delete and of a multipart upload's copies and completion. The object is under `staging/`, so that a sweep
 * removes it if a crash leaves it.
 */
export const probe = async (session: IS3Session): Promise<IS3Abilities> => {
  const { sdk, once, retrying } = session.clients;
  const at = { Bucket: session.settings.bucket, Key: `${session.settings.prefix}staging/probe-${randomUUID()}` };
  const put = (condition: { IfNoneMatch?: string; IfMatch?: string }) =>
    isRefused(session, (http) => once.send(new sdk.PutObjectCommand({ ...at, ...condition, Body: 'probe' }), http));
  try {
    if ((await put({})) !== 'accepted') throw cannotStart(session, new Error('a plain write was refused'));
    if ((await put({ IfNoneMatch: '*' })) !== 'refused' || (await put({ IfMatch: NO_ETAG })) !== 'refused') {
      return { put: false, complete: false, delete: false, copy: false };
    }
    const joins = await joinConditionally(session, at);
    const removal = new sdk.DeleteObjectCommand({ ...at, IfMatch: NO_ETAG });
    return {
      put: true,
      ...joins,
      delete: (await isRefused(session, (http) => once.send(removal, http))) === 'refused',
    };
  } finally {
    await run(session, (http) => retrying.send(new sdk.DeleteObjectCommand(at), http)).catch((error: unknown) => {
      session.logger.warn('The object that tried out the storage could not be removed', { key: at.Key, error });
    });
  }
};

type TJoins = Pick<IS3Abilities, 'complete' | 'copy'>;

const joinConditionally = async (session: IS3Session, at: { Bucket: string; Key: string }): Promise<TJoins> => {
  const { sdk, once, parts, retrying } = session.clients;
  try {
    const { UploadId } = await run(session, (http) => retrying.send(new sdk.CreateMultipartUploadCommand(at), http));
    const upload = { ...at, UploadId };
    const part = new sdk.UploadPartCommand({ ...upload, PartNumber: 1, Body: 'probe' });
    const { ETag } = await run(session, (http) => parts.send(part, http));
    const copy = new sdk.UploadPartCopyCommand({
      ...{ ...upload, PartNumber: 2, CopySourceIfMatch: NO_ETAG },
      CopySource: copySource(session, at.Key),
    });
    const copying = await isRefused(session, (http) => parts.send(copy, http));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const end = new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload, IfNoneMatch: '*' });
    const ending = await isRefused(session, (http) => once.send(end, http));
    if (ending !== 'accepted') {
      await run(session, (http) => retrying.send(new sdk.AbortMultipartUploadCommand(upload), http));
    }
    return { complete: ending === 'refused', copy: copying === 'refused' };
  } catch (error) {
    if (error instanceof RegistryError) throw error;
    if (statusOf(error) !== 501) throw cannotStart(session, error);
    session.logger.warn('This S3 server has no multipart uploads: it takes only what fits one request');
    return { complete: false, copy: false };
  }
};
