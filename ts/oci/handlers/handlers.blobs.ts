import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { DEFAULT_GRACE_MS } from '../../core/storage/upkeep/interfaces.garbage.js';
import { blobStoreOf } from '../helpers.blobstore.js';
import { BLOB_TYPE } from '../keys.oci.js';
import { assertDigest, type IDigest } from '../wire/wire.digests.js';

const unknown = ({ text }: IDigest): RegistryError =>
  new RegistryError('notFound', 'The repository has no such blob', {
    wireCode: 'BLOB_UNKNOWN',
    detail: { digest: text },
  });

/**
 * A client that may push first asks which blobs it has to send. It does not send a blob that exists, and names it in a
 * manifest some time later. So the link must be valid, and young enough to last until then.
 */
const isThereForPush = async (call: RegistryCall, name: string, digest: IDigest): Promise<boolean> => {
  if (call.method !== 'HEAD' || !(await call.can({ type: 'repository', name, action: 'push' }))) return true;
  const renewBefore = call.storage.now().getTime() - DEFAULT_GRACE_MS / 2;
  return blobStoreOf(call.storage).assure(name, digest, { renewBefore });
};

/** GET and HEAD /{name}/blobs/{digest}. */
export const getBlob = async (call: RegistryCall): Promise<IResponse> => {
  const { name, digest: text } = call.params as { name: string; digest: string };
  const digest = assertDigest(text);
  const options = {
    contentType: BLOB_TYPE,
    etag: digest.text,
    immutable: true,
    headers: { 'Docker-Content-Digest': digest.text },
    about: { kind: 'artifact' as const, packageName: name, digest: digest.text, contentType: BLOB_TYPE },
  };
  for await (const key of blobStoreOf(call.storage).keysFor(name, digest)) {
    const [served, isGood] = await Promise.all([call.serveObject(key, options), isThereForPush(call, name, digest)]);
    if (!isGood) break;
    if (served) return served;
  }
  throw unknown(digest);
};

/** DELETE /{name}/blobs/{digest}. */
export const deleteBlob = async (call: RegistryCall): Promise<IResponse> => {
  const { name, digest: text } = call.params as { name: string; digest: string };
  const digest = assertDigest(text);
  const blobs = blobStoreOf(call.storage);
  if (!(await blobs.has(name, digest))) throw unknown(digest);
  await blobs.unlink(name, digest);
  return { status: 202, headers: { 'Content-Length': '0' } };
};
