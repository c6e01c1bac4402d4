import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { USUAL_RATIO } from '../core/archives/interfaces.archives.js';
import { assertDistinctNames } from '../core/archives/tar/helpers.distinctnames.js';
import { inspectTar } from '../core/archives/tar/helpers.tar.js';
import { inspectTarGz } from '../core/archives/tar/helpers.targz.js';
import type { ITarEntry, TTarVisitor } from '../core/archives/tar/interfaces.tar.js';
import { invalid } from '../core/base/helpers.errors.js';
import type { IGemSpec } from './interfaces.rubygems.js';
import { assertChecksums, type TDigests } from './wire/wire.checksums.js';
import { parseGemspec } from './wire/wire.gemspec.js';
import { quoted } from './wire/wire.names.js';

const NOUN = 'The gem';

const METADATA = 'metadata.gz';
const DATA = 'data.tar.gz';
const CHECKSUMS = 'checksums.yaml.gz';

/** bytes; the list of files makes some gemspecs long: the longest in public use have some 2 MB */
const MAX_METADATA = 4 * 1024 * 1024;
const MAX_CHECKSUMS = 64 * 1024;
/** bytes of a signature of one of the three */
const MAX_SIGNATURE = 64 * 1024;

/** What may be in a gem, and its limit in bytes; undefined: it is read as an archive. */
const PARTS: ReadonlyMap<string, number | undefined> = new Map([
  [METADATA, MAX_METADATA],
  [DATA, undefined],
  [CHECKSUMS, MAX_CHECKSUMS],
  ...[METADATA, DATA, CHECKSUMS].map((name): [string, number] => [`${name}.sig`, MAX_SIGNATURE]),
]);

const gunzipped = (name: string, bytes: Buffer, limit: number): Buffer => {
  try {
    return gunzipSync(bytes, { maxOutputLength: limit });
  } catch (cause) {
    const isTooLarge = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    if (isTooLarge) throw invalid(`${name} of the gem unpacks to more than ${limit} bytes`);
    throw invalid(`${name} of the gem is not a gzip file, or it is damaged`, cause);
  }
};

/** The text of a small part. RubyGems reads the first member of a gzip file only, so there must be no other one. */
const unpacked = (name: string, bytes: Buffer, limit: number): string => {
  const content = gunzipped(name, bytes, limit);
  // the file ends with the size of its last member, which is less than that of all
  if (bytes.readUInt32LE(bytes.length - 4) !== content.length) {
    throw invalid(`${name} of the gem has bytes behind the end of its content`);
  }
  return content.toString('utf8');
};

type TDigest = { SHA256: string; SHA512: string };

/** Yields the bytes unchanged, and reports their digests at the end. */
async function* hashed(
  content: AsyncIterable<Uint8Array>,
  onEnd: (digests: TDigest) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [sha256, sha512] = [createHash('sha256'), createHash('sha512')];
  for await (const chunk of content) {
    sha256.update(chunk);
    sha512.update(chunk);
    yield chunk;
  }
  onEnd({ SHA256: sha256.digest('hex'), SHA512: sha512.digest('hex') });
}

interface IReadParts {
  /** of the small parts, as they are in the gem */
  parts: Map<string, Buffer>;
  digests: TDigests;
}

/** Reads the files of a gem to their end without keeping them; throws if an unpacker should not see them. */
const inspectData = async (entry: ITarEntry, maxUnpackedSize: number): Promise<TDigest> => {
  let digests: TDigest | undefined;
  const content = hashed(entry.content(), (found) => {
    digests = found;
  });
  const noun = `${NOUN}'s ${DATA}`;
  // Ruby's GzipReader reads the first member of a gzip file only
  const common = { strict: true, oneMember: true, maxUnpackedSize, ratios: [USUAL_RATIO] };
  const rules = { ...common, noun, links: 'inside' } as const;
  const files = inspectTarGz(content, rules, assertDistinctNames(noun), () => undefined);
  for await (const _ of files);
  return digests as unknown as TDigest;
};

/** Reads the parts of a gem in whatever order they come: gems of 2008 begin with their data. */
const readParts =
  (maxUnpackedSize: number): TTarVisitor<IReadParts> =>
  async (entries) => {
    const parts = new Map<string, Buffer>();
    const digests = new Map<string, TDigest>();
    for await (const entry of entries) {
      const { path, kind } = entry;
      if (kind !== 'file' || !PARTS.has(path))
        throw invalid(`${NOUN} contains ${quoted(path)}, which is no part of a gem`);
      if (digests.has(path)) throw invalid(`${NOUN} contains ${path} twice`);
      const limit = PARTS.get(path);
      if (limit === undefined) {
        digests.set(path, await inspectData(entry, maxUnpackedSize));
        continue;
      }
      const bytes = await entry.bytes(limit);
      const hash = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex');
      digests.set(path, { SHA256: hash('sha256'), SHA512: hash('sha512') });
      parts.set(path, bytes);
    }
    return { parts, digests };
  };

const inspected = ({ parts, digests }: IReadParts): IGemSpec => {
  const metadata = parts.get(METADATA);
  if (!metadata) throw invalid(`${NOUN} has no ${METADATA}`);
  if (!digests.has(DATA)) throw invalid(`${NOUN} has no ${DATA}`);
  const checksums = parts.get(CHECKSUMS);
  // RubyGems before 2.0 wrote none
  if (checksums) assertChecksums(unpacked(CHECKSUMS, checksums, MAX_CHECKSUMS), digests);
  return parseGemspec(unpacked(METADATA, metadata, MAX_METADATA));
};

/**
 * Yields the bytes of a .gem file unchanged, and opens it meanwhile: its checksums are compared, its files looked at,
 * and its gemspec parsed. Before the iteration ends, `onInspected` has been called, or the iteration has thrown.
 */
export const inspectGem = (
  content: AsyncIterable<Uint8Array>,
  limits: { maxUnpackedSize: number; maxArtifactSize: number },
  onInspected: (spec: IGemSpec) => void,
): AsyncGenerator<Uint8Array, void, undefined> => {
  const { maxUnpackedSize, maxArtifactSize } = limits;
  // the outer archive is not packed: its content is never larger than the gem itself
  const rules = {
    noun: NOUN,
    links: 'refuse',
    strict: true,
    maxUnpackedSize: maxArtifactSize,
    maxEntries: 16,
    // RubyGems reads names in the headers of entries only: by a long name, it would find other metadata
    ownNames: true,
  } as const;
  return inspectTar(content, rules, readParts(maxUnpackedSize), (parts) => onInspected(inspected(parts)));
};
