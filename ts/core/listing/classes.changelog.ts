/** Changes that are remembered: as many as a fold gathers at 100,000 packages, with room. */
const REMEMBERED = 10_000;

/** The packages that changed, in order. Indexes and caches of a listing follow it name by name. */
export class ChangeLog {
  private names: string[] = [];
  /** changes before the first of `names` */
  private forgotten = 0;

  /** Grows by one with each change. */
  public get version(): number {
    return this.forgotten + this.names.length;
  }

  public add(name: string): void {
    this.names.push(name);
    // cut now and then, not at each change
    if (this.names.length < 2 * REMEMBERED) return;
    this.forgotten += REMEMBERED;
    this.names = this.names.slice(REMEMBERED);
  }

  /** The names that changed since then; undefined if that is too long ago to be known. */
  public since(version: number): ReadonlySet<string> | undefined {
    if (version < this.forgotten) return undefined;
    return new Set(this.names.slice(version - this.forgotten));
  }
}
