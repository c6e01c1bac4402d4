import { RegistryError } from '../../../classes.registryerror.js';
import { toHeaders } from '../connection/helpers.metadata.js';
import { quoted } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import type { ICondition } from './helpers.write.js';

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
  /** absent: any version */
  etag?: string;
}

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

/** Large objects are made by CompleteMultipartUpload, and not every server checks conditions on it. */
export const requireCompleteConditions = (session: IS3Session, { ifMatch, ifNoneMatch }: ICondition): void => {
  if (session.abilities.complete || (ifMatch === undefined && ifNoneMatch === undefined)) return;
  throw new RegistryError('unsupported', 'This storage makes large objects only without conditions');
};
