import type { IPypiFile } from '../interfaces.pypi.js';
import { canonicalVersion } from './wire.versions.js';

/** Canonical versions of files; a write shares all files but those that it changes with the document before it. */
const canonicals = new WeakMap<IPypiFile, string | null>();

const canonicalOf = (file: IPypiFile): string | null => {
  let canonical = canonicals.get(file);
  if (canonical === undefined) {
    canonical = canonicalVersion(file.version);
    canonicals.set(file, canonical);
  }
  return canonical;
};

/** The files of a release, in whatever spelling the version is asked for. */
export const filesOfVersion = (files: readonly IPypiFile[], version: string): IPypiFile[] => {
  const canonical = canonicalVersion(version);
  return canonical === null ? [] : files.filter((file) => canonicalOf(file) === canonical);
};

/**
 * The files of each version, in the order of their first uploads. The first spelling of equal versions counts, so the
 * version of a group is that of its first file.
 */
export const groupByVersion = (files: IPypiFile[]): [IPypiFile, ...IPypiFile[]][] => {
  const groups = new Map<string | null, [IPypiFile, ...IPypiFile[]]>();
  for (const file of files) {
    const canonical = canonicalOf(file);
    const group = groups.get(canonical);
    if (group) group.push(file);
    else groups.set(canonical, [file]);
  }
  return [...groups.values()];
};
