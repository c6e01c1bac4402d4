import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { droppedKeys } from '../../core/storage/commit/helpers.dropped.js';
import type { IWriteStamp } from '../../core/storage/interfaces.storage.js';
import { commitChange } from '../helpers.changes.js';
import { assertRevision, existing, removeVersions, wereRemovedBy } from '../helpers.document.js';
import { namedKeys } from '../helpers.orphans.js';
import type { INpmDocument } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.npm.js';
import { versionOfFile } from '../wire/wire.names.js';
import { packageOf } from './handlers.packument.js';

export interface IRemoval {
  name: string;
  versions: string[];
  /** pure */
  apply(current: INpmDocument | null, stamp: IWriteStamp): INpmDocument;
}

/**
 * Unpublishes: changes the document first, then deletes the artifacts that it named. The document stays, because it
 * records which versions were published.
 */
export const removePackageVersions = (
  call: RegistryCall,
  npm: INpmParts,
  { name, versions, apply }: IRemoval,
): Promise<INpmDocument> =>
  commitChange(call, npm, {
    name,
    version: versions.length === 1 ? versions[0] : undefined,
    apply,
    applied: (current, stamp) => wereRemovedBy(current, versions, stamp),
    drop: droppedKeys(namedKeys),
  });

const removeAtRevision = async (
  call: RegistryCall,
  npm: INpmParts,
  name: string,
  choose: (document: INpmDocument) => string[],
): Promise<IResponse> => {
  const revision = call.params.revision as string;
  const current = existing((await call.storage.read<INpmDocument>(documentKey(name)))?.value, name);
  const { _rev } = await removePackageVersions(call, npm, {
    name,
    versions: choose(current),
    apply: (document, stamp) => {
      const found = existing(document, name);
      assertRevision(found, revision);
      return removeVersions(found, choose(found), stamp);
    },
  });
  return respond(200, { ok: true, id: name, rev: _rev });
};

/** DELETE /{package}/-rev/{revision}. */
export const deletePackage = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> =>
  removeAtRevision(call, npm, packageOf(call), ({ versions }) => Object.keys(versions));

/**
 * DELETE /{package}/-/{file}/-rev/{revision}. npm sends it after it has removed the version from the document, which
 * has deleted the file already. If the version still exists, it is removed too, so that the document never names a
 * missing file.
 */
export const deleteTarball = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const name = packageOf(call);
  const file = call.params.file as string;
  const version = versionOfFile(name, file);
  const document = (await call.storage.read<INpmDocument>(documentKey(name)))?.value;
  if (document && version !== null) {
    if (Object.hasOwn(document.versions, version)) return removeAtRevision(call, npm, name, () => [version]);
    if (Object.hasOwn(document._registry.deleted, version))
      return respond(200, { ok: true, id: name, rev: document._rev });
  }
  throw new RegistryError('notFound', `${name}/-/${file} is not in this registry`);
};
