/** A person as npm documents name one. `email` is left out where it is not known. */
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

/** The server's own statement about a version's tarball; what a client sends here is checked, never kept. */
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
  /** where a provenance bundle came with the version */
  attestations?: { url?: string; provenance: { predicateType: string } };
  /** absent on versions that were published before there were signatures */
  signatures?: INpmSignature[];
}

/** One version as its publisher described it, plus what the server adds. */
export interface INpmManifest {
  name: string;
  version: string;
  dist: INpmDist;
  deprecated?: string;
  [field: string]: unknown;
}

/** Where a version's bytes are. Never shown to clients. */
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

/** What the page of a package shows. */
export interface IReadme {
  readme: string;
  readmeFilename?: string;
}

/**
 * `npm/packages/{name}/index.json`: the packument, plus `_registry`, which stays inside. A package that was
 * unpublished keeps this document with no versions, so that its revision goes on growing and a version once used is
 * not used again. Keys of the inner records come from outside: read them with `Object.hasOwn` only.
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
  /** everybody who published a version, in the order of their first */
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

/** What search and listings know of a package; kept by the catalog. */
export interface INpmSearchEntry {
  name: string;
  version: string;
  /** revision of the document this was made from */
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

/** What the check of a tarball brought to light. */
export interface ITarballFacts {
  /** the package.json of the tarball's first-level folder */
  manifest: Record<string, unknown>;
  fileCount: number;
  /** bytes */
  unpackedSize: number;
  hasShrinkwrap: boolean;
  /** the readme in that folder, where there is one of sane size */
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

/** A publish document that agrees with itself and with its tarballs. */
export interface IPublication {
  name: string;
  versions: INewVersion[];
  distTags: Record<string, string>;
  readme?: string;
  readmeFilename?: string;
}
