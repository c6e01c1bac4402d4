import type { storage } from '@tsclass/tsclass';

export interface IS3StorageConfig extends Partial<storage.IS3Descriptor> {
  endpoint: string;
  bucketName: string;
  /** value of S3's header `x-amz-server-side-encryption` for every write: KMS or AES256 */
  serverSideEncryption?: string | undefined;
  sessionToken?: string | undefined;
  /** `WHEN_REQUIRED` for servers that do not know the SDK's default checksums */
  checksums?: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED' | undefined;
  /** create the bucket if it is missing; default true */
  createBucket?: boolean | undefined;
  /**
   * run on a server without conditional writes although several replicas may lose each other's writes; default false
   */
  allowUnconditionalWrites?: boolean | undefined;
}
