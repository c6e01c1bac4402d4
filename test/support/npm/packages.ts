import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';

/** A tarball made by hand, so that each of its parts can be wrong. */
export const tarball = async (
  manifest: object | string | null,
  files: Record<string, string | Buffer> = {},
  folder = 'package',
): Promise<Buffer> => {
  const pack = tar.pack();
  const json = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  if (manifest !== null) pack.entry({ name: `${folder}/package.json` }, json);
  for (const [name, content] of Object.entries(files)) pack.entry({ name }, content);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
};

export interface IAttachment {
  content_type: string;
  data: string;
  length: number;
}

export interface IPublishDocument {
  _id: string;
  name: string;
  'dist-tags': Record<string, string>;
  versions: Record<string, Record<string, unknown>>;
  _attachments: Record<string, IAttachment>;
  [field: string]: unknown;
}

export const sha = (algorithm: string, bytes: Buffer, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHash(algorithm).update(bytes).digest(encoding);

export const attachmentOf = (bytes: Buffer): IAttachment => ({
  content_type: 'application/octet-stream',
  data: bytes.toString('base64'),
  length: bytes.length,
});

/** What npm 11 sends to publish one version. */
export const publishOf = async (
  name: string,
  version: string,
  more: {
    manifest?: Record<string, unknown>;
    tag?: string;
    bytes?: Buffer;
    files?: Record<string, string | Buffer>;
  } = {},
): Promise<IPublishDocument> => {
  const manifest = { name, version, ...more.manifest };
  const bytes = more.bytes ?? (await tarball(manifest, more.files));
  return {
    _id: name,
    name,
    'dist-tags': { [more.tag ?? 'latest']: version },
    versions: {
      [version]: {
        ...manifest,
        _id: `${name}@${version}`,
        dist: {
          integrity: `sha512-${sha('sha512', bytes, 'base64')}`,
          shasum: sha('sha1', bytes),
          tarball: `http://npm.example.org/${name}/-/${name}-${version}.tgz`,
        },
      },
    },
    _attachments: { [`${name}-${version}.tgz`]: attachmentOf(bytes) },
  };
};

/** The document in berry's order: attachments before versions. */
export const attachmentsFirst = ({ _attachments, ...rest }: IPublishDocument): object => ({ _attachments, ...rest });

/** The bytes of a publish document's only tarball. */
export const bytesOf = (document: IPublishDocument): Buffer => {
  const [attachment] = Object.values(document._attachments);
  return Buffer.from(attachment?.data ?? '', 'base64');
};

/** A provenance bundle as npm attaches it; its signature is none. */
export const bundleOf = (name: string, version: string, bytes: Buffer): string => {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: `pkg:npm/${name.replace('@', '%40')}@${version}`, digest: { sha512: sha('sha512', bytes) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    dsseEnvelope: { payload, payloadType: 'application/vnd.in-toto+json', signatures: [{ sig: 'bm9uZQ==' }] },
  });
};

/** What `t.throws` and `t.rejects` should meet. */
export const refusal = (kind: string, more: object = {}): { name: string; kind: string } => ({
  name: 'RegistryError',
  kind,
  ...more,
});
