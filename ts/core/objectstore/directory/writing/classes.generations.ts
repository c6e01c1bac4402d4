import type { DirectoryLayout } from '../files/classes.layout.js';
import { hasCode, tolerate } from '../files/helpers.files.js';
import { pastAfter, remembers } from '../files/helpers.header.js';
import { afterwards, bestEffort, deciding } from '../files/helpers.outcome.js';
import { randomName } from '../files/helpers.random.js';
import type { IVersion, VersionReader } from '../reading/classes.versionreader.js';
import type { Draft } from './classes.draft.js';

/**
 * A rewritable object is a directory:
 *
 *     packument.json=/
 *        9f2c41d07ab3e865        the marker of this life of the key: while it is there, the generations below count
 *        9f2c41d07ab3e865.17     generation 17, the highest: the object as it is
 *
 *                    rename of a directory with a
 *      ┌─────────┐   new marker and generation 1    ┌───────────────┐  link of n+1, an object
 *      │ absent  │ ───────────────────────────────> │ live, highest │ ─────────┐
 *      └─────────┘                                  │ is an object  │ <────────┘
 *           ^                                       └───────────────┘
 *           │                        link of n+1, a      │     ^
 *           │                        tombstone           v     │ link of n+1, an object
 *           │                                       ┌─────────────────┐
 *           │                                       │ live, highest   │
 *           │                                       │ is a tombstone  │
 *           │                                       └─────────────────┘
 *           │                       link of n+1, a       │
 *           │                       seal                 v
 *      ┌─────────┐   the marker     ┌─────────┐     ┌─────────────────────────┐
 *      │ rmdir   │ <────────────    │ removed │ <── │ sealed: nothing is      │
 *      └─────────┘   is gone, then  └─────────┘     │ written above           │
 *                    every other name               └─────────────────────────┘
 *
 * Each arrow is one call, and a process may end between any two. The next process continues: a listing, or a look at
 * the key, seals tombstones that are older than 10 s. A writer that meets a sealed tombstone, or a directory without a
 * marker, removes the rest and begins a new life of the key. Absent, tombstone, sealed and removed all read as "no
 * object".
 *
 * A write links the next number, and the file system lets only one writer do it: that is all of a conditional put.
 * There are no locks and no process ids. Readers take the highest number. Lower ones are removed after publishing, so a
 * writer that slept for long can link a number that was used before. It then finds a higher one, whose header remembers
 * the ETags of the generations before it: others built on its write (won), or on another write of that number (lost).
 *
 * A seal is the tombstone's file, linked once more as the next number. A marker is random and never comes back. So if a
 * late writer links a generation after its marker is gone, the generation does not count, and the outcome of that write
 * is unknown. Markers are empty, so many of them are hard links to one file.
 */
export type TPlace =
  | { form: 'absent' }
  | { form: 'plain' }
  /** without its marker: the directory is being removed, or was when its process ended */
  | { form: 'removed'; names: string[] }
  | { form: 'live'; marker: string; number: number; names: string[] };
type TLive = TPlace & { form: 'live' };

/** The outcome of a link; `unknown` if it cannot be found out any more. */
export type TOutcome = 'won' | 'lost' | 'unknown';

const numberOf = (name: string, marker: string): number =>
  name.startsWith(`${marker}.`) ? Number(name.slice(marker.length + 1)) || 0 : 0;

/**
 * What a directory of generations contains. undefined: look again. A marker without generations never exists: the file
 * system listed the directory in several steps, before the new generation came and after the old one had gone.
 */
export const placeOf = (names: string[]): (TPlace & { form: 'removed' | 'live' }) | undefined => {
  const marker = names.find((name) => !name.includes('.'));
  if (!marker) return { form: 'removed', names };
  let number = 0;
  for (const name of names) number = Math.max(number, numberOf(name, marker));
  return number > 0 ? { form: 'live', marker, number, names } : undefined;
};

export class Generations {
  /** the path of a marker that this process made; other markers are links to it */
  private example: string | undefined;

  constructor(
    private readonly layout: DirectoryLayout,
    private readonly reader: VersionReader,
  ) {}

  /** @param hot the directory was looked at a moment ago */
  public async look(directory: string, hot = false): Promise<TPlace> {
    const { files } = this.layout;
    for (let tries = 0; ; tries++) {
      let names: string[];
      try {
        names = hot && tries === 0 ? files.readdirHot(directory) : await files.readdir(directory);
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return { form: 'absent' };
        if (hasCode(error, 'ENOTDIR')) return { form: 'plain' };
        throw error;
      }
      const place = placeOf(names);
      if (place || tries > 10) return place ?? { form: 'removed', names };
    }
  }

  /** Creates the first generation, if there is no object. */
  public async create(directory: string, draft: Draft): Promise<TOutcome> {
    const { files } = this.layout;
    const marker = randomName(8, 'hex');
    const ready = this.layout.temporary();
    await files.mkdir(ready, this.layout.directoryMode);
    try {
      await this.makeMarker(`${ready}/${marker}`);
      await draft.sealAs(`${ready}/${marker}.1`, { n: 1 });
      await this.layout.place(directory, () => deciding(files.rename(ready, directory)));
      this.example = `${directory}/${marker}`;
    } catch (error) {
      await bestEffort(files.remove(ready));
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return 'lost';
      throw error;
    }
    const { header, offset } = draft;
    this.reader.remember(draft.key, { id: `${marker}.1`, header, offset });
    // until this is synced, a loss of power may undo it or leave it empty: both read as absent
    await afterwards(Promise.all([this.layout.sync(directory), this.layout.syncParent(directory)]));
    return 'won';
  }

  /** Creates the next generation after `version`, which was the highest of the place. */
  public async succeed(directory: string, place: TLive, version: IVersion, draft: Draft): Promise<TOutcome> {
    const n = place.number + 1;
    const name = `${place.marker}.${n}`;
    const sealed = await draft.seal({ n, past: pastAfter(version.header) });
    const { outcome, lower } = await this.link(sealed, directory, place, draft.key, draft.etag);
    if (outcome !== 'won') return outcome;
    const { files } = this.layout;
    const { header, offset } = draft;
    this.reader.remember(draft.key, { id: name, header, offset });
    await Promise.all([
      afterwards(this.layout.sync(directory)),
      // if a lower generation stays, the next write removes it
      ...lower.map((old) => bestEffort(files.unlink(`${directory}/${old}`))),
    ]);
    return 'won';
  }

  /** Whether nothing may be written above this version. */
  public isSealed(place: TPlace, version: IVersion | null): boolean {
    return place.form === 'live' && version !== null && version.header.n !== place.number;
  }

  /** Removes the directory of a deleted key. Does nothing if somebody has written the key since. */
  public async removeTombstone(directory: string, place: TLive, version: IVersion): Promise<void> {
    if (!this.isSealed(place, version)) {
      const { key } = version.header;
      const tombstone = `${directory}/${place.marker}.${place.number}`;
      // a seal has no ETag to be found by: it is the highest, or it does not exist
      if ((await this.link(tombstone, directory, place, key, '')).outcome !== 'won') return;
    }
    await tolerate(this.layout.files.unlink(`${directory}/${place.marker}`), 'ENOENT', 'ENOTDIR');
    await this.clear(directory);
  }

  /** Removes entries that do not count any more, and the directory if it is empty then. */
  public async clear(directory: string): Promise<void> {
    const place = await this.look(directory);
    if (place.form !== 'removed') return;
    const { files } = this.layout;
    for (const name of place.names) await tolerate(files.unlink(`${directory}/${name}`), 'ENOENT', 'ENOTDIR');
    await tolerate(files.rmdir(directory), 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST');
  }

  /** Links `file` as the generation after the place's highest. Returns the lower generations that are still there. */
  private async link(
    file: string,
    directory: string,
    { marker, number }: TLive,
    key: string,
    etag: string,
  ): Promise<{ outcome: TOutcome; lower: string[] }> {
    const { files } = this.layout;
    const name = `${directory}/${marker}.${number + 1}`;
    try {
      await deciding(files.link(file, name));
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOENT', 'ENOTDIR')) return { outcome: 'lost', lower: [] };
      throw error;
    }
    const found = await afterwards(this.findOutcome(directory, marker, number + 1, key, etag));
    if (found.outcome === 'won') return found;
    // this generation does not count, and no other writer can have linked a number below the highest for good
    await bestEffort(files.unlink(name));
    await bestEffort(files.rmdir(directory));
    return found;
  }

  private async findOutcome(
    directory: string,
    marker: string,
    number: number,
    key: string,
    etag: string,
  ): Promise<{ outcome: TOutcome; lower: string[] }> {
    for (;;) {
      // the directory was changed just now
      const place = await this.look(directory, this.layout.files.looksAtOnce());
      if (place.form !== 'live' || place.marker !== marker || place.number < number) {
        return { outcome: 'unknown', lower: [] };
      }
      const lower = place.names.filter((name) => name !== marker && numberOf(name, marker) < number);
      if (place.number === number) return { outcome: 'won', lower };
      const top = `${marker}.${place.number}`;
      const version = await this.reader.read(key, `${directory}/${top}`, top);
      if (!version) continue;
      const built = remembers(version.header, number, etag);
      return { outcome: built === undefined ? 'unknown' : built ? 'won' : 'lost', lower };
    }
  }

  /** Markers are empty. Many of them are hard links to one file, which costs less than a file for each marker. */
  private async makeMarker(file: string): Promise<void> {
    const { files } = this.layout;
    try {
      if (this.example !== undefined) return await files.link(this.example, file);
    } catch (error) {
      // the example was removed, or has as many names as a file may have
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EMLINK')) throw error;
    }
    files.release(await files.open(file, 'wx', this.layout.fileMode));
  }
}
