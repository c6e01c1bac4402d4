import type tar from 'tar-stream';
import { invalid } from '../../base/helpers.errors.js';
import { gather } from '../../base/helpers.streams.js';
import { RegistryError } from '../../classes.registryerror.js';
import { tooManyBytes } from '../helpers.limits.js';
import { assertPlainName, LinkGuard, segmentsOf, staysInside } from '../helpers.paths.js';
import type { ITarEntry, ITarRules } from './interfaces.tar.js';

/** See `IArchiveLimits.maxEntries`. */
export const MAX_ENTRIES = 200_000;

/** bytes; the longest path that Linux opens */
const MAX_NAME = 4096;

/** An octal size field holds less than this; only a larger file needs a size in a pax header. */
const MAX_OCTAL = 8 * 1024 ** 3;

const KINDS: [type: string, kind: ITarEntry['kind']][] = [
  ['file', 'file'],
  ['contiguous-file', 'file'], // unpackers treat both alike
  ['directory', 'directory'],
  ['link', 'link'],
  ['symlink', 'link'],
];
const KIND_OF = new Map(KINDS);

const assertLink = (
  header: tar.Header,
  segments: string[],
  topFolder: string | undefined,
  { noun, links }: ITarRules,
): void => {
  if (links === 'any') return;
  if (links === 'refuse') throw invalid(`${noun} contains a link`);
  const top = topFolder === undefined ? [] : [topFolder];
  const target = header.linkname ?? '';
  // a hard link names a path of the archive, a symbolic one a path that starts at its own folder
  const from = header.type === 'link' ? [''] : segments;
  if (!staysInside(from, target, top)) throw invalid(`${noun} contains a link that leads out of its folder`);
};

const assertStrict = ({ name, type, pax }: tar.Header, kind: ITarEntry['kind'], noun: string): void => {
  assertPlainName(noun, name);
  if (Buffer.byteLength(name) > MAX_NAME) throw invalid(`${noun} contains a name of more than ${MAX_NAME} bytes`);
  if (kind === 'other') throw invalid(`${noun} contains an entry that is no file, folder or link (${type})`);
  const size = (pax as { size?: string } | null | undefined)?.size;
  if (size !== undefined && !(/^\d+$/.test(size) && Number(size) >= MAX_OCTAL)) {
    throw invalid(`${noun} has a size in a pax header that belongs into the entry's own header`);
  }
};

/** The entries of a tar archive, checked. What the caller does not read is skipped. */
export async function* tarEntries(extract: tar.Extract, rules: ITarRules): AsyncGenerator<ITarEntry, void, undefined> {
  const { noun, strict, maxEntries = MAX_ENTRIES } = rules;
  let topFolder = rules.topFolder === true ? undefined : rules.topFolder;
  const guard = new LinkGuard(noun);
  let count = 0;
  let unpacked = 0;
  for await (const stream of extract) {
    const { header } = stream;
    const { name, size = 0 } = header;
    const segments = segmentsOf(noun, name);
    const kind = KIND_OF.get(header.type ?? '') ?? 'other';
    count += 1;
    if (count > maxEntries) throw new RegistryError('tooLarge', `${noun} has more than ${maxEntries} entries`);
    if (kind === 'file') unpacked += size;
    if (unpacked > rules.maxUnpackedSize) throw tooManyBytes(rules);
    if (strict) assertStrict(header, kind, noun);
    if (rules.topFolder === true) topFolder ??= segments[0];
    if (kind === 'link') assertLink(header, segments, topFolder, rules);
    if (rules.links !== 'any') guard.check(segments, kind === 'link');
    const isInside = segments.length > 1 || kind === 'directory';
    if (topFolder !== undefined && !(isInside && (segments[0] ?? topFolder) === topFolder)) {
      throw invalid(`${noun} has something outside its folder ${topFolder}/`);
    }
    let isRead = false;
    yield {
      path: segments.join('/'),
      segments,
      kind,
      size,
      bytes: async (limit) => {
        if (size > limit) throw invalid(`${noun} has a ${segments.at(-1)} that is too large`);
        isRead = true;
        return gather(stream as AsyncIterable<Uint8Array>);
      },
      content: () => {
        isRead = true;
        return stream as AsyncIterable<Uint8Array>;
      },
    };
    if (!isRead) stream.resume();
  }
}
