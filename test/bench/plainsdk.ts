import { randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { IS3StorageConfig } from '../../ts/interfaces.config.js';
import { serveJobs } from './childclient.js';

/**
 * What the S3 server and the SDK alone make of an upload whose name is known at its end only: the upper limit for
 * whoever receives it over HTTP and hashes it besides. The bytes come out of memory and nothing looks at them.
 */
export interface IPlainJob {
  config: IS3StorageConfig;
  mode: 'streamed' | '16 MiB chunks';
  size: number;
}

export interface IPlainResult {
  milliseconds: number;
  error?: string;
}

const MIB = 1024 ** 2;
const PART = 8 * MIB;
const CHUNK = 16 * MIB;
const IN_FLIGHT = 3;
const noise = randomBytes(CHUNK);

interface IBucket {
  client: S3Client;
  Bucket: string;
}

interface IPart {
  PartNumber: number;
  ETag?: string;
}

/** A multipart upload of `count` parts, a few at a time. */
const multipart = async (
  { client, Bucket }: IBucket,
  Key: string,
  count: number,
  send: (id: {
    Bucket: string;
    Key: string;
    UploadId: string | undefined;
    PartNumber: number;
  }) => Promise<string | undefined>,
): Promise<void> => {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const Parts: IPart[] = [];
  let next = 1;
  const line = async (): Promise<void> => {
    for (let PartNumber = next++; PartNumber <= count; PartNumber = next++) {
      Parts[PartNumber - 1] = { PartNumber, ETag: await send({ Bucket, Key, UploadId, PartNumber }) };
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, line));
    await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    throw error;
  }
};

/** Of a length that nobody knows: parts to a temporary key, copied to the final one. */
const streamed = async (bucket: IBucket, Key: string, size: number): Promise<void> => {
  const { client, Bucket } = bucket;
  const temporary = `tmp/${Key}`;
  await multipart(bucket, temporary, Math.ceil(size / PART), async (id) => {
    const start = (id.PartNumber % 2) * PART;
    const Body = noise.subarray(start, start + Math.min(PART, size - (id.PartNumber - 1) * PART));
    return (await client.send(new UploadPartCommand({ ...id, Body }))).ETag;
  });
  await client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${temporary}` }));
  await client.send(new DeleteObjectCommand({ Bucket, Key: temporary }));
};

/** Chunk by chunk as they come, each an object that is there after a crash; joined inside the server. */
const chunked = async (bucket: IBucket, Key: string, size: number): Promise<void> => {
  const { client, Bucket } = bucket;
  const keys: string[] = [];
  for (let at = 0; at < size; at += CHUNK) {
    const key = `tmp/${Key}-${keys.length}`;
    await client.send(new PutObjectCommand({ Bucket, Key: key, Body: noise.subarray(0, Math.min(CHUNK, size - at)) }));
    keys.push(key);
  }
  await multipart(bucket, Key, keys.length, async (id) => {
    const CopySource = `${Bucket}/${keys[id.PartNumber - 1]}`;
    return (await client.send(new UploadPartCopyCommand({ ...id, CopySource }))).CopyPartResult?.ETag;
  });
  await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
};

serveJobs(async ({ config, mode, size }: IPlainJob): Promise<IPlainResult> => {
  const client = new S3Client({
    endpoint: config.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: config.accessKey ?? '', secretAccessKey: config.accessSecret ?? '' },
  });
  const bucket: IBucket = { client, Bucket: `${config.bucketName}-${mode === 'streamed' ? 'streamed' : 'chunks'}` };
  const { Bucket } = bucket;
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'warm', Body: noise.subarray(0, MIB) }));
    const began = performance.now();
    await (mode === 'streamed' ? streamed : chunked)(bucket, 'blob', size);
    const milliseconds = performance.now() - began;
    const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket, Key: 'blob' }));
    if (ContentLength !== size) {
      throw new Error(`the object has ${ContentLength} bytes`);
    }
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'blob' }));
    return { milliseconds };
  } finally {
    client.destroy();
  }
});
