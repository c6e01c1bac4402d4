import { createHash } from 'node:crypto';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const CONFIG = 'application/vnd.oci.image.config.v1+json';
export const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

export type TAlgorithm = 'sha256' | 'sha512';

export const digestOf = (bytes: Uint8Array | string, algorithm: TAlgorithm = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

/** A well-formed digest that nothing has. */
export const nowhere = `sha256:${'0'.repeat(64)}`;

export interface IContent {
  bytes: Buffer<ArrayBuffer>;
  digest: string;
}

export const content = (text: string | Uint8Array, algorithm: TAlgorithm = 'sha256'): IContent => {
  const bytes = Buffer.from(text);
  return { bytes, digest: digestOf(bytes, algorithm) };
};

export const descriptorOf = (mediaType: string, { digest, bytes }: IContent) => ({
  mediaType,
  digest,
  size: bytes.byteLength,
});

export interface IImage extends IContent {
  mediaType: string;
  config: IContent;
  layers: IContent[];
}

/** An image whose only layer holds `text`; `more` goes into the manifest. */
export const image = (text: string, more: Record<string, unknown> = {}, mediaType = MANIFEST): IImage => {
  const config = content('{}');
  const layers = [content(text)];
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(CONFIG, config),
    layers: layers.map((layer) => descriptorOf(LAYER, layer)),
    ...more,
  };
  // not how JSON.stringify would write it: what comes back has to be these very bytes
  return { ...content(`${JSON.stringify(manifest, null, 3)}\n`), mediaType, config, layers };
};

export interface IIndex extends IContent {
  mediaType: string;
}

export const index = (
  children: (IContent & { mediaType: string })[],
  more: Record<string, unknown> = {},
  mediaType = INDEX,
): IIndex => {
  const manifests = children.map((child) => descriptorOf(child.mediaType, child));
  return { ...content(JSON.stringify({ schemaVersion: 2, mediaType, manifests, ...more })), mediaType };
};
