import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { knownAs, versionOf } from '../helpers.document.js';
import type { ICargoDocument } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { CRATE_TYPE, documentKey } from '../keys.cargo.js';
import { isCrateName } from '../wire/wire.names.js';

/** The crate in the path; throws `notFound` for names that no crate can have. */
export const crateOf = (call: RegistryCall): string => {
  const name = call.params.crate as string;
  if (isCrateName(name)) return name;
  throw call.absent();
};

/** GET /api/v1/crates/{crate}/{version}/download. A yanked version can be downloaded: lock files name it. */
export const download = async (call: RegistryCall, cargo: ICargoParts): Promise<IResponse> => {
  const wanted = crateOf(call);
  const version = call.params.version as string;
  const key = documentKey(wanted);
  const stored = await call.storage.read<ICargoDocument>(key);
  const document = knownAs(stored?.value, wanted);
  if (!document) throw call.absent();
  const { key: artifact, size, entry } = versionOf(document, version);
  const served = await call.serveArtifact(artifact, {
    listedBy: { key, etag: stored?.etag as string },
    size,
    contentType: CRATE_TYPE,
    etag: entry.cksum,
    immutable: !cargo.config.allowRepublish,
    reprDigest: entry.cksum,
    about: {
      kind: 'artifact',
      packageName: document.name,
      version,
      size,
      digest: `sha256:${entry.cksum}`,
      contentType: CRATE_TYPE,
    },
  });
  if (!served) throw call.absent();
  return served;
};
