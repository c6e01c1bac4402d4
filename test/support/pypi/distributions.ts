import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type ZippableFile, zipSync } from 'fflate';
import tar from 'tar-stream';

/** A distribution made by hand, so that each of its parts can be wrong. */
export interface IDistribution {
  filename: string;
  bytes: Buffer;
  filetype: 'bdist_wheel' | 'sdist';
  name: string;
  version: string;
  /** the text of METADATA or PKG-INFO */
  metadata: string;
}

export interface IDistributionOptions {
  /** the name in the file name; default: the name with underscores */
  stem?: string;
  tags?: string;
  /** lines that follow Metadata-Version, Name and Version */
  fields?: string[];
  description?: string;
  /** the whole text of the metadata */
  metadata?: string;
  /** bytes are stored and not packed */
  files?: Record<string, string | Buffer>;
  filename?: string;
  /** the name of the `.dist-info` folder, or of the sdist's folder */
  folder?: string;
}

export const metadataOf = (name: string, version: string, { fields = [], description }: IDistributionOptions = {}) =>
  [
    'Metadata-Version: 2.1',
    `Name: ${name}`,
    `Version: ${version}`,
    ...fields,
    ...(description === undefined ? [''] : ['', description]),
  ].join('\n');

const escaped = (name: string): string => name.replace(/[-_.]+/g, '_').toLowerCase();

/** A time that zip files can hold; so the same call gives the same bytes. */
const MTIME = new Date('2020-01-01T00:00:00Z');

const zip = (files: Record<string, string | Buffer>): Buffer => {
  const entries = Object.entries(files).map(([path, content]): [string, ZippableFile] => [
    path,
    typeof content === 'string' ? Buffer.from(content) : [content, { level: 0 }],
  ]);
  return Buffer.from(zipSync(Object.fromEntries(entries), { mtime: MTIME }));
};

export const wheel = (name: string, version: string, options: IDistributionOptions = {}): IDistribution => {
  const { stem = escaped(name), tags = 'py3-none-any', files = {} } = options;
  const { filename = `${stem}-${version}-${tags}.whl`, folder = `${stem}-${version}.dist-info` } = options;
  const metadata = options.metadata ?? metadataOf(name, version, options);
  const bytes = zip({
    [`${stem}/__init__.py`]: `__version__ = "${version}"\n`,
    ...files,
    [`${folder}/METADATA`]: metadata,
    [`${folder}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${folder}/RECORD`]: '',
  });
  return { filename, bytes, filetype: 'bdist_wheel', name, version, metadata };
};

export const tarGz = async (files: Record<string, string | Buffer>): Promise<Buffer> => {
  const pack = tar.pack();
  for (const [path, content] of Object.entries(files)) pack.entry({ name: path, mtime: MTIME }, content);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
};

export const sdist = async (
  name: string,
  version: string,
  options: IDistributionOptions & { ending?: '.tar.gz' | '.zip' } = {},
): Promise<IDistribution> => {
  const { stem = escaped(name), ending = '.tar.gz', files = {} } = options;
  const { folder = `${stem}-${version}`, filename = `${stem}-${version}${ending}` } = options;
  const metadata = options.metadata ?? metadataOf(name, version, options);
  const content = { [`${folder}/pyproject.toml`]: '', [`${folder}/PKG-INFO`]: metadata, ...files };
  const bytes = ending === '.zip' ? zip(content) : await tarGz(content);
  return { filename, bytes, filetype: 'sdist', name, version, metadata };
};

export const hex = (algorithm: string, bytes: Uint8Array | string): string =>
  createHash(algorithm).update(bytes).digest('hex');

/** An attestation as pypi-attestations writes it; its signature is none. */
export const attestationOf = ({ filename, bytes }: Pick<IDistribution, 'filename' | 'bytes'>): object => {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: filename, digest: { sha256: hex('sha256', bytes) } }],
    predicateType: 'https://index.example.org/attestations/publish/v1',
    predicate: null,
  };
  return {
    version: 1,
    verification_material: { certificate: 'bm9uZQ==', transparency_entries: [{ logIndex: '1' }] },
    envelope: { statement: Buffer.from(JSON.stringify(statement)).toString('base64'), signature: 'bm9uZQ==' },
  };
};
