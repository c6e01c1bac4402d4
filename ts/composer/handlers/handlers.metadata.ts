import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { absentName } from '../../core/pipeline/helpers.refusal.js';
import type { IStoredDocument } from '../../core/storage/interfaces.storage.js';
import { artifactsOf, hasVersions } from '../helpers.document.js';
import { packageOf } from '../helpers.names.js';
import type { IComposerArtifact, IComposerDocument } from '../interfaces.composer.js';
import { documentKey, ZIP_TYPE } from '../keys.composer.js';
import { renderMetadata } from '../wire/wire.metadata.js';

const JSON_TYPE = 'application/json';

/** GET /p2/{vendor}/{package}.json, or (`dev`) ~dev.json. Both exist for every package with a version. */
export const getMetadata = async (call: RegistryCall, dev: boolean): Promise<IResponse> => {
  const name = packageOf(call);
  const served = await call.serveDocument<IComposerDocument>(documentKey(name), {
    variant: dev ? 'dev' : 'main',
    about: { kind: 'document', packageName: name, contentType: JSON_TYPE },
    repeatable: true,
    render: (document, publicUrl) =>
      hasVersions(document)
        ? {
            body: renderMetadata(document, publicUrl, dev),
            contentType: JSON_TYPE,
            lastModified: new Date(document.changedAt),
          }
        : null,
  });
  if (!served) throw call.absent();
  return served;
};

/** Null: the zip is not at the key of this artifact any more. */
const serveZip = (
  call: RegistryCall,
  { etag, value }: IStoredDocument<IComposerDocument>,
  artifact: IComposerArtifact,
): Promise<IResponse | null> => {
  const { name, versions } = value;
  const { key, size, sha1, sha256 } = artifact;
  const version = versions.find((one) => one.artifact === artifact)?.version;
  return call.serveArtifact(key, {
    listedBy: { key: documentKey(name), etag },
    size,
    contentType: ZIP_TYPE,
    etag: sha1,
    immutable: true,
    about: {
      kind: 'artifact',
      packageName: name,
      ...(version !== undefined && { version }),
      size,
      digest: `sha256:${sha256}`,
      contentType: ZIP_TYPE,
    },
  });
};

/** GET /dists/{vendor}/{package}/{reference}.zip. The reference is a digest of the bytes, so they never change. */
export const getZip = async (call: RegistryCall): Promise<IResponse> => {
  const name = packageOf(call);
  const { reference } = call.params as { reference: string };
  let lookedAt: string | undefined;
  for (;;) {
    const document = await call.storage.read<IComposerDocument>(documentKey(name));
    // an object that the document does not name does not exist, whatever the store lists
    if (!hasVersions(document?.value)) throw call.absent();
    const artifact = document && artifactsOf(document.value).find(({ sha1 }) => sha1 === reference);
    const isNew = artifact && artifact.key !== lookedAt;
    const served = isNew ? await serveZip(call, document, artifact) : null;
    if (served) return served;
    if (!isNew) throw absentName(`${name} ${reference.slice(0, 64)}.zip`);
    // an upload that brings a branch back to these bytes names another key, and the one before is deleted
    lookedAt = artifact.key;
  }
};
