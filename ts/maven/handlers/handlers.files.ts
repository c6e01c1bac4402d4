import { notFound } from '../../core/base/helpers.errors.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { digestsOf, fileOf, isEmpty } from '../helpers.document.js';
import { absentPath } from '../helpers.names.js';
import type { IMavenDocument } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf } from '../keys.maven.js';
import { checksumHeaders, type ISidecar, sidecarOf } from '../wire/wire.checksums.js';
import { type IFilePath, isSnapshot, nameOf, readPath } from '../wire/wire.coordinates.js';
import { contentTypeOf, TEXT_TYPE } from '../wire/wire.types.js';

const missing = (path: IFilePath) =>
  notFound(`${path.file} of ${nameOf(path)}:${path.version} is not in this registry`);

const serveFile = async (call: RegistryCall, { config }: IMavenParts, path: IFilePath): Promise<IResponse> => {
  const key = documentKeyOf(path);
  const found = await call.storage.read<IMavenDocument>(key);
  if (!found || isEmpty(found.value)) throw call.absent();
  const file = fileOf(found.value, path);
  if (!file) throw missing(path);
  const contentType = contentTypeOf(path.file);
  const about = { packageName: nameOf(path), version: path.version, size: file.size, digest: `sha256:${file.sha256}` };
  const served = await call.serveArtifact(file.key, {
    listedBy: { key, etag: found.etag },
    size: file.size,
    contentType,
    etag: file.sha256,
    lastModified: new Date(file.time),
    headers: checksumHeaders(digestsOf(file)),
    immutable: !isSnapshot(path.version) && !config.allowRepublish,
    about: { kind: 'artifact', contentType, ...about },
  });
  if (!served) throw missing(path);
  return served;
};

/** A checksum, from the digests of the stored bytes. */
const serveSidecar = async (call: RegistryCall, path: IFilePath, { file, algorithm }: ISidecar): Promise<IResponse> => {
  const { version } = path;
  const key = documentKeyOf(path);
  const served = await call.serveDocument<IMavenDocument>(key, {
    variant: `checksum ${version}/${path.file}`,
    about: { kind: 'document', packageName: nameOf(path), version, contentType: TEXT_TYPE },
    repeatable: true,
    render: (document) => {
      const stored = fileOf(document, { version, file });
      return stored && { body: stored[algorithm], contentType: TEXT_TYPE, lastModified: new Date(stored.time) };
    },
  });
  if (served) return served;
  const found = await call.storage.read<IMavenDocument>(key);
  throw found && !isEmpty(found.value) ? missing(path) : call.absent();
};

/** GET /{group}/{artifact}/{version}/{file}. */
export const getFile = (call: RegistryCall, maven: IMavenParts): Promise<IResponse> => {
  const path = readPath(call.params);
  const sidecar = sidecarOf(path.file);
  return sidecar ? serveSidecar(call, path, sidecar) : serveFile(call, maven, path);
};

/** GET of a folder, or of a path that no file can have. */
export const getNothing = async (): Promise<never> => {
  throw absentPath();
};
