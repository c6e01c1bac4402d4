/**
 * The storage layout of the cargo registry.
 *
 *     cargo/index/{p1}/{p2}/{folded}           the document of a crate (interfaces.cargo.ts); the lines of the index are
 *                                              rendered from it. Short names: `1/{folded}`, `2/{folded}`, `3/{c}/{folded}`
 *     cargo/crates/{name}/{name}-{version}.crate  the .crate file
 *     cargo/catalog/…                          what search knows of each crate (core's PackageCatalog)
 *
 * `config.json` is rendered from the configuration and not stored: it depends on the URL that the caller uses.
 *
 * {folded} is the name in lower case with hyphens for underscores. `foo-bar`, `foo_bar` and `Foo-Bar` therefore have the
 * same document, so only one of two replicas that publish them at the same time can win. {name} is spelled as in the
 * publish. If an artifact's key was taken by an interrupted publish, or if somebody has tried to delete it, the artifact
 * is stored at its key with the suffix `.{write id}`; the document names the valid key. No key is a directory of
 * another: names of one to three characters have the folders `1`, `2` and `3`, and a folder of two characters belongs to
 * names of four or more.
 */
export const indexPrefix = 'cargo/index';
export const cratesPrefix = 'cargo/crates';
export const catalogPrefix = 'cargo/catalog';

/** Crates whose names have the same folded form cannot both exist. */
export const foldName = (name: string): string => name.toLowerCase().replaceAll('_', '-');

/**
 * The path of a crate in the index, from a name in lower case.
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html#index-files
 */
export const indexPath = (name: string): string => {
  if (name.length <= 2) return `${name.length}/${name}`;
  if (name.length === 3) return `3/${name.slice(0, 1)}/${name}`;
  return `${name.slice(0, 2)}/${name.slice(2, 4)}/${name}`;
};

/** The key of the document of a crate, from its name in any spelling. */
export const documentKey = (name: string): string => `${indexPrefix}/${indexPath(foldName(name))}`;

/** The folded name of the crate whose document has this key. */
export const documentNameOf = (key: string): string | undefined => {
  const folded = key.slice(key.lastIndexOf('/') + 1);
  return key === documentKey(folded) ? folded : undefined;
};

/** The key of the .crate file of a version. */
export const crateKey = (name: string, version: string): string => `${cratesPrefix}/${name}/${name}-${version}.crate`;

/** The name of the crate that a key below `cargo/crates/` belongs to. */
export const ownerOf = (key: string): string => key.slice(cratesPrefix.length + 1, key.lastIndexOf('/'));

export const CRATE_TYPE = 'application/gzip';
