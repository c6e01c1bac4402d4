import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import { withReadme, written } from './helpers.document.js';
import type { INpmDocument, IReadme } from './interfaces.npm.js';
import type { INpmParts } from './interfaces.parts.js';
import { documentKey } from './keys.npm.js';

/** A change of a package that adds no version. */
export interface IDocumentChange {
  name: string;
  /** for hooks, if the change concerns one version */
  version?: string;
  /** pure */
  apply(current: INpmDocument | null, stamp: IWriteStamp): INpmDocument;
  applied?(current: INpmDocument, stamp: IWriteStamp): boolean;
  drop?(before: INpmDocument | null, after: INpmDocument | null): string[];
}

/**
 * The readme of the version that the change makes the latest; undefined if the latest stays. Each change either names
 * that version or is for one revision of the document, so the version is the same when the change is written.
 */
const newReadme = async (
  call: RegistryCall,
  npm: INpmParts,
  { name, apply }: IDocumentChange,
): Promise<Partial<IReadme> | undefined> => {
  const current = (await call.storage.read<INpmDocument>(documentKey(name)))?.value;
  if (!current) return undefined;
  const { latest } = apply(current, { id: '', time: '' })['dist-tags'];
  if (latest === undefined || latest === current['dist-tags'].latest) return undefined;
  return npm.readmes.inTarball(current, latest);
};

/** Commits a change. A package's page shows the readme of its latest version, so a new latest brings its own. */
export const commitChange = async (
  call: RegistryCall,
  npm: INpmParts,
  change: IDocumentChange,
): Promise<INpmDocument> => {
  const { name, version, apply, applied, drop } = change;
  const readme = await newReadme(call, npm, change);
  const document = await call.storage.commit<INpmDocument>({
    packageName: name,
    version,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => withReadme(apply(current, stamp), readme),
      applied,
    },
    drop,
    catalog: npm.catalog,
  });
  return written(document, name);
};
