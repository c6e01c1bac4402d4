import { RegistryError } from '../core/classes.registryerror.js';
import type { IResponse } from '../core/interfaces.core.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { isLinked, unlinkBlob } from './classes.blobs.js';
import { BLOB_TYPE, blobKey } from './keys.oci.js';
import { assertDigest, type IDigest } from './wire.digests.js';

const unknown = ({ text }: IDigest): RegistryError =>
  new RegistryError('notFound', 'The repository has no such blob', {
    wireCode: 'BLOB_UNKNOWN',
    detail: { digest: text },
  });

/** GET and HEAD /{name}/blobs/{digest}. */
export const getBlob = async (call: RegistryCall): Promise<IResponse> => {
  const { name, digest: text } = call.params as { name: string; digest: string };
  const digest = assertDigest(text);
  const served =
    (await isLinked(call.storage, name, digest)) &&
    (await call.serveObject(blobKey(digest), {
      contentType: BLOB_TYPE,
      etag: digest.text,
      immutable: true,
      headers: { 'Docker-Content-Digest': digest.text },
      about: { kind: 'artifact', packageName: name, digest: digest.text, contentType: BLOB_TYPE },
    }));
  if (!served) throw unknown(digest);
  return served;
};

/** DELETE /{name}/blobs/{digest}. */
export const deleteBlob = async (call: RegistryCall): Promise<IResponse> => {
  const { name, digest: text } = call.params as { name: string; digest: string };
  const digest = assertDigest(text);
  if (!(await isLinked(call.storage, name, digest))) throw unknown(digest);
  await unlinkBlob(call.storage, name, digest);
  return { status: 202, headers: { 'Content-Length': '0' } };
};
