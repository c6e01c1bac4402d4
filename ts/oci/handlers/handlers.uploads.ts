import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { AskedHooks } from '../../core/storage/hooks/classes.askedhooks.js';
import { wrongOffset } from '../../core/storage/uploads/classes.resumableuploads.js';
import { VerifiedBody } from '../../core/storage/uploads/classes.verifiedbody.js';
import { blobStoreOf } from '../helpers.blobstore.js';
import type { IOciParts } from '../interfaces.parts.js';
import { BLOB_TYPE, uploadsPrefix } from '../keys.oci.js';
import { assertAlgorithm, assertDigest, type IDigest, readDigest } from '../wire/wire.digests.js';
import { isRepository } from '../wire/wire.names.js';
import { type IChunkRange, parseChunkRange, uploadRange } from '../wire/wire.ranges.js';

/** bytes; S3 takes no smaller parts, so chunks of at least this size are joined without being sent again */
const MIN_CHUNK = 5 * 1024 * 1024;
/** repositories that are searched for a blob if a client's mount request does not name one */
const MAX_HOLDERS = 50;

const nameOf = (call: RegistryCall): string => call.params.name as string;
const blobsUrl = (call: RegistryCall): string => call.linkTo(`/${nameOf(call)}/blobs`);

const blobCreated = (call: RegistryCall, { text }: IDigest): IResponse => ({
  status: 201,
  headers: { Location: `${blobsUrl(call)}/${text}`, 'Docker-Content-Digest': text, 'Content-Length': '0' },
});

const uploadHeaders = (call: RegistryCall, id: string, size: number): Record<string, string> => ({
  Location: `${blobsUrl(call)}/uploads/${id}`,
  Range: uploadRange(size),
  'Docker-Upload-UUID': id,
});

/** Converts errors of an upload into those of the protocol: the upload is unknown, or continues at another byte. */
const explained = (call: RegistryCall, id: string, thrown: unknown): unknown => {
  if (RegistryError.is(thrown, 'notFound')) {
    return new RegistryError('notFound', thrown.message, { wireCode: 'BLOB_UPLOAD_UNKNOWN' });
  }
  if (!RegistryError.is(thrown, 'rangeInvalid')) return thrown;
  const { size } = thrown.detail as { size: number };
  const headers = uploadHeaders(call, id, size);
  return new RegistryError('rangeInvalid', thrown.message, { wireCode: 'BLOB_UPLOAD_INVALID', headers });
};

/** Runs `work` on the upload of the route. */
const onUpload = async <T>(call: RegistryCall, work: (id: string, owner: string) => Promise<T>): Promise<T> => {
  const { name, upload } = call.params as { name: string; upload: string };
  try {
    return await work(upload, name);
  } catch (thrown) {
    throw explained(call, upload, thrown);
  }
};

/** bytes of the request body, if the client announces them */
const announcedSize = (call: RegistryCall): number | undefined => {
  const header = call.header('content-length');
  return header === undefined || call.header('content-encoding') ? undefined : Number(header);
};

/** Streams the whole body directly to the blob's key. */
const placeBody = async (call: RegistryCall, digest: IDigest): Promise<void> => {
  const { maxArtifactSize: limit } = call.limits;
  const { algorithm, hex } = digest;
  const body = call.body.exists ? call.body.stream({ limit }) : new Blob([]).stream();
  const size = call.body.exists ? announcedSize(call) : 0;
  await blobStoreOf(call.storage).put(nameOf(call), digest, new VerifiedBody(body, { algorithm, hex, size, limit }));
};

/** The expected digest; undefined if the client gives none, or more than one. */
const promisedDigest = (call: RegistryCall): IDigest | undefined => {
  const values = call.queryAll('digest');
  return values.length === 0 ? undefined : assertDigest(values.length === 1 ? values[0] : values);
};

const mount = async (call: RegistryCall, text: string): Promise<IDigest | null> => {
  const digest = readDigest(text);
  if (!digest) return null;
  const from = call.query('from');
  const blobs = blobStoreOf(call.storage);
  const candidates = from === undefined ? await blobs.links.owners(digest, MAX_HOLDERS) : [from];
  for (const repository of candidates) {
    if (!isRepository(repository)) continue;
    // the right is checked first: a caller without it must not learn what exists
    if (!(await call.can({ type: 'repository', name: repository, action: 'pull' }))) continue;
    if (!(await blobs.has(repository, digest))) continue;
    if (await blobs.mount(nameOf(call), digest)) return digest;
  }
  return null;
};

/** POST /{name}/blobs/uploads/: mounts a blob, receives a whole one, or begins an upload. */
export const beginUpload = async (call: RegistryCall, { uploads }: IOciParts): Promise<IResponse> => {
  const wanted = call.query('mount');
  if (wanted !== undefined) {
    const mounted = await mount(call, wanted);
    if (mounted) return blobCreated(call, mounted);
  }
  const digest = promisedDigest(call);
  if (digest) {
    await placeBody(call, digest);
    return blobCreated(call, digest);
  }
  const algorithm = call.query('digest-algorithm');
  const id = await uploads.begin({
    owner: nameOf(call),
    algorithm: algorithm === undefined ? undefined : assertAlgorithm(algorithm),
  });
  const headers = {
    ...uploadHeaders(call, id, 0),
    'OCI-Chunk-Min-Length': String(MIN_CHUNK),
    'Content-Length': '0',
  };
  return { status: 202, headers };
};

const takeChunk = async (
  call: RegistryCall,
  { uploads }: IOciParts,
  range: IChunkRange | undefined,
  id: string,
): Promise<number> => {
  const owner = nameOf(call);
  const { maxArtifactSize: limit } = call.limits;
  const size = announcedSize(call);
  if (range && size !== undefined && size !== range.size) {
    throw new RegistryError('invalid', `Content-Range names ${range.size} bytes and Content-Length ${size}`, {
      wireCode: 'SIZE_INVALID',
    });
  }
  const metadata = { contentType: BLOB_TYPE, packageName: owner, size, kind: 'artifact' as const };
  const hooks = new AskedHooks(call.storage);
  if (!range?.start) await hooks.ask('beforePut', { key: `${uploadsPrefix}/${id}`, metadata, phase: 'start' });
  const options = { owner, at: range?.start, size: size ?? range?.size, limit };
  try {
    return await uploads.append(id, call.body.stream({ limit }), options);
  } finally {
    // a chunk is not a blob yet: hooks are asked about the whole at the end of the upload
    await hooks.abort();
  }
};

/** PATCH: receives the next chunk, or, without Content-Range, the whole body. */
export const patchUpload = (call: RegistryCall, oci: IOciParts): Promise<IResponse> =>
  onUpload(call, async (id, owner) => {
    const range = parseChunkRange(call.header('content-range'));
    const isEmpty = !call.body.exists && !range;
    const size = isEmpty ? await oci.uploads.size(id, { owner }) : await takeChunk(call, oci, range, id);
    return { status: 202, headers: { ...uploadHeaders(call, id, size), 'Content-Length': '0' } };
  });

/**
 * Receives the chunk that comes with the end of the upload. A client that repeats a failed PUT sends it again: then the
 * upload may already have the expected digest.
 */
const takeLastChunk = async (
  call: RegistryCall,
  oci: IOciParts,
  range: IChunkRange | undefined,
  id: string,
  { algorithm, hex }: IDigest,
): Promise<void> => {
  const owner = nameOf(call);
  const last = range?.size ?? announcedSize(call);
  const isComplete = () => oci.uploads.isComplete(id, { owner, algorithm, hex, last });
  // without a range, only the digest shows that the chunk was received
  if (!range && (await isComplete())) return;
  await takeChunk(call, oci, range, id).catch(async (error: unknown) => {
    const isRepeated = range && RegistryError.is(error, 'rangeInvalid') && (await isComplete());
    if (!isRepeated) throw error;
  });
};

/** PUT: ends an upload, with its last chunk or its whole content, if that is still missing. */
export const finishUpload = (call: RegistryCall, oci: IOciParts): Promise<IResponse> =>
  onUpload(call, async (id, owner) => {
    const { uploads } = oci;
    const digest = promisedDigest(call) ?? assertDigest(undefined);
    const range = parseChunkRange(call.header('content-range'));
    const isFresh = call.body.exists && uploads.isFresh(id, { owner });
    if (!range && (isFresh || (await uploads.size(id, { owner })) === 0)) {
      await placeBody(call, digest).catch(async (error: unknown) => {
        // another process may have received earlier chunks, and the last one did not state its offset: now it is known
        const received = isFresh && RegistryError.is(error, 'digestMismatch') ? await uploads.size(id, { owner }) : 0;
        throw received > 0 ? wrongOffset(received) : error;
      });
      await uploads.remove(id, []);
      return blobCreated(call, digest);
    }
    if (call.body.exists) await takeLastChunk(call, oci, range, id, digest);
    const staged = await uploads.assemble(id, { owner, algorithm: digest.algorithm, hex: digest.hex });
    await blobStoreOf(call.storage).put(owner, digest, staged);
    return blobCreated(call, digest);
  });

/** GET: the number of bytes received so far. */
export const showUpload = (call: RegistryCall, { uploads }: IOciParts): Promise<IResponse> =>
  onUpload(call, async (id, owner) => {
    const size = await uploads.size(id, { owner });
    return { status: 204, headers: uploadHeaders(call, id, size) };
  });

/** DELETE: cancels the upload. */
export const cancelUpload = (call: RegistryCall, { uploads }: IOciParts): Promise<IResponse> =>
  onUpload(call, async (id, owner) => {
    await uploads.size(id, { owner });
    await uploads.remove(id);
    return { status: 204, headers: {} };
  });
