import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { noise } from '../noise.js';

/** Anything with a digest: a layer, a configuration, a manifest. */
export interface IContent {
  mediaType: string;
  digest: string;
  bytes: Buffer<ArrayBuffer>;
}

export interface IImage {
  manifest: IContent;
  config: IContent;
  layers: IContent[];
  /** Digests of the layers before they were compressed. */
  diffIds: string[];
  architecture: string;
}

/** An image, or an index of images for several architectures. */
export interface IPushable {
  /** What a tag names. */
  top: IContent;
  images: IImage[];
}

export const indexType = 'application/vnd.oci.image.index.v1+json';
export const manifestType = 'application/vnd.oci.image.manifest.v1+json';

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export const contentOf = (mediaType: string, value: Buffer<ArrayBuffer> | object): IContent => {
  const bytes = Buffer.isBuffer(value) ? (value as Buffer<ArrayBuffer>) : Buffer.from(JSON.stringify(value));
  return { mediaType, digest: digestOf(bytes), bytes };
};

export const descriptorOf = ({ mediaType, digest, bytes }: IContent): object => ({
  mediaType,
  digest,
  size: bytes.length,
});

const tarOf = async (files: Record<string, Buffer<ArrayBuffer>>): Promise<Buffer<ArrayBuffer>> => {
  const archive = pack();
  const chunks: Buffer[] = [];
  const collected = (async () => {
    for await (const chunk of archive) {
      chunks.push(chunk as Buffer);
    }
  })();
  for (const [name, content] of Object.entries(files)) {
    archive.entry({ name, mtime: new Date(499_162_500_000) }, content);
  }
  archive.finalize();
  await collected;
  return Buffer.concat(chunks);
};

const ociTypes = {
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: manifestType,
};
const dockerTypes = {
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  config: 'application/vnd.docker.container.image.v1+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
};

export interface IImageOptions {
  /** By Docker's schema 2 instead of OCI's. */
  isDocker?: boolean;
  /** Images of different names share no layer. */
  name: string;
  architecture?: string;
  layers?: number;
  /** Of each layer, about. */
  layerBytes?: number;
}

export const makeImage = async (options: IImageOptions): Promise<IImage> => {
  const { name, architecture = 'amd64', layers: count = 2, layerBytes = 20_000 } = options;
  const types = options.isDocker ? dockerTypes : ociTypes;
  const layers: IContent[] = [];
  const diffIds: string[] = [];
  for (let at = 0; at < count; at++) {
    const seed = `${name} ${architecture} ${at}`;
    const tar = await tarOf({ [`file-${at}.txt`]: Buffer.from(seed), [`noise-${at}`]: noise(seed, layerBytes) });
    diffIds.push(digestOf(tar));
    layers.push(contentOf(types.layer, gzipSync(tar)));
  }
  const config = contentOf(types.config, {
    created: '2020-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: { Cmd: ['/file-0.txt'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: layers.map((_, at) => ({ created: '2020-01-01T00:00:00Z', created_by: `layer ${at}` })),
  });
  const manifest = contentOf(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  });
  return { manifest, config, layers, diffIds, architecture };
};

export const pushableImage = async (options: IImageOptions): Promise<IPushable> => {
  const image = await makeImage(options);
  return { top: image.manifest, images: [image] };
};

/** An index of two architectures. */
export const pushableIndex = async (options: IImageOptions): Promise<IPushable> => {
  const images = [
    await makeImage({ ...options, architecture: 'amd64' }),
    await makeImage({ ...options, architecture: 'arm64' }),
  ];
  const top = contentOf(indexType, {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: images.map(({ manifest, architecture }) => ({
      ...descriptorOf(manifest),
      platform: { architecture, os: 'linux' },
    })),
  });
  return { top, images };
};

/** Everything below a tag, what others refer to first. */
export const contentsOf = ({ top, images }: IPushable): IContent[] => [
  ...images.flatMap(({ layers, config, manifest }) => [...layers, config, ...(manifest === top ? [] : [manifest])]),
  top,
];
