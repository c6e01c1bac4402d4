import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import { type IDigest, readDigest } from './wire.digests.js';

export const IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const DOCKER_SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** bytes; distribution-spec, "Pushing Manifests": at least 4 megabytes must be supported. */
export const MAX_MANIFEST = 4 * 1024 * 1024;

/** image-spec, "Content Descriptors". */
export interface IDescriptor {
  mediaType: string;
  digest: string;
  /** bytes */
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface IChild {
  digest: IDigest;
  /** bytes */
  size: number;
}

/** The parts of a manifest that the registry uses. */
export interface IManifest {
  mediaType: string;
  /** config and layers that must exist */
  blobs: IChild[];
  /** entries of an index that must exist: manifests, or blobs, as in the cache indexes of BuildKit */
  manifests: IChild[];
  subject?: IDigest;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** The children that a garbage collector of blobs must keep. */
export const mayBeBlobs = ({ blobs, manifests }: IManifest): IChild[] => [...blobs, ...manifests];

const invalid = (message: string, detail?: unknown): RegistryError =>
  new RegistryError('invalid', message, { wireCode: 'MANIFEST_INVALID', detail });

/** Content-Type without its parameters, which must be ignored. */
const baseType = (contentType: string | undefined): string => (contentType ?? '').split(';')[0]!.trim();

const parseJson = (bytes: Uint8Array): Record<string, unknown> => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('The manifest is not JSON');
  }
  if (!isRecord(parsed)) throw invalid('The manifest is not a JSON object');
  return parsed;
};

const childOf = (value: unknown, where: string): IChild & { mediaType: string; isElsewhere: boolean } => {
  if (!isRecord(value)) throw invalid(`${where} is not a descriptor`);
  const { mediaType, size, urls } = value;
  const digest = readDigest(value.digest);
  if (!digest) throw invalid(`${where} has no valid digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${where} has no valid size`);
  if (typeof mediaType !== 'string' || mediaType === '') throw invalid(`${where} has no media type`);
  // image-spec, "Non-Distributable Layers"; Docker calls them foreign
  const isElsewhere = /nondistributable|\.foreign\./.test(mediaType) || (Array.isArray(urls) && urls.length > 0);
  return { digest, size: size as number, mediaType, isElsewhere };
};

const listOf = (value: unknown, where: string): ReturnType<typeof childOf>[] => {
  // Go programs write null for an empty list
  if (value === null) return [];
  if (!Array.isArray(value)) throw invalid(`${where} is not a list`);
  return value.map((item, index) => childOf(item, `${where}[${index}]`));
};

const textsOf = (value: unknown): Record<string, string> | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value) || Object.values(value).some((text) => typeof text !== 'string')) {
    throw invalid('annotations is not a map of strings');
  }
  return value as Record<string, string>;
};

const typeOf = (body: Record<string, unknown>, contentType: string | undefined): string => {
  const { mediaType: own } = body;
  if (own !== undefined && typeof own !== 'string') throw invalid('mediaType is not a string');
  const declared = baseType(contentType);
  // clients that set no type send one of these
  const said = /^$|^application\/(json|octet-stream)$/.test(declared) ? undefined : declared;
  const mediaType = said ?? own ?? (body.manifests === undefined ? IMAGE_MANIFEST : IMAGE_INDEX);
  if (own && own !== mediaType) throw invalid(`Content-Type is ${mediaType} and mediaType is ${own}`);
  return mediaType;
};

/**
 * Parses a pushed manifest. Throws `invalid` (MANIFEST_INVALID) if it is neither an image manifest nor an index, in
 * OCI's form or Docker's schema 2. A manifest that could be read as both is refused: otherwise a scanner might read it
 * in one way and a runtime in the other.
 * @see https://github.com/opencontainers/image-spec/blob/main/manifest.md
 */
export const parseManifest = (bytes: Uint8Array, contentType: string | undefined): IManifest => {
  const body = parseJson(bytes);
  const mediaType = typeOf(body, contentType);
  if (DOCKER_SCHEMA_1.test(mediaType) || body.schemaVersion === 1) {
    throw invalid("Docker's schema 1 is not supported; push schema 2 or OCI manifests");
  }
  if (body.schemaVersion !== 2) throw invalid('schemaVersion is not 2');
  const isIndex = mediaType === IMAGE_INDEX || mediaType === DOCKER_LIST;
  if (!isIndex && mediaType !== IMAGE_MANIFEST && mediaType !== DOCKER_MANIFEST) {
    throw invalid(`Manifests of the type ${mediaType.slice(0, 200)} are not supported`);
  }
  const foreign = isIndex ? ['layers', 'config', 'fslayers'] : ['manifests', 'fslayers'];
  for (const [field, value] of Object.entries(body)) {
    // Go programs also accept a field in upper case
    if (value !== null && foreign.includes(field.toLowerCase())) {
      throw invalid(`A manifest of the type ${mediaType} has no ${field.slice(0, 100)}`);
    }
  }
  const subject = body.subject === undefined || body.subject === null ? undefined : childOf(body.subject, 'subject');
  if (body.artifactType !== undefined && typeof body.artifactType !== 'string') {
    throw invalid('artifactType is not a string');
  }
  const config = isIndex ? undefined : childOf(body.config, 'config');
  const layers = isIndex ? [] : listOf(body.layers, 'layers');
  const manifests = isIndex ? listOf(body.manifests, 'manifests') : [];
  const annotations = textsOf(body.annotations);
  return {
    mediaType,
    blobs: [...(config ? [config] : []), ...layers].filter(({ isElsewhere }) => !isElsewhere),
    manifests: manifests.filter(({ isElsewhere }) => !isElsewhere),
    ...(subject && { subject: subject.digest }),
    // an image without one has the type of its config, an index has none (distribution-spec, "Listing Referrers")
    ...((body.artifactType || config) && { artifactType: (body.artifactType || config?.mediaType) as string }),
    ...(annotations && { annotations }),
  };
};

/** The descriptor of a manifest in lists of referrers. */
export const describe = (manifest: IManifest, digest: IDigest, size: number): IDescriptor => {
  const { mediaType, artifactType, annotations } = manifest;
  return {
    mediaType,
    digest: digest.text,
    size,
    ...(artifactType && { artifactType }),
    ...(annotations && { annotations }),
  };
};
