import { splitBuildName } from './wire/wire.names.js';

/**
 * The storage layout of the RubyGems registry.
 *
 *     rubygems/info/{gem}                  the document of a gem (interfaces.rubygems.ts); `/info/{gem}`, the quick
 *                                          files and the JSON answers are rendered from it
 *     rubygems/gems/{gem}-{slug}.gem       a .gem file; {slug} is `1.0.0` or `1.0.0-java`
 *     rubygems/gems/{….gem}.attestations   the bundles that were pushed with it
 *     rubygems/filenames/{gem}-{slug}      whose a file name is that gems of several names can have
 *     rubygems/names, rubygems/catalog/…   the list of all gems (core's PackageCatalog)
 *     rubygems/versions, rubygems/log/…    the ordered log of all pushes and yanks
 *
 * `a-2-x86-darwin-9.gem` can be version 9 of `a-2-x86-darwin`, or version 2 of `a` for the platform `x86-darwin-9`. Of
 * two such gems only the one with the longer name has that key; the other one has `a=2-x86-darwin-9.gem`, because a key
 * must say whose it is. If an artifact's key was taken by an interrupted push, or if somebody has tried to delete it, the
 * artifact is stored at its key with the suffix `.{write id}`; the document names the valid key.
 */
export const infoPrefix = 'rubygems/info';
export const gemsPrefix = 'rubygems/gems';
export const fileNamesPrefix = 'rubygems/filenames';
export const catalogPrefix = 'rubygems/catalog';
export const catalogBaseKey = 'rubygems/names';
export const logPrefix = 'rubygems/log';
export const logKey = 'rubygems/versions';

export const documentKey = (gem: string): string => `${infoPrefix}/${gem}`;

/** The gem whose document has this key. */
export const documentNameOf = (key: string): string => key.slice(infoPrefix.length + 1);

/** The key of the document that says whose a file name is; `file` is without `.gem`. */
export const fileNameKey = (file: string): string => `${fileNamesPrefix}/${file}`;

/** No name and no version has it. */
const SEPARATOR = '=';

/** The key of a .gem file. */
export const gemKey = (gem: string, slug: string): string => {
  const isPlain = splitBuildName(`${gem}-${slug}`)[0]?.name === gem;
  return `${gemsPrefix}/${gem}${isPlain ? '-' : SEPARATOR}${slug}.gem`;
};

export const attestationsKey = (gem: string, slug: string): string => `${gemKey(gem, slug)}.attestations`;

const ARTIFACT = /^(.+)\.gem(?:\.attestations)?(?:\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/;

/** The key of the document that may name the artifact at this key. */
export const ownerOf = (key: string): string => {
  const [, build = ''] = ARTIFACT.exec(key.slice(gemsPrefix.length + 1)) ?? [];
  const separator = build.indexOf(SEPARATOR);
  return documentKey(separator >= 0 ? build.slice(0, separator) : (splitBuildName(build)[0]?.name ?? build));
};

export const GEM_TYPE = 'application/octet-stream';
export const ATTESTATIONS_TYPE = 'application/json';
