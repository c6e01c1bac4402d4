import { setTimeout as delay } from 'node:timers/promises';
import { crypto } from '../../../../plugins.js';
import { RegistryError } from '../../../classes.registryerror.js';
import type { DirectoryLayout } from '../files/classes.layout.js';
import { hasCode, tolerate } from '../files/helpers.files.js';
import { afterwards, bestEffort, deciding, outcomeUnknown } from '../files/helpers.outcome.js';
import type { Lookup, TCurrent } from '../reading/classes.lookup.js';
import type { IVersion, VersionReader } from '../reading/classes.versionreader.js';
import { BytesDraft, type Draft } from './classes.draft.js';
import type { Generations, TOutcome, TPlace } from './classes.generations.js';

export interface ICondition {
  ifMatch?: string;
  ifNoneMatch?: '*';
}

/** What the caller promises about the object; `temporary` has an effect on immutable ones only. */
export interface IForm {
  immutable?: boolean;
  temporary?: boolean;
}

/** attempts of an unconditional write that others keep overtaking; with the pauses about half a minute */
const PATIENCE = 1000;
const NOTHING: TCurrent = { place: { form: 'absent' }, version: null };
const ROUND_AGAIN = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EPERM'];

const failed = (): RegistryError =>
  new RegistryError('preconditionFailed', 'The object has changed, or is not as the condition says');

/**
 * Publishes drafts and removes objects. A key is stored in one of two forms: a directory of generations, or, if it was
 * written as immutable, a plain file of the same name. A name cannot be both, so two writers that would create
 * different forms also exclude each other.
 *
 * A plain file is rewritten by rename. Conditional rewrites and deletes of it exclude each other by a claim, a link in
 * `tmp/` named after the ETag that is to be replaced. If the owner of a claim dies, the claim stays until `tmp/` is
 * swept; and an unconditional write may come between the check and the rename. Both concern only objects that are
 * rewritten although their writer promised never to do so.
 */
export class Publisher {
  constructor(
    private readonly layout: DirectoryLayout,
    private readonly reader: VersionReader,
    private readonly generations: Generations,
    private readonly lookup: Lookup,
  ) {}

  /** Throws `preconditionFailed` if the condition does not hold for the current version. */
  public check(condition: ICondition, version: IVersion | null): void {
    const etag = version && !version.header.deleted ? version.header.etag : null;
    if (condition.ifNoneMatch && etag !== null) throw failed();
    if (condition.ifMatch !== undefined && condition.ifMatch !== etag) throw failed();
  }

  public publish(path: string, draft: Draft, condition: ICondition, form: IForm): Promise<void> {
    return this.persist(draft.key, path, condition, ({ place, version }) => {
      this.check(condition, version);
      if (place.form === 'plain') return this.replacePlain(path, draft, version as IVersion, condition);
      if (place.form === 'live' && !this.generations.isSealed(place, version)) {
        return this.generations.succeed(path, place, version as IVersion, draft);
      }
      return this.begin(path, place, version, draft, form);
    });
  }

  public remove(key: string, path: string, condition: ICondition & { repeatable?: boolean }): Promise<void> {
    if (condition.repeatable && condition.ifMatch === undefined) return this.drop(key, path);
    return this.persist(key, path, condition, async ({ place, version }) => {
      this.check(condition, version);
      if (!version || version.header.deleted) return 'won';
      if (place.form !== 'live') return this.removePlain(key, path, version, condition);
      const tombstone = new BytesDraft(this.layout, key, { deleted: true }, new Uint8Array());
      try {
        return await this.generations.succeed(path, place, version, tombstone);
      } finally {
        await bestEffort(tombstone.discard());
      }
    });
  }

  /**
   * Removes a plain file without looking at it first: it does no harm if the object of a repeatable delete comes back.
   */
  private async drop(key: string, path: string): Promise<void> {
    try {
      await deciding(this.layout.files.unlink(path));
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTDIR')) return;
      if (!hasCode(error, 'EISDIR', 'EPERM')) throw error;
      await this.remove(key, path, {});
    }
  }

  /** Removes the remains of a deleted key, as far as possible. */
  public async tidy(path: string, current: TCurrent): Promise<void> {
    await bestEffort(this.removeRest(path, current));
    await this.layout.tidy(path);
  }

  private async persist(
    key: string,
    path: string,
    condition: ICondition,
    attempt: (current: TCurrent) => Promise<TOutcome>,
  ): Promise<void> {
    // callers that write "if absent" mostly know that it is, and the write itself finds out if it is not
    let current = condition.ifNoneMatch ? NOTHING : await this.lookup.current(key, path);
    for (let tries = 0; tries < PATIENCE; tries++) {
      const outcome = await attempt(current);
      if (outcome === 'won') return;
      if (outcome === 'unknown') {
        throw outcomeUnknown(new Error(`${key} was rewritten or removed too often before the write was confirmed`));
      }
      if (tries > 2) await delay(Math.random() * Math.min(50, tries));
      current = await this.lookup.current(key, path);
    }
    throw new RegistryError('unavailable', 'The object is being rewritten too often by others');
  }

  private async begin(
    path: string,
    place: TPlace,
    version: IVersion | null,
    draft: Draft,
    { immutable, temporary }: IForm,
  ): Promise<TOutcome> {
    await this.removeRest(path, { place, version } as TCurrent);
    if (!immutable) return this.generations.create(path, draft);
    const sealed = await draft.seal({}, temporary);
    try {
      await this.layout.place(path, () => deciding(this.layout.files.link(sealed, path)));
    } catch (error) {
      if (hasCode(error, 'EEXIST', 'ENOTDIR')) return 'lost';
      throw error;
    }
    if (!temporary) await afterwards(this.layout.syncParent(path));
    return 'won';
  }

  private async removeRest(path: string, { place, version }: TCurrent): Promise<void> {
    if (place.form === 'removed') await this.generations.clear(path);
    if (place.form === 'live' && version?.header.deleted) {
      await this.generations.removeTombstone(path, place, version);
    }
  }

  private async replacePlain(path: string, draft: Draft, version: IVersion, condition: ICondition): Promise<TOutcome> {
    const sealed = await draft.seal();
    const replace = async (): Promise<TOutcome> => {
      if (
        (await tolerate(
          deciding(this.layout.files.rename(sealed, path)).then(() => true),
          ...ROUND_AGAIN,
        )) !== true
      )
        return 'lost';
      await afterwards(this.layout.syncParent(path));
      return 'won';
    };
    return condition.ifMatch === undefined ? replace() : this.claimed(draft.key, path, version, replace);
  }

  private async removePlain(
    key: string,
    path: string,
    version: IVersion,
    condition: ICondition & { repeatable?: boolean },
  ): Promise<TOutcome> {
    const remove = async (): Promise<TOutcome> => {
      if (
        (await tolerate(
          deciding(this.layout.files.unlink(path)).then(() => true),
          ...ROUND_AGAIN,
        )) !== true
      )
        return 'lost';
      if (condition.repeatable) return 'won';
      await this.layout.tidy(path);
      await afterwards(this.layout.syncParent(path));
      return 'won';
    };
    return condition.ifMatch === undefined ? remove() : this.claimed(key, path, version, remove);
  }

  /** Runs `act` for at most one of the callers that want to replace this version of a plain file. */
  private async claimed(key: string, path: string, version: IVersion, act: () => Promise<TOutcome>): Promise<TOutcome> {
    const { files } = this.layout;
    // objects with the same content may share their ETag
    const name = crypto.createHash('sha256').update(`${key}\n${version.header.etag}`).digest('hex').slice(0, 32);
    const claim = this.layout.temporary(`claim-${name}`);
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
      // if a claim stays, this version cannot be rewritten until `tmp/` is swept
      await bestEffort(files.unlink(claim));
    }
  }
}
