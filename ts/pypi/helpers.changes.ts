import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { droppedKeys } from '../core/storage/commit/helpers.dropped.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import {
  existing,
  removeFiles,
  selectFiles,
  setStatus,
  type TSelection,
  wereRemovedBy,
  written,
  yankFiles,
} from './helpers.document.js';
import { namedKeys } from './helpers.orphans.js';
import type { IPypiParts } from './interfaces.parts.js';
import type { IProjectStatus, IPypiDocument } from './interfaces.pypi.js';
import { documentKey } from './keys.pypi.js';

/** Where a change is written: the storage of a call, or the registry's own. */
export interface IChangePlace {
  storage: RegistryStorage;
  catalog: IPypiParts['catalog'];
  /** normalised */
  project: string;
}

interface IChange {
  version?: string | undefined;
  /** pure */
  apply(current: IPypiDocument, stamp: IWriteStamp): IPypiDocument;
  applied?(current: IPypiDocument, stamp: IWriteStamp): boolean;
  drop?(before: IPypiDocument | null, after: IPypiDocument | null): string[];
}

const commitChange = async (
  { storage, catalog, project }: IChangePlace,
  { version, apply, applied, drop }: IChange,
): Promise<IPypiDocument> => {
  const document = await storage.commit<IPypiDocument>({
    packageName: project,
    version,
    document: {
      key: documentKey(project),
      apply: (current, _placed, stamp) => apply(existing(current, project), stamp),
      applied,
    },
    drop,
    catalog,
  });
  return written(document, project);
};

const versionIn = (selection: TSelection): string | undefined =>
  typeof selection === 'object' && 'version' in selection ? selection.version : undefined;

/** Yanks the selected files (PEP 592), or takes the yank back if `reason` is undefined. */
export const changeYank = (
  place: IChangePlace,
  selection: TSelection,
  reason: string | undefined,
): Promise<IPypiDocument> =>
  commitChange(place, {
    version: versionIn(selection),
    apply: (document, stamp) => yankFiles(document, selectFiles(document, place.project, selection), reason, stamp),
  });

/** Deletes the selected files. The document stays, because it records the names that were used. */
export const deleteFiles = (place: IChangePlace, selection: TSelection): Promise<IPypiDocument> => {
  // of the last attempt: an attempt that finds other files removes those
  let names: string[] = [];
  return commitChange(place, {
    version: versionIn(selection),
    apply: (document, stamp) => {
      const files = selectFiles(document, place.project, selection);
      names = files.map(({ filename }) => filename);
      return removeFiles(document, files, stamp);
    },
    applied: (document, stamp) => names.length > 0 && wereRemovedBy(document, names, stamp),
    drop: droppedKeys(namedKeys),
  });
};

/**
 * Sets the status of a project (PEP 792).
 * @param mayQuarantine whether the caller may set and lift a quarantine. It is checked where the status is written: an
 * administrator may set a quarantine while the request of an uploader is on its way.
 */
export const changeStatus = (
  place: IChangePlace,
  status: IProjectStatus,
  mayQuarantine: boolean,
): Promise<IPypiDocument> =>
  commitChange(place, {
    apply: (document, stamp) => {
      const changed = setStatus(document, status, stamp);
      const concernsQuarantine = [document, changed].some((one) => one.status?.status === 'quarantined');
      if (changed === document || mayQuarantine || !concernsQuarantine) return changed;
      throw new RegistryError('forbidden', 'Only a caller that may write every project sets or lifts a quarantine');
    },
  });
