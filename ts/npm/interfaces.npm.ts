/** A person in npm documents. `email` is absent if it is not known. */
export interface INpmPerson {
  name: string;
  email?: string;
}

/** A signature by a key of this registry; see wire.signatures. */
export interface INpmSignature {
  keyid: string;
  /** base64 */
  sig: string;
}

/** The server's own data about a version's tarball; the client's are checked and not stored. */
export interface INpmDist {
  /** `sha512-<base64>`, as Subresource Integrity writes it */
  integrity: string;
  /** sha1, hex */
  shasum: string;
  fileCount: number;
  /** bytes */
  unpackedSize: number;
  /** made while rendering, from the public URL */
  tarball?: string;
  /** set if a provenance bundle was published with the version */
  attestations?: { url?: string; provenance: { predicateType: string } };
  /** absent on versions that were published before registry signatures */
  signatures?: INpmSignature[];
}

/** One version as published, with the server's additions. */
export interface INpmManifest {
  name: string;
  version: string;
  dist: INpmDist;
  deprecated?: string;
  [field: string]: unknown;
}

/** The stored artifact of a version. Never sent to clients. */
export interface INpmArtifact {
  key: string;
  /** bytes */
  size: number;
  /** hex */
  sha1: string;
  /** hex */
  sha512: string;
  /** of the write that committed the version */
  writeId: string;
  provenance?: { key: string; size: number };
}

/** The readme on a package's page. */
export interface IReadme {
  readme: string;
  readmeFilename?: string;
}

/**
 * `npm/packages/{name}/index.json`: the packument, plus `_registry`, which is never sent. An unpublished package keeps
 * this document without versions, so that its revision keeps growing and a used version is not used again. Keys of the
 * inner records come from outside: read them only with `Object.hasOwn`.
 */
export interface INpmDocument {
  _id: string;
  /** `<number of writes>-<hex>` */
  _rev: string;
  name: string;
  'dist-tags': Record<string, string>;
  versions: Record<string, INpmManifest>;
  /** ISO times: `created`, `modified`, and one for each version */
  time: Record<string, string>;
  /** all publishers, in the order of their first publish */
  maintainers: INpmPerson[];
  /** of the latest version */
  readme?: string;
  readmeFilename?: string;
  _registry: {
    artifacts: Record<string, INpmArtifact>;
    /** version -> ISO time of its deletion */
    deleted: Record<string, string>;
  };
}

/** A package's entry in search and listings; stored in the catalog. */
export interface INpmSearchEntry {
  name: string;
  version: string;
  /** revision of the document that the entry was made from */
  rev: number;
  /** ISO time of the version */
  date: string;
  description?: string;
  keywords: string[];
  license?: string;
  links: Record<string, string>;
  /** true if the version is deprecated */
  deprecated?: boolean;
  author?: INpmPerson;
  publisher?: INpmPerson;
  maintainers: INpmPerson[];
}

/** The result of a tarball's check. */
export interface ITarballFacts {
  /** the package.json of the tarball's first-level folder */
  manifest: Record<string, unknown>;
  fileCount: number;
  /** bytes */
  unpackedSize: number;
  hasShrinkwrap: boolean;
  /** the readme in that folder, if it has a reasonable size */
  readme?: { file: string; text: string };
}

/** A tarball that was received and checked, but not published yet. */
export interface IReceivedTarball extends ITarballFacts {
  /** bytes */
  size: number;
  /** hex */
  sha1: string;
  /** hex */
  sha512: string;
}

/** One version that a publish document adds, checked and completed. */
export interface INewVersion {
  version: string;
  manifest: INpmManifest;
  /** its key in `_attachments` */
  attachment: string;
  /** the sigstore bundle, as it was sent */
  provenance?: string;
}

/** A publish document that is consistent and matches its tarballs. */
export interface IPublication {
  name: string;
  versions: INewVersion[];
  distTags: Record<string, string>;
  readme?: string;
  readmeFilename?: string;
}
