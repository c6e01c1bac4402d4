import { iterate } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import { type IStamp, withReadme, written } from './helpers.document.js';
import type { INpmDocument, IReadme, ITarballFacts } from './interfaces.npm.js';
import type { INpmParts } from './interfaces.parts.js';
import { documentKey } from './keys.npm.js';
import { packedReadme } from './wire/wire.publication.js';
import { inspectTarball } from './wire/wire.tarball.js';

/** bytes; a larger tarball takes too long to read while a client waits, so its version becomes the latest without a readme */
const MAX_TARBALL = 32 * 1024 * 1024;

/** A change of a package that adds no version. */
export interface IDocumentChange {
  name: string;
  /** told to hooks, if the change is about one version */
  version?: string;
  /** pure */
  apply(current: INpmDocument | null, stamp: IStamp): INpmDocument;
  applied?(current: INpmDocument, stamp: IStamp): boolean;
  drop?(before: INpmDocument | null, after: INpmDocument | null): string[];
}

/** The readme in the stored tarball of a version; undefined if there is none, or if the tarball is lost or damaged. */
const storedReadme = async (
  call: RegistryCall,
  document: INpmDocument,
  version: string,
): Promise<IReadme | undefined> => {
  const artifact = document._registry.artifacts[version];
  const found = artifact && artifact.size <= MAX_TARBALL && (await call.storage.open(artifact.key));
  if (!found || found === 'notModified') return undefined;
  let facts: ITarballFacts | undefined;
  const checked = inspectTarball(iterate(found.body), { maxUnpackedSize: call.limits.maxUnpackedSize }, (result) => {
    facts = result;
  });
  try {
    for await (const _ of checked); // the facts come at the end
  } catch (error) {
    if (!RegistryError.is(error, 'invalid') && !RegistryError.is(error, 'tooLarge')) throw error;
  }
  return packedReadme(facts?.readme);
};

/**
 * The readme of the version that the change makes the latest; undefined if the latest stays. Each change either names the
 * version itself or holds for one revision of the document, so it is the same version when the change is written.
 */
const newReadme = async (call: RegistryCall, { name, apply }: IDocumentChange): Promise<IReadme | undefined> => {
  const current = (await call.storage.read<INpmDocument>(documentKey(name)))?.value;
  if (!current) return undefined;
  const { latest } = apply(current, { id: '', time: '' })['dist-tags'];
  if (latest === undefined || latest === current['dist-tags'].latest) return undefined;
  return storedReadme(call, current, latest);
};

/** Commits a change. The page of a package shows the readme of its latest version, so a new latest brings its own along. */
export const commitChange = async (
  call: RegistryCall,
  npm: INpmParts,
  change: IDocumentChange,
): Promise<INpmDocument> => {
  const { name, version, apply, applied, drop } = change;
  const readme = await newReadme(call, change);
  const document = await call.storage.commit<INpmDocument>({
    packageName: name,
    version,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => {
        const changed = apply(current, stamp);
        return changed === current ? changed : withReadme(changed, readme);
      },
      applied,
    },
    drop,
    catalog: npm.catalog,
  });
  return written(document, name);
};
