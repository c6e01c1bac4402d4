import { randomUUID } from 'node:crypto';
import type { IContentStorage } from './interfaces.content.js';

/** The stored guard of one piece of content: a document whose bytes differ in every version. */
export interface IGuardState {
  /** the current copy; null: there is none, and the next one gets an unused key */
  copy: string | null;
  /** copies with this number or a lower one are never named again */
  floor: number;
  /** the id of the collector that is about to give the current copy up */
  condemned?: string;
}

/** The state of content that was never given up: its first copy, if it exists, is the current one. */
const UNTOUCHED: IGuardState = Object.freeze({ copy: '', floor: -1 });

/** The first copy has the id '' and the number 0, later ones are `<number>-<uuid>`. */
export const numberOfCopy = (copy: string): number => (copy === '' ? 0 : Number.parseInt(copy, 10));
export const isCopyId = (text: string): boolean => /^[1-9]\d{0,14}-[0-9a-f-]{36}$/.test(text);
export const keyOfCopy = (key: string, copy: string): string => (copy === '' ? key : `${key}.${copy}`);
/** The id of a new copy: its key is unique, and its number is higher than that of the current copy. */
export const newCopy = ({ copy, floor }: IGuardState): string =>
  `${Math.max(floor, copy === null ? 0 : numberOfCopy(copy)) + 1}-${randomUUID()}`;

/**
 * Decides which copy of a piece of content is the current one. Only content that was given up once has a stored guard.
 *
 *                condemn                doom
 *     current  ----------> condemned ----------> retired: its object is deleted, its key is never used again
 *        ^                     |                    |
 *        +------ keep ---------+                    | replace: a new copy, with a key and a higher number of its own
 *        +------------------------------------------+
 *
 * A writer that needs a copy first puts a link or a manifest, then calls `keep`. A collector that wants to give the
 * copy up first condemns it, then looks for links and manifests, then calls `doom`. Each step is a conditional write on
 * the state that was read, so either `keep` or `doom` fails: if the collector did not see the link, its `doom` fails,
 * however long the steps take. Objects are deleted only after `doom` (or `retire`), and a retired copy never becomes
 * current again. So a delete that is sent late, or twice, removes nothing that is needed.
 */
export class ContentGuard {
  constructor(
    private readonly storage: IContentStorage,
    /** key of the guard's document */
    private readonly key: string,
  ) {}

  public async read(): Promise<IGuardState> {
    return (await this.storage.read<IGuardState>(this.key))?.value ?? UNTOUCHED;
  }

  /** Whether the copy is the current one. If a collector has condemned it, this makes it current again. */
  public async keep(copy: string): Promise<boolean> {
    const seen = await this.read();
    if (seen.copy !== copy) return false;
    if (seen.condemned === undefined) return true;
    const now = await this.change((state) =>
      state.copy === copy && state.condemned !== undefined ? { copy, floor: state.floor } : undefined,
    );
    return now.copy === copy && now.condemned === undefined;
  }

  /** Makes `next` the current copy in place of `before`. Returns false if another writer was faster. */
  public async replace(before: string | null, next: string): Promise<boolean> {
    const now = await this.change((state) => {
      if (state.copy !== before || numberOfCopy(next) <= state.floor) return undefined;
      const floor = before === null ? state.floor : Math.max(state.floor, numberOfCopy(before));
      return { copy: next, floor };
    });
    return now.copy === next;
  }

  /** First step of giving the current copy up. @returns whether `doom(copy, by)` may follow */
  public async condemn(copy: string, by: string): Promise<boolean> {
    const now = await this.change((state) => (state.copy === copy ? { ...state, condemned: by } : undefined));
    return now.copy === copy && now.condemned === by;
  }

  /** Undoes `condemn`, because the copy is needed. */
  public async spare(copy: string, by: string): Promise<void> {
    await this.change(({ condemned, floor, copy: current }) =>
      current === copy && condemned === by ? { copy, floor } : undefined,
    );
  }

  /** Last step. @returns whether this call gave the copy up for good */
  public async doom(copy: string, by: string): Promise<boolean> {
    let done = false;
    await this.change((state) => {
      done = state.copy === copy && state.condemned === by;
      return done ? { copy: null, floor: Math.max(state.floor, numberOfCopy(copy)) } : undefined;
    });
    return done;
  }

  /** Gives the current copy up at once, even if it is needed. @returns whether it was the current one */
  public async giveUp(copy: string): Promise<boolean> {
    let done = false;
    await this.change((state) => {
      done = state.copy === copy;
      return done ? { copy: null, floor: Math.max(state.floor, numberOfCopy(copy)) } : undefined;
    });
    return done;
  }

  /** Ensures that a copy that is not current never becomes current. @returns whether that is so */
  public async retire(copy: string): Promise<boolean> {
    const number = numberOfCopy(copy);
    const now = await this.change((state) =>
      state.copy !== copy && state.floor < number ? { ...state, floor: number } : undefined,
    );
    return now.copy !== copy && now.floor >= number;
  }

  private async change(fn: (state: IGuardState) => IGuardState | undefined): Promise<IGuardState> {
    const { value } = await this.storage.update<IGuardState>(this.key, (current) => fn(current ?? UNTOUCHED));
    return value ?? UNTOUCHED;
  }
}
