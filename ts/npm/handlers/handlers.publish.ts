import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { StagedObject } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IArtifactPlan, IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import { addVersions, assertRevision, written } from '../helpers.document.js';
import type {
  INpmArtifact,
  INpmDocument,
  INpmPerson,
  IPublication,
  IReceivedTarball,
  ITarballFacts,
} from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { BUNDLE_TYPE, documentKey, provenanceKey, TARBALL_TYPE, tarballKey } from '../keys.npm.js';
import { assertName, assertNewName, newNameProblem } from '../wire/wire.names.js';
import { attachmentVersion, MAX_ATTACHMENTS, parsePublication } from '../wire/wire.publication.js';
import { readParsedDocument, readPublishDocument } from '../wire/wire.publish.js';
import { inspectTarball } from '../wire/wire.tarball.js';
import { changeDocument } from './handlers.change.js';

interface IReceived {
  document: unknown;
  tarballs: Map<string, IReceivedTarball>;
  staged: Map<string, StagedObject>;
}

/** Stages and checks every tarball as it streams in. Returns the rest of the body as the document. */
const receive = async (call: RegistryCall, name: string): Promise<IReceived> => {
  const { maxArtifactSize, maxMetadataSize, maxUnpackedSize } = call.limits;
  const tarballs = new Map<string, IReceivedTarball>();
  const staged = new Map<string, StagedObject>();
  const onAttachment = async (file: string, content: AsyncGenerator<Uint8Array>): Promise<void> => {
    if (staged.has(file)) throw new RegistryError('invalid', 'The document has an attachment twice');
    if (staged.size >= MAX_ATTACHMENTS) {
      throw new RegistryError('invalid', `The document has more than ${MAX_ATTACHMENTS} attachments`);
    }
    // a file that cannot belong to the package is refused before its first byte is stored
    const version = attachmentVersion(name, file);
    let facts: ITarballFacts | undefined;
    const checked = inspectTarball(content, { maxUnpackedSize }, (found) => {
      facts = found;
    });
    const object = await call.storage.stage(checked, {
      hashes: ['sha1', 'sha512'],
      limit: maxArtifactSize,
      about: { key: tarballKey(name, version), contentType: TARBALL_TYPE, packageName: name, version },
    });
    const { sha1, sha512 } = object.digests as { sha1: string; sha512: string };
    staged.set(file, object);
    tarballs.set(file, { ...(facts as unknown as ITarballFacts), size: object.size, sha1, sha512 });
  };
  const { parsed } = call.body;
  // base64 makes four bytes from three; a JSON writer that escapes `+` and `/` adds a sixth of that
  const limit = Math.ceil(maxArtifactSize / 3) * 5 + maxMetadataSize;
  const document =
    parsed === undefined
      ? await readPublishDocument(call.body.chunks({ limit }), {
          maxMetadataSize,
          onAttachment,
        })
      : await readParsedDocument(parsed, { onAttachment });
  return { document, tarballs, staged };
};

const publisherOf = async (call: RegistryCall): Promise<INpmPerson> => {
  const name = call.userId ?? 'anonymous';
  const profile = call.userId === undefined ? null : await call.auth.getUser(call.userId);
  // npm prints `name <email>` even without an address
  return { name, email: profile?.email ?? '' };
};

/** The artifacts of each version; `placed` is in the order of the plan. */
const artifactsOf = (
  plans: { version: string; provenance: boolean }[],
  placed: IPlacedArtifact[],
  writeId: string,
): Record<string, INpmArtifact> => {
  const entries: [string, INpmArtifact][] = [];
  for (const [index, { version, provenance }] of plans.entries()) {
    const { key, size, digests } = placed[index] as IPlacedArtifact;
    if (provenance) {
      (entries.find(([other]) => other === version)?.[1] as INpmArtifact).provenance = { key, size };
    } else {
      const { sha1, sha512 } = digests as { sha1: string; sha512: string };
      entries.push([version, { key, size, sha1, sha512, writeId }]);
    }
  }
  return Object.fromEntries(entries);
};

const publish = async (
  call: RegistryCall,
  npm: INpmParts,
  publication: IPublication,
  staged: ReadonlyMap<string, StagedObject>,
  revision: string | undefined,
): Promise<INpmDocument> => {
  const { name, versions } = publication;
  const publisher = await publisherOf(call);
  const artifacts: IArtifactPlan[] = [];
  const plans: { version: string; provenance: boolean }[] = [];
  for (const { version, attachment, provenance } of versions) {
    const tarball = staged.get(attachment) as StagedObject;
    artifacts.push({
      staged: tarball,
      key: tarballKey(name, version),
      contentType: TARBALL_TYPE,
      digestAlgorithm: 'sha512',
      version,
    });
    plans.push({ version, provenance: false });
    if (provenance === undefined) continue;
    const bundle = await call.storage.stage(Buffer.from(provenance), { hashes: ['sha512'] });
    artifacts.push({
      staged: bundle,
      key: provenanceKey(name, version),
      contentType: BUNDLE_TYPE,
      digestAlgorithm: 'sha512',
      version,
    });
    plans.push({ version, provenance: true });
  }
  const first = versions[0]?.version as string;
  const withRemembered = await npm.signer.remembering();
  const document = await call.storage.commit<INpmDocument>({
    packageName: name,
    version: versions.length === 1 ? first : undefined,
    place: artifacts,
    document: {
      key: documentKey(name),
      apply: (current, placed, stamp) => {
        if (revision !== undefined && current) assertRevision(current, revision);
        return addVersions(current && withRemembered(current), publication, {
          publisher,
          allowRepublish: npm.config.allowRepublish ?? false,
          stamp,
          artifacts: artifactsOf(plans, placed, stamp.id),
        });
      },
      applied: ({ _registry }, { id }) =>
        Object.hasOwn(_registry.artifacts, first) && _registry.artifacts[first]?.writeId === id,
    },
    catalog: npm.catalog,
  });
  return written(document, name);
};

/**
 * The package name in a PUT. `features.strictNames` applies to new packages only: a package that was published before
 * the switch was turned on can still be published, deprecated and unpublished.
 */
const nameToWrite = async (call: RegistryCall, npm: INpmParts): Promise<string> => {
  const name = assertName(call.params.name as string);
  if (!npm.config.features?.strictNames || newNameProblem(name) === null) return name;
  return (await call.storage.read<INpmDocument>(documentKey(name))) ? name : assertNewName(name);
};

/**
 * PUT /{package} and PUT /{package}/-rev/{revision}: publishes if the document has attachments; if not, changes
 * existing versions (deprecate, unpublish of a version).
 * @see https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
 */
export const putDocument = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const name = await nameToWrite(call, npm);
  const { revision } = call.params;
  const { document, tarballs, staged } = await receive(call, name);
  const attachments = isRecord(document) && isRecord(document._attachments) ? document._attachments : {};
  if (Object.keys(attachments).length === 0) return changeDocument(call, npm, { name, document, revision });
  const publication = parsePublication(name, document, tarballs);
  for (const { manifest } of publication.versions) manifest.dist.signatures = await npm.signer.sign(manifest);
  const { _id, _rev } = await publish(call, npm, publication, staged, revision);
  return respond(201, { ok: true, success: true, id: _id, rev: _rev });
};
