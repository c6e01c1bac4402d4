import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';

type TEntry = { name: string; content?: string | Buffer };

/** A gzipped tar of these entries, so that each of its parts can be wrong. */
export const crateOfEntries = async (entries: TEntry[]): Promise<Buffer> => {
  const pack = tar.pack();
  for (const { content = '', ...header } of entries) pack.entry(header, content);
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
};

/** The smallest Cargo.toml. */
export const manifestOf = (name: string, version: string, more = ''): string =>
  `[package]\nname = "${name}"\nversion = "${version}"\nedition = "2021"\n${more}`;

/** A .crate file as `cargo package` makes it. */
export const crateFile = (
  name: string,
  version: string,
  { manifest = manifestOf(name, version), files = {} as Record<string, string | Buffer> } = {},
): Promise<Buffer> => {
  const top = `${name}-${version}`;
  return crateOfEntries([
    { name: `${top}/Cargo.toml`, content: manifest },
    { name: `${top}/src/lib.rs`, content: 'pub fn answer() -> u32 { 42 }\n' },
    ...Object.entries(files).map(([file, content]) => ({ name: `${top}/${file}`, content })),
  ]);
};

/** The metadata that cargo 1.95 sends with a publish. */
export const metadataOf = (name: string, version: string, more: object = {}): Record<string, unknown> => ({
  name,
  vers: version,
  deps: [],
  features: {},
  authors: [],
  description: null,
  documentation: null,
  homepage: null,
  readme: null,
  readme_file: null,
  keywords: [],
  categories: [],
  license: null,
  license_file: null,
  repository: null,
  badges: {},
  links: null,
  rust_version: null,
  ...more,
});

/** A dependency as cargo 1.95 sends it. */
export const dependencyOf = (name: string, more: object = {}): Record<string, unknown> => ({
  optional: false,
  default_features: true,
  name,
  features: [],
  version_req: '^1.0',
  target: null,
  kind: 'normal',
  ...more,
});

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
};

/** The body of a publish. The two lengths can lie. */
export const frameOf = (
  metadata: unknown,
  crate: Buffer,
  lengths: { metadata?: number; crate?: number } = {},
): Buffer => {
  const json = Buffer.isBuffer(metadata) ? metadata : Buffer.from(JSON.stringify(metadata));
  return Buffer.concat([u32(lengths.metadata ?? json.length), json, u32(lengths.crate ?? crate.length), crate]);
};

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
