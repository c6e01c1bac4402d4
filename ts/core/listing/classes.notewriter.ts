import type { ICatalogEntry } from './helpers.rows.js';

/** ms that a note waits for the notes of other publishes under way */
const LINGER_MS = 50;
/** number of notes that are written without waiting for more */
const PLENTY = 64;

/** An entry to store, and the marker to remove afterwards. */
export interface INote<TEntry> {
  noted: ICatalogEntry<TEntry>;
  marker?: string;
}

interface IBatch<TEntry> {
  notes: INote<TEntry>[];
  /** starts writing at once */
  hurry(): void;
  written: Promise<void>;
}

/**
 * Gathers the notes of publishes at about the same time into one object. Each publish has already stored a marker, from
 * which a crash is repaired, so no publish has to wait.
 */
export class NoteWriter<TEntry> {
  private waiting: IBatch<TEntry> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly write: (notes: INote<TEntry>[]) => Promise<void>) {}

  /** @param lingers whether other notes are expected soon. Resolves when the note is stored. */
  public add(note: INote<TEntry>, lingers: boolean): Promise<void> {
    this.waiting ??= this.begin();
    const { notes, hurry, written } = this.waiting;
    notes.push(note);
    if (!lingers || notes.length >= PLENTY) hurry();
    return written;
  }

  /** Waits until all notes that were added so far are stored, or have failed. */
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
    // one write at a time: notes that come meanwhile are written with the next one
    const written = Promise.all([gathered, this.last]).then(() => {
      this.waiting = undefined;
      return this.write(notes);
    });
    const ended = () => undefined;
    this.last = written.then(ended, ended);
    return { notes, hurry, written };
  }
}
