import { setTimeout as delay } from 'node:timers/promises';
import { RegistryError } from '../classes.registryerror.js';
import { BytesDraft, type Draft } from './directory.draft.js';
import { hasCode, tolerate } from './directory.files.js';
import { Generations, outcomeUnknown, type TOutcome, type TPlace } from './directory.generations.js';
import type { DirectoryLayout } from './directory.layout.js';
import { type IVersion, plainId, type VersionReader } from './directory.reading.js';

export interface ICondition {
  ifMatch?: string;
  ifNoneMatch?: '*';
}

/** What is at a key: the place, and the version in it, which may be a deletion. */
export type TCurrent =
  | { place: TPlace & { form: 'absent' | 'dead' }; version: null }
  | { place: TPlace & { form: 'plain' | 'living' }; version: IVersion };

/** attempts of a write without condition that others keep overtaking; with its pauses about half a minute */
const PATIENCE = 1000;
const ROUND_AGAIN = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EPERM'];

const failed = (): RegistryError =>
  new RegistryError('preconditionFailed', 'The object has changed, or is not as the condition says');

/**
 * Puts drafts in their place and takes objects away, in whichever of two forms the key is stored: a directory of
 * generations, or, for what was written as immutable, a plain file of the same name. A name is one or the other, so
 * two writers that would each begin another form exclude each other too.
 *
 * A plain file is rewritten by rename. Conditional rewrites and deletes of it exclude one another by a claim, a link
 * in `tmp/` named after the ETag that is to be replaced. Unlike everything else here, a claim whose owner died stays
 * until `tmp/` is swept, and an unconditional write may slip between the check and the rename. Both concern only
 * objects that are rewritten although they were promised to be immutable.
 */
export class Publisher {
  private readonly generations: Generations;

  constructor(
    private readonly layout: DirectoryLayout,
    private readonly reader: VersionReader,
  ) {
    this.generations = new Generations(layout, reader);
  }

  public async current(key: string, path: string): Promise<TCurrent> {
    for (let tries = 0; tries < PATIENCE; tries++) {
      if (this.reader.wasPlain(key)) {
        const stat = await tolerate(this.layout.files.stat(path), 'ENOENT', 'ENOTDIR');
        if (!stat) return { place: { form: 'absent' }, version: null };
        const known = this.reader.recall(key, plainId(stat));
        if (known) return { place: { form: 'plain' }, version: known };
      }
      const place = await this.generations.look(path);
      if (place.form === 'absent' || place.form === 'dead') return { place, version: null };
      const id = place.form === 'living' ? `${place.mark}.${place.number}` : undefined;
      const file = id === undefined ? path : `${path}/${id}`;
      const known = id === undefined ? undefined : this.reader.recall(key, id);
      const version = known ?? (await this.reader.read(key, file, id));
      // otherwise it was replaced between the two looks
      if (version) return { place, version };
    }
    throw outcomeUnknown(key);
  }

  /** Throws `preconditionFailed` where the condition does not hold for what is there. */
  public check(condition: ICondition, version: IVersion | null): void {
    const etag = version && !version.header.state ? version.header.etag : null;
    if (condition.ifNoneMatch && etag !== null) throw failed();
    if (condition.ifMatch !== undefined && condition.ifMatch !== etag) throw failed();
  }

  public publish(path: string, draft: Draft, condition: ICondition, immutable: boolean): Promise<void> {
    return this.persist(draft.key, path, condition, ({ place, version }) => {
      this.check(condition, version);
      if (place.form === 'plain') return this.replacePlain(path, draft, version as IVersion, condition);
      if (place.form === 'living' && version?.header.state !== 'sealed') {
        return this.generations.succeed(path, place, version as IVersion, draft);
      }
      return this.begin(path, place, version, draft, immutable);
    });
  }

  public remove(key: string, path: string, condition: ICondition): Promise<void> {
    return this.persist(key, path, condition, async ({ place, version }) => {
      this.check(condition, version);
      if (!version || version.header.state) return 'won';
      if (place.form !== 'living') return this.removePlain(key, path, version, condition);
      const grave = new BytesDraft(this.layout, key, { state: 'deleted' }, new Uint8Array());
      try {
        return await this.generations.succeed(path, place, version, grave);
      } finally {
        await grave.discard();
      }
    });
  }

  /** Takes away what is left of a deleted key. */
  public async bury(path: string, { place, version }: TCurrent): Promise<void> {
    if (place.form === 'dead') await this.generations.clear(path);
    if (place.form === 'living' && version?.header.state) await this.generations.bury(path, place, version);
    await this.layout.prune(path);
  }

  private async persist(
    key: string,
    path: string,
    condition: ICondition,
    attempt: (current: TCurrent) => Promise<TOutcome>,
  ): Promise<void> {
    const conditional = condition.ifMatch !== undefined || condition.ifNoneMatch !== undefined;
    for (let tries = 0; tries < PATIENCE; tries++) {
      const outcome = await attempt(await this.current(key, path));
      if (outcome === 'won') return;
      if (outcome === 'unknown' && conditional) throw outcomeUnknown(key);
      if (tries > 2) await delay(Math.random() * Math.min(50, tries));
    }
    throw new RegistryError('unavailable', 'The object is being rewritten too often by others');
  }

  private async begin(
    path: string,
    place: TPlace,
    version: IVersion | null,
    draft: Draft,
    immutable: boolean,
  ): Promise<TOutcome> {
    if (place.form === 'living' && version) await this.generations.bury(path, place, version);
    if (place.form === 'dead') await this.generations.clear(path);
    if (!immutable) return this.generations.create(path, draft);
    const sealed = await draft.seal();
    try {
      await this.layout.place(path, () => this.layout.files.link(sealed, path));
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOTDIR')) return 'lost';
      throw error;
    }
    await this.layout.sync(path.slice(0, path.lastIndexOf('/')));
    return 'won';
  }

  private async replacePlain(path: string, draft: Draft, version: IVersion, condition: ICondition): Promise<TOutcome> {
    const sealed = await draft.seal();
    const replace = async (): Promise<TOutcome> => {
      if (
        (await tolerate(
          this.layout.files.rename(sealed, path).then(() => true),
          ...ROUND_AGAIN,
        )) !== true
      )
        return 'lost';
      await this.layout.sync(path.slice(0, path.lastIndexOf('/')));
      return 'won';
    };
    return condition.ifMatch === undefined ? replace() : this.claimed(draft.key, path, version, replace);
  }

  private async removePlain(key: string, path: string, version: IVersion, condition: ICondition): Promise<TOutcome> {
    const remove = async (): Promise<TOutcome> => {
      if (
        (await tolerate(
          this.layout.files.unlink(path).then(() => true),
          ...ROUND_AGAIN,
        )) !== true
      )
        return 'lost';
      await this.layout.prune(path);
      await this.layout.sync(path.slice(0, path.lastIndexOf('/')));
      return 'won';
    };
    return condition.ifMatch === undefined ? remove() : this.claimed(key, path, version, remove);
  }

  /** Runs `act` for at most one of those who want to replace this version of a plain file. */
  private async claimed(key: string, path: string, version: IVersion, act: () => Promise<TOutcome>): Promise<TOutcome> {
    const { files } = this.layout;
    const claim = this.layout.temporary(`claim-${version.header.etag}`);
    try {
      await files.link(path, claim);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw failed();
      if (hasCode(error, ...ROUND_AGAIN)) return 'lost';
      throw error;
    }
    try {
      const held = await this.reader.read(key, claim);
      return held?.header.etag === version.header.etag ? await act() : 'lost';
    } finally {
      await files.unlink(claim);
    }
  }
}
