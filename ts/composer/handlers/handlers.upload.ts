import { invalid } from '../../core/base/helpers.errors.js';
import { iterate } from '../../core/base/helpers.streams.js';
import type { StagedObject } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { droppedKeys } from '../../core/storage/commit/helpers.dropped.js';
import type { IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import type { IWriteStamp } from '../../core/storage/interfaces.storage.js';
import { addVersion, artifactsOf, findVersion } from '../helpers.document.js';
import { nameIn } from '../helpers.names.js';
import { namedKeys } from '../helpers.orphans.js';
import { inspectPackage } from '../helpers.zip.js';
import type { IComposerArtifact, IComposerDocument } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { documentKey, ZIP_TYPE, zipKey } from '../keys.composer.js';
import { checkManifest, type ICheckedManifest, parseManifest } from '../wire/wire.manifest.js';
import { assertNewName } from '../wire/wire.names.js';

interface IUploadedZip {
  zip: StagedObject;
  /** composer.json */
  manifest: Uint8Array;
}

interface IReceived extends IUploadedZip {
  /** in the form */
  version?: string | undefined;
}

const stage = async (call: RegistryCall, name: string, body: AsyncIterable<Uint8Array>): Promise<IUploadedZip> => {
  const { maxArtifactSize, maxUnpackedSize } = call.limits;
  let manifest: Uint8Array | undefined;
  const checked = inspectPackage(body, { maxUnpackedSize }, (bytes) => {
    manifest = bytes;
  });
  const zip = await call.storage.stage(checked, {
    hashes: ['sha1', 'sha256'],
    limit: maxArtifactSize,
    // the reference is not known before the last byte
    about: { key: zipKey(name, 'upload'), contentType: ZIP_TYPE, packageName: name },
  });
  return { zip, manifest: manifest as unknown as Uint8Array };
};

/** The zip of a form: its only file, under any name. */
const receiveForm = async (call: RegistryCall, name: string): Promise<IReceived> => {
  let received: IUploadedZip | undefined;
  const fields = await call.body.form({
    fields: ['version'],
    limits: { files: 1 },
    onFile: async ({ stream }) => {
      received = await stage(call, name, iterate(stream));
    },
  });
  if (!received) throw invalid('The form has no file');
  return { ...received, version: fields.get('version') || undefined };
};

const receive = async (call: RegistryCall, name: string): Promise<IReceived> => {
  const isForm = call.body.parsed !== undefined || /^multipart\/form-data\b/i.test(call.header('content-type') ?? '');
  if (isForm) return receiveForm(call, name);
  return stage(call, name, call.body.chunks({ limit: call.limits.maxArtifactSize }));
};

/** The version in the request; throws `invalid` if the query and the form have different ones. */
const requestedVersion = (call: RegistryCall, { version }: IReceived): string | undefined => {
  const inQuery = call.query('version') || undefined;
  if (inQuery !== undefined && version !== undefined && inQuery !== version) {
    throw invalid('The version in the form differs from the one in the query');
  }
  return inQuery ?? version;
};

const artifactOf = ({ key, size, digests }: IPlacedArtifact, writeId: string): IComposerArtifact => {
  const { sha1, sha256 } = digests as { sha1: string; sha256: string };
  return { key, size, sha1, sha256, writeId };
};

const publish = async (
  call: RegistryCall,
  { catalog, config }: IComposerParts,
  name: string,
  zip: StagedObject,
  checked: ICheckedManifest,
): Promise<{ isNew: boolean; publishedAt: string }> => {
  const { normalized, version } = checked;
  let write: IWriteStamp | undefined;
  const document = await call.storage.commit<IComposerDocument>({
    packageName: name,
    version,
    place: [{ staged: zip, key: zipKey(name, zip.digests.sha1 as string), contentType: ZIP_TYPE }],
    document: {
      key: documentKey(name),
      apply: (current, placed, stamp) => {
        write = stamp;
        const added = { ...checked, artifact: artifactOf(placed[0] as IPlacedArtifact, stamp.id) };
        return addVersion(current, name, added, { stamp, allowRepublish: config.allowRepublish ?? false });
      },
      applied: (current, { id }) => artifactsOf(current).some(({ writeId }) => writeId === id),
    },
    drop: droppedKeys(namedKeys),
    catalog,
  });
  const { id, time } = write as unknown as IWriteStamp;
  const found = findVersion(document, normalized);
  // others may have replaced or deleted this very upload by now: it was published all the same
  const wasThere = found && found.artifact.writeId !== id && found.artifact.sha1 === zip.digests.sha1;
  return wasThere ? { isNew: false, publishedAt: found.publishedAt } : { isNew: true, publishedAt: time };
};

/**
 * PUT or POST /packages/{vendor}/{package}: a zip with a composer.json, as the body or in a form. The same bytes again
 * are a success (200), so an upload can be repeated.
 */
export const upload = async (call: RegistryCall, composer: IComposerParts): Promise<IResponse> => {
  const name = assertNewName(nameIn(call.params));
  const received = await receive(call, name);
  const { zip } = received;
  const checked = checkManifest(parseManifest(received.manifest), name, requestedVersion(call, received));
  const { version, normalized } = checked;
  const reference = zip.digests.sha1;
  const { isNew, publishedAt } = await publish(call, composer, name, zip, checked);
  return respond(isNew ? 201 : 200, {
    status: 'success',
    name,
    version,
    version_normalized: normalized,
    reference,
    'published-time': publishedAt,
  });
};
