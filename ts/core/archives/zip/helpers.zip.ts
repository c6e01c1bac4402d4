import { invalid } from '../../base/helpers.errors.js';
import { SharedSlices, Slices, sortInSlices } from '../../base/helpers.slices.js';
import { assertRatio } from '../helpers.limits.js';
import { LinkGuard } from '../helpers.paths.js';
import { ByteFeed, type TSteps } from './classes.bytefeed.js';
import { OtherEnds } from './classes.otherends.js';
import { ZipDirectory } from './classes.zipdirectory.js';
import { ZipLocals } from './classes.ziplocals.js';
import { CENTRAL, LOCAL } from './helpers.zipfields.js';
import { unpackKept } from './helpers.ziptexts.js';
import type { IZipEntry, IZipFacts, IZipRules } from './interfaces.zip.js';

/** bytes that are read at once: a few ms of work, if its files are tiny. A host may hand over an archive as one chunk. */
const PIECE = 64 * 1024;

/**
 * A zip can be read from its beginning, file by file, or by the directory at its end; tools do both, and an archive can
 * be made so that they unpack different files (CVE-2025-54368). Here it is read in both ways at once: everything from
 * the first byte to the last belongs to exactly one record, and the directory says the same as the files' own headers.
 */
function* readZip(feed: ByteFeed, rules: IZipRules, locals: ZipLocals, directory: ZipDirectory): TSteps<void> {
  for (;;) {
    const offset = feed.at;
    const signature = (yield* feed.take(4)).readUInt32LE(0);
    if (offset === 0 && signature !== LOCAL) throw invalid(`${rules.noun} is not a zip file, or it is empty`);
    if (signature === CENTRAL) return yield* directory.read();
    if (signature !== LOCAL) throw invalid(`${rules.noun} has bytes between its files that belong to none`);
    yield* locals.file(offset);
  }
}

/** Throws `invalid` for an entry below a link: it could only be written through that. */
const assertNotBelowLinks = async (noun: string, all: readonly IZipEntry[], slices: Slices): Promise<void> => {
  const links = all.filter(({ kind }) => kind === 'link');
  if (links.length === 0) return;
  const guard = new LinkGuard(noun);
  for (const { path, kind } of [...links, ...all.filter(({ kind }) => kind !== 'link')]) {
    guard.check(path.split('/'), kind === 'link');
    if (slices.due) await slices.rest();
  }
};

/**
 * Throws `invalid` for an entry below a file. In the order of their texts, all paths between a file and what lies below it
 * begin with the file's path; so the files that a path may lie below are those that it continues.
 */
const assertNotBelowFiles = async (noun: string, all: readonly IZipEntry[], slices: Slices): Promise<void> => {
  const sorted = await sortInSlices(all, (one, other) => (one.path < other.path ? -1 : 1));
  const continued: string[] = [];
  for (const { path, kind } of sorted) {
    while (continued.length > 0 && !path.startsWith(continued.at(-1) as string)) continued.pop();
    if (continued.some((file) => path[file.length] === '/')) throw invalid(`${noun} contains a file below a file`);
    if (kind === 'file') continued.push(path);
    if (slices.due) await slices.rest();
  }
};

/** Throws `invalid` for entries that cannot all be unpacked. An archive may have 200,000 of them. */
const assertTree = async (noun: string, entries: ReadonlyMap<string, IZipEntry>): Promise<void> => {
  const all = [...entries.values()];
  const slices = new Slices();
  await assertNotBelowLinks(noun, all, slices);
  await assertNotBelowFiles(noun, all, slices);
};

/** The folder that everything lies in. */
const topFolderOf = (entries: ReadonlyMap<string, IZipEntry>): string | undefined => {
  let top: string | undefined;
  for (const { path, kind } of entries.values()) {
    if (path === '') continue;
    const slash = path.indexOf('/');
    const first = slash < 0 ? path : path.slice(0, slash);
    if ((slash < 0 && kind !== 'directory') || (top !== undefined && first !== top)) return undefined;
    top = first;
  }
  return top;
};

/**
 * Yields `source` unchanged and reads it as a zip. Before the iteration ends, `onRead` has been called or the iteration
 * has thrown (`invalid`, `tooLarge`); so a writer that stores the bytes never stores an archive that failed. Leaving the
 * iteration early ends the source and holds nothing.
 */
export async function* inspectZip(
  source: AsyncIterable<Uint8Array>,
  rules: IZipRules,
  onRead: (facts: IZipFacts) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { noun, topFolder: expected } = rules;
  const feed = new ByteFeed(noun);
  const locals = new ZipLocals(feed, rules);
  const directory = new ZipDirectory(feed, rules, locals);
  const otherEnds = new OtherEnds();
  const slices = new SharedSlices();
  const steps = readZip(feed, rules, locals, directory);
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.byteLength; at += PIECE) {
        // before the work: the chunks of many uploads may have come in one turn
        if (slices.due) await slices.rest();
        const piece = chunk.subarray(at, at + PIECE);
        otherEnds.add(piece, directory.start);
        feed.add(piece);
        steps.next();
        await locals.contents?.settle();
      }
      yield chunk;
    }
    feed.end();
    steps.next();
  } finally {
    locals.contents?.close();
  }
  const { entries } = directory;
  otherEnds.check(noun, directory.start ?? 0, directory.endsAt);
  await assertTree(noun, entries);
  assertRatio(rules, feed.at, locals.unpackedSize);
  const topFolder = topFolderOf(entries);
  if (expected !== undefined && (topFolder === undefined || (expected !== true && topFolder !== expected))) {
    throw invalid(`${noun} has something outside its folder${expected === true ? '' : ` ${expected}/`}`);
  }
  const links = [...entries.values()].filter(({ kind }) => kind === 'link').map(({ path }) => path);
  await locals.targets?.check(noun, links, topFolder === undefined ? [] : [topFolder]);
  const texts = new Map<string, Buffer>();
  for (const kept of locals.kept) {
    // what is kept of a link is its target, which must not pass for the content of a file
    if (entries.get(kept.path)?.kind === 'file') texts.set(kept.path, await unpackKept(noun, kept));
  }
  onRead({ entries, texts, unpackedSize: locals.unpackedSize, topFolder });
}
