import type { Stats } from 'node:fs';
import { RegistryError } from '../../../classes.registryerror.js';
import { type IFiles, tolerate } from '../files/helpers.files.js';
import { type Generations, placeOf, type TPlace } from '../writing/classes.generations.js';
import { type IOpened, type IVersion, plainId, type VersionReader } from './classes.versionreader.js';

/** What is stored at a key: the place, and the current version in it, which may be a deletion. */
export type TCurrent =
  | { place: TPlace & { form: 'absent' | 'removed' }; version: null }
  | { place: TPlace & { form: 'plain' | 'live' }; version: IVersion };

/** Each round means that another writer was faster between two of our steps. */
const PATIENCE = 1000;

const restless = (key: string): RegistryError =>
  new RegistryError('unavailable', 'The object is being rewritten too often to be read', { cause: new Error(key) });

/**
 * Finds the current version of an object.
 *
 * Between our look and our open, the highest generation may be removed, and a writer that slept may use its number
 * again for a moment before it finds out that it lost. So an unknown version counts only when a second look finds that
 * it is still the highest. A known version is recognised by its ETag.
 */
export class Lookup {
  constructor(
    private readonly files: IFiles,
    private readonly generations: Generations,
    private readonly reader: VersionReader,
  ) {}

  /** The current version; one call if the version is known already. */
  public async current(key: string, path: string): Promise<TCurrent> {
    for (let tries = 0; tries < PATIENCE; tries++) {
      if (this.reader.wasPlain(key)) {
        const stat = await tolerate(this.stat(key, path), 'ENOENT', 'ENOTDIR');
        if (!stat) return this.absent(key, { form: 'absent' });
        const known = this.reader.recall(key, plainId(stat));
        if (known) return { place: { form: 'plain' }, version: known };
      }
      const place = await this.generations.look(path, this.reader.isHot(key));
      if (place.form === 'absent' || place.form === 'removed') return this.absent(key, place);
      const { file, id } = fileOf(path, place);
      const known = id === undefined ? undefined : this.reader.recall(key, id);
      if (known) return { place, version: known };
      const version = await this.reader.read(key, file, id);
      if (version && (await this.isStill(path, id))) return { place, version };
    }
    throw restless(key);
  }

  /** The current version, if it was looked at a moment ago and is still current. */
  public glance(key: string, path: string): IVersion | undefined {
    if (!this.reader.isHot(key)) return undefined;
    const version = this.reader.recall(key, this.currentId(key, path) ?? '');
    return version?.header.deleted ? undefined : version;
  }

  private absent(key: string, place: TPlace & { form: 'absent' | 'removed' }): TCurrent {
    if (place.form === 'absent') this.reader.noteAbsent(key);
    return { place, version: null };
  }

  /** Whether there is a plain file. Then there is an object, and no header needs to be read. */
  public async isPlain(path: string): Promise<boolean> {
    return (await this.generations.look(path)).form === 'plain';
  }

  private currentId(key: string, path: string): string | undefined {
    try {
      if (this.reader.wasPlain(key)) return plainId(this.files.statHot(path));
      const place = placeOf(this.files.readdirHot(path));
      return place?.form === 'live' ? fileOf(path, place).id : undefined;
    } catch {
      return undefined; // the asynchronous look finds out what it is
    }
  }

  /** Opens the current version and reads at least the first `bytes` of its file; null if there is none. */
  public async open(key: string, path: string, bytes: number): Promise<IOpened | null> {
    for (let tries = 0; tries < PATIENCE; tries++) {
      if (this.reader.wasPlain(key)) {
        const opened = await this.reader.open(key, path, undefined, bytes);
        if (opened) return opened;
      }
      const place = await this.generations.look(path, this.reader.isHot(key));
      if (place.form === 'absent' || place.form === 'removed') return null;
      const { file, id } = fileOf(path, place);
      const known = id === undefined ? undefined : this.reader.recall(key, id);
      if (known?.header.deleted) return null;
      const opened = await this.reader.open(key, file, id, bytes);
      if (!opened) continue;
      const counts = known ? known.header.etag === opened.version.header.etag : await this.isStill(path, id);
      if (counts && !opened.version.header.deleted) return opened;
      this.files.release(opened.fd);
      if (counts) return null;
    }
    throw restless(key);
  }

  private async stat(key: string, path: string): Promise<Stats> {
    return this.reader.isHot(key) ? this.files.statHot(path) : this.files.stat(path);
  }

  private async isStill(path: string, id: string | undefined): Promise<boolean> {
    if (id === undefined) return true;
    const place = await this.generations.look(path);
    return place.form === 'live' && fileOf(path, place).id === id;
  }
}

const fileOf = (path: string, place: TPlace & { form: 'plain' | 'live' }): { file: string; id?: string } => {
  if (place.form === 'plain') return { file: path };
  const id = `${place.marker}.${place.number}`;
  return { file: `${path}/${id}`, id };
};
