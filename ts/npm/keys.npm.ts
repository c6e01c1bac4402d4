/**
 * The storage layout of the npm registry.
 *
 *     npm/packages/{name}/index.json           the document: packument and internals (interfaces.npm.ts)
 *     npm/packages/{name}/{base}-{version}.tgz the tarball; {base} is the name without its scope
 *     npm/packages/{name}/{base}-{version}.sigstore  the provenance bundle, where one was published
 *     npm/catalog/…                            what search and listings know of each package (core's PackageCatalog)
 *     npm/signing-keys.json                    the keys that versions are signed with (RegistrySigner)
 *     npm/logins/{expiry}-{id}.json            web logins that somebody finished; {expiry} is hex seconds, so the oldest sort first
 *
 * `@scope/x` is the two segments `@scope` and `x`. If an artifact's key was taken by an interrupted publish, or if
 * somebody has tried to delete it, the artifact is stored at its key with the suffix `.{write id}`; the document names
 * the valid key. No key is a directory of another: a name is never only a scope, and the part after a name always has
 * an extension.
 */
export const packagesPrefix = 'npm/packages';

export const catalogPrefix = 'npm/catalog';
export const loginPrefix = 'npm/logins';
export const signingKeysKey = 'npm/signing-keys.json';

/** The name without its scope, as in file names. */
export const baseName = (name: string): string => name.slice(name.indexOf('/') + 1);

export const documentKey = (name: string): string => `${packagesPrefix}/${name}/index.json`;
export const tarballFile = (name: string, version: string): string => `${baseName(name)}-${version}.tgz`;
export const tarballKey = (name: string, version: string): string =>
  `${packagesPrefix}/${name}/${tarballFile(name, version)}`;
export const provenanceKey = (name: string, version: string): string =>
  `${packagesPrefix}/${name}/${baseName(name)}-${version}.sigstore`;

/** The package of a key below `npm/packages/`, whether of a document or an artifact. */
export const ownerOf = (key: string): string => key.slice(packagesPrefix.length + 1, key.lastIndexOf('/'));

/** The package of a document's key; undefined for the key of an artifact. */
export const documentNameOf = (key: string): string | undefined => {
  const name = ownerOf(key);
  return key === documentKey(name) ? name : undefined;
};

/** @param expires seconds since the epoch */
export const loginKey = (expires: number, id: string): string =>
  `${loginPrefix}/${expires.toString(16).padStart(10, '0')}-${id}.json`;

/** The expiry in a login's key, in seconds. */
export const loginExpiry = (key: string): number => Number.parseInt(key.slice(loginPrefix.length + 1), 16);

export const TARBALL_TYPE = 'application/octet-stream';
export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle+json';
