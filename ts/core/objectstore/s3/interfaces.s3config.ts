import type { storage } from '@tsclass/tsclass';

/** A bucket on an S3 server. */
export interface IS3StorageConfig extends Partial<storage.IS3Descriptor> {
  endpoint: string;
  bucketName: string;
  /** KMS or AES256 header value sent with every write, as S3's `x-amz-server-side-encryption` */
  serverSideEncryption?: string | undefined;
  sessionToken?: string | undefined;
  /** `WHEN_REQUIRED` for servers that do not know the SDK's default checksums */
  checksums?: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' | undefined;
  /** make the bucket if it is missing; default true */
  createBucket?: boolean | undefined;
  /** run on a server without conditional writes although several replicas may race; default false */
  allowUnconditionalWrites?: boolean | undefined;
}
