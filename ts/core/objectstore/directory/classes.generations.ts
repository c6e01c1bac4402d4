import { RegistryError } from '../../classes.registryerror.js';
import type { Draft } from './classes.draft.js';
import type { DirectoryLayout } from './classes.layout.js';
import type { IVersion, VersionReader } from './classes.versionreader.js';
import { hasCode, tolerate } from './helpers.files.js';
import { pastAfter, remembers } from './helpers.header.js';
import { randomName } from './helpers.random.js';

/**
 * What may be rewritten is a directory:
 *
 *     packument.json=/
 *        9f2c41d07ab3e865        the mark of this life of the key: while it is there, the generations below count
 *        9f2c41d07ab3e865.17     generation 17, the highest: the object as it is
 *
 * A write links the next number, and the file system lets only one do it: that is the whole of a conditional put. No
 * locks, no process ids. Readers take the highest. Lower ones are removed after publishing, so a writer that slept
 * for long can link a number that was used before; it then finds a higher one, and learns from what that one remembers
 * whether others built on its write (won) or on another of the same number (lost).
 *
 * A delete is a generation too. Such a directory is taken away later: the deletion is linked once more as the next
 * number, a seal, above which nobody writes; then the mark goes, then the rest. A mark is random and never comes back, so whatever a late writer still links
 * counts for nothing. A key's first generation comes with a new mark, in a directory made ready in `tmp/` and renamed
 * to its place, which only works where nothing is or an empty directory. Marks are empty: many are names of one file.
 */
export type TPlace =
  | { form: 'absent' }
  | { form: 'plain' }
  /** what is left of a directory that is being removed, or was when its process died */
  | { form: 'dead'; names: string[] }
  | { form: 'living'; mark: string; number: number; names: string[] };
type TLiving = TPlace & { form: 'living' };

/** What became of a link: `unknown` where the answer is no longer to be found. */
export type TOutcome = 'won' | 'lost' | 'unknown';

const numberOf = (name: string, mark: string): number =>
  name.startsWith(`${mark}.`) ? Number(name.slice(mark.length + 1)) || 0 : 0;

/**
 * What is in a directory of generations. undefined: look again. A mark is never alone: a file system that lists in several
 * steps has missed the new generation for being too early and the old one for being too late.
 */
export const placeOf = (names: string[]): (TPlace & { form: 'dead' | 'living' }) | undefined => {
  const mark = names.find((name) => !name.includes('.'));
  if (!mark) return { form: 'dead', names };
  let number = 0;
  for (const name of names) number = Math.max(number, numberOf(name, mark));
  return number > 0 ? { form: 'living', mark, number, names } : undefined;
};

export class Generations {
  /** a mark that was made a while ago */
  private example: string | undefined;

  constructor(
    private readonly layout: DirectoryLayout,
    private readonly reader: VersionReader,
  ) {}

  /** @param hot it was looked at a moment ago */
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
      if (place || tries > 10) return place ?? { form: 'dead', names };
    }
  }

  /** The first generation, where no object is. */
  public async create(directory: string, draft: Draft): Promise<TOutcome> {
    const { files } = this.layout;
    const mark = randomName(8, 'hex');
    const ready = this.layout.temporary();
    await files.mkdir(ready);
    try {
      await this.makeMark(`${ready}/${mark}`);
      await draft.sealAs(`${ready}/${mark}.1`, { n: 1 });
      await this.layout.place(directory, () => files.rename(ready, directory));
      this.example = `${directory}/${mark}`;
    } catch (error) {
      await files.remove(ready);
      if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return 'lost';
      throw error;
    }
    const { header, offset } = draft;
    this.reader.remember(draft.key, { id: `${mark}.1`, header, offset });
    // until here it may be lost, or come back without its contents: that reads as absent too
    await Promise.all([this.layout.sync(directory), this.layout.syncParent(directory)]);
    return 'won';
  }

  /** The next generation after `version`, which was the highest of the place. */
  public async succeed(directory: string, place: TLiving, version: IVersion, draft: Draft): Promise<TOutcome> {
    const n = place.number + 1;
    const name = `${place.mark}.${n}`;
    const sealed = await draft.seal({ n, past: pastAfter(version.header) });
    const { outcome, lower } = await this.link(sealed, directory, place, draft.key, draft.etag);
    if (outcome !== 'won') return outcome;
    const { files } = this.layout;
    const { header, offset } = draft;
    this.reader.remember(draft.key, { id: name, header, offset });
    await Promise.all([
      this.layout.sync(directory),
      ...lower.map((old) => tolerate(files.unlink(`${directory}/${old}`), 'ENOENT', 'ENOTDIR')),
    ]);
    return 'won';
  }

  /** May nothing be written above this version? */
  public isSealed(place: TPlace, version: IVersion | null): boolean {
    return place.form === 'living' && version !== null && version.header.n !== place.number;
  }

  /** Takes away the directory of a key that was deleted; nothing happens where someone has written it since. */
  public async bury(directory: string, place: TLiving, version: IVersion): Promise<void> {
    if (!this.isSealed(place, version)) {
      const { key } = version.header;
      const deletion = `${directory}/${place.mark}.${place.number}`;
      // a seal has no ETag of its own to be found by: it is the highest, or it is none
      if ((await this.link(deletion, directory, place, key, '')).outcome !== 'won') return;
    }
    await tolerate(this.layout.files.unlink(`${directory}/${place.mark}`), 'ENOENT', 'ENOTDIR');
    await this.clear(directory);
  }

  /** Removes what does not count any more, and the directory where nothing else is in it. */
  public async clear(directory: string): Promise<void> {
    const place = await this.look(directory);
    if (place.form !== 'dead') return;
    const { files } = this.layout;
    for (const name of place.names) await tolerate(files.unlink(`${directory}/${name}`), 'ENOENT', 'ENOTDIR');
    await tolerate(files.rmdir(directory), 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST');
  }

  /** Makes `file` the generation after the place's highest; tells the ones below it that are still there. */
  private async link(
    file: string,
    directory: string,
    { mark, number }: TLiving,
    key: string,
    etag: string,
  ): Promise<{ outcome: TOutcome; lower: string[] }> {
    const { files } = this.layout;
    const name = `${directory}/${mark}.${number + 1}`;
    try {
      await files.link(file, name);
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOENT', 'ENOTDIR')) return { outcome: 'lost', lower: [] };
      throw error;
    }
    const settled = await this.settle(directory, mark, number + 1, key, etag);
    if (settled.outcome === 'won') return settled;
    // it counts for nothing, and nobody else can have linked a number below the highest for good
    await tolerate(files.unlink(name), 'ENOENT', 'ENOTDIR');
    await tolerate(files.rmdir(directory), 'ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST');
    return settled;
  }

  private async settle(
    directory: string,
    mark: string,
    number: number,
    key: string,
    etag: string,
  ): Promise<{ outcome: TOutcome; lower: string[] }> {
    for (;;) {
      const place = await this.look(directory);
      if (place.form !== 'living' || place.mark !== mark || place.number < number) {
        return { outcome: 'unknown', lower: [] };
      }
      const lower = place.names.filter((name) => name !== mark && numberOf(name, mark) < number);
      if (place.number === number) return { outcome: 'won', lower };
      const top = `${mark}.${place.number}`;
      const version = await this.reader.read(key, `${directory}/${top}`, top);
      if (!version) continue;
      const built = remembers(version.header, number, etag);
      return { outcome: built === undefined ? 'unknown' : built ? 'won' : 'lost', lower };
    }
  }

  /** Marks are empty, so many may be names of one file: that costs less than to make one for each. */
  private async makeMark(file: string): Promise<void> {
    const { files } = this.layout;
    try {
      if (this.example !== undefined) return await files.link(this.example, file);
    } catch (error) {
      // it was taken away, or has as many names as a file may have
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EMLINK')) throw error;
    }
    files.release(await files.open(file, 'wx'));
  }
}

export const outcomeUnknown = (key: string): RegistryError =>
  new RegistryError('unavailable', 'It is not known whether the write took place', {
    cause: new Error(`${key} was rewritten or removed too often before the write could be confirmed`),
  });
