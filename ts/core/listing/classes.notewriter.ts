import type { ICatalogEntry } from './helpers.rows.js';

/** ms that a note waits for those of other publishes under way */
const LINGER_MS = 50;
/** notes that wait for no more */
const PLENTY = 64;

/** An entry to store, and the marker to remove afterwards. */
export interface INote<TEntry> {
  noted: ICatalogEntry<TEntry>;
  marker?: string;
}

interface IBatch<TEntry> {
  notes: INote<TEntry>[];
  /** begins to write at once */
  hurry(): void;
  written: Promise<void>;
}

/**
 * Gathers what publishes at about the same time note in a catalog into one object. A marker of each publish is stored
 * already, from which a crash is repaired, so no publish has to wait.
 */
export class NoteWriter<TEntry> {
  private waiting: IBatch<TEntry> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly write: (notes: INote<TEntry>[]) => Promise<void>) {}

  /** @param lingers whether others are about to come. Resolves when the note is stored. */
  public add(note: INote<TEntry>, lingers: boolean): Promise<void> {
    this.waiting ??= this.begin();
    const { notes, hurry, written } = this.waiting;
    notes.push(note);
    if (!lingers || notes.length >= PLENTY) hurry();
    return written;
  }

  /** Waits until everything that was added so far is stored, or has failed to be. */
  public async flush(): Promise<void> {
    this.waiting?.hurry();
    await this.last;
  }

  private begin(): IBatch<TEntry> {
    const notes: INote<TEntry>[] = [];
    let hurry: () => void = () => undefined;
    const gathered = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LINGER_MS);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    // one write at a time: notes that come meanwhile go out with the next one
    const written = Promise.all([gathered, this.last]).then(() => {
      this.waiting = undefined;
      return this.write(notes);
    });
    const ended = () => undefined;
    this.last = written.then(ended, ended);
    return { notes, hurry, written };
  }
}
