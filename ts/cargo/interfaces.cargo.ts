/**
 * A dependency in a line of the index.
 * @see https://doc.rust-lang.org/cargo/reference/registry-index.html#json-schema
 */
export interface IIndexDependency {
  /** the name in the manifest of the crate: the alias if the dependency is renamed */
  name: string;
  /** a version requirement of Cargo */
  req: string;
  features: string[];
  optional: boolean;
  default_features: boolean;
  /** a platform such as `cfg(windows)` */
  target: string | null;
  kind: TDependencyKind;
  /** the index URL of another registry; null: this registry */
  registry: string | null;
  /** the real name if the dependency is renamed */
  package: string | null;
  /** fields of newer versions of cargo (`artifact`, `bindep_target`, `lib`), as they were sent */
  [field: string]: unknown;
}

export type TDependencyKind = 'normal' | 'dev' | 'build';

/** A version as the index shows it: one line. Its fields are in the order in which they are written. */
export interface IIndexEntry {
  name: string;
  vers: string;
  deps: IIndexDependency[];
  /** sha256 of the .crate file, in hex */
  cksum: string;
  features: Record<string, string[]>;
  yanked: boolean;
  links: string | null;
  rust_version: string | null;
  /** when the version was published: exactly `YYYY-MM-DDTHH:MM:SSZ` */
  pubtime: string;
  /** 2: `features2` is used */
  v?: 2;
  /** features with the syntax that Cargo before 1.60 cannot parse */
  features2?: Record<string, string[]>;
  /** fields of newer versions of cargo, as they were sent */
  [field: string]: unknown;
}

/** What a crate says about itself; search shows it. */
export interface ICrateAbout {
  description: string | null;
  keywords: string[];
  homepage: string | null;
  documentation: string | null;
  repository: string | null;
  license: string | null;
}

/** The metadata of a publish, checked. */
export interface IPublishMetadata {
  name: string;
  vers: string;
  deps: IIndexDependency[];
  features: Record<string, string[]>;
  features2: Record<string, string[]> | null;
  links: string | null;
  rustVersion: string | null;
  about: ICrateAbout;
  /** unknown fields */
  others: Record<string, unknown>;
}

/** What a .crate file contains. */
export interface ICrateFacts {
  /** path of the readme inside the top folder; undefined: it has none */
  readme?: string | undefined;
}

/** A published version in the document. */
export interface ICargoVersion {
  entry: IIndexEntry;
  /** key of the .crate file */
  key: string;
  /** bytes */
  size: number;
  /** UUID of the write that published it */
  writeId: string;
  readme?: string;
}

/** The document of a crate. */
export interface ICargoDocument {
  /** as in the first publish: capitals, hyphens and underscores included */
  name: string;
  /** ISO time of the first publish */
  created: string;
  /** ISO time of the last change */
  modified: string;
  /** of the highest version */
  about: ICrateAbout;
  /** in the order of their publishes */
  versions: Record<string, ICargoVersion>;
}

/** What search knows of a crate. */
export interface ICargoSearchEntry extends ICrateAbout {
  name: string;
  max_version: string;
  created: string;
  modified: string;
}

/** Registries of dependencies that a crate file does not name. */
export interface IPackedIndexes {
  /** the index URL of the registry that the crate goes to, if it is known: a publish names that one with null */
  own?: string | undefined;
  /** the index URL that cargo takes for dependencies that name no registry; `self`: this registry is used instead of it */
  byDefault?: string | undefined;
}
