import type { IProtocolConfig } from '../../../ts/index.js';
import type { IAnswer } from '../registry.js';

/** A request of a client, without its credential. */
export interface IClientRequest {
  method: string;
  /** from the root of the host, with the mount of the protocol */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
}

/** One of two packages of which only one may exist. */
export interface IRival {
  upload: IClientRequest;
  /** answers 200 if the package is there */
  path: string;
}

/** A request about one package. */
export interface IPackageRequest {
  title: string;
  request(name: string, version: string): Promise<IClientRequest> | IClientRequest;
}

export type TSend = (request: IClientRequest) => Promise<IAnswer>;

/** What the suites that all protocols of packages share must know of one of them. */
export interface IProtocolDescription {
  protocol: string;
  /** of its scopes, e.g. `package` */
  type: string;
  config?: Partial<IProtocolConfig>;
  /** a name that the caller must not read is answered like one that is absent: see `BaseRegistry.hidesNames` */
  hidesNames?: boolean;
  /** four different names that a package may have, in their normal form; with digits appended they are names too */
  names: [string, string, string, string];
  /** the n-th version, from 1; all are different */
  version(n: number): string;
  /** The upload of a version, as the usual client sends it. Another `filler`: other bytes under the same version. */
  publish(name: string, version: string, filler?: string): Promise<IClientRequest>;
  /** the bytes of the artifact in that upload */
  artifactOf(name: string, version: string, filler?: string): Promise<Buffer>;
  /** the answer to another upload of a version that is there, with other bytes */
  existsStatus: number;
  /** the path of the document that lists the versions of a package */
  metadata(name: string): string;
  /** the versions in that document; [] if the answer has no such document */
  versionsIn(answer: IAnswer): string[];
  /** the path of an artifact; some protocols have a digest of its bytes in it */
  artifact(name: string, version: string, filler?: string): string;
  /** other requests that need the right to read the package */
  reads?: IPackageRequest[];
  /** requests that need the right to write or delete it, beside the upload */
  writes: (IPackageRequest & { action: 'write' | 'delete' })[];
  /** paths of listings, and whether an answer names a package */
  listings: { path: string; names(answer: IAnswer, name: string): boolean }[];
  /** Removes a version, in one or several requests; undefined if clients cannot. */
  remove?(send: TSend, name: string, version: string): Promise<IAnswer>;
  /** whether an answer with an error has the protocol's own form */
  isError(answer: IAnswer): boolean;
  /** all absolute URLs of this registry in the metadata of a package; default: none is expected */
  urlsIn?(answer: IAnswer): string[];
  /** The n-th pair of packages of which only one may exist, because their names or their files would be taken for each other. */
  rivals?(n: number): Promise<[IRival, IRival]>;
  /** the header with a token; default Bearer */
  credential?(token: string): Record<string, string>;
}
