/** Number of remembered changes: more than one fold collects at 100,000 packages. */
const REMEMBERED = 10_000;

/** The packages that changed, in order. Indexes and caches of a listing apply the changes name by name. */
export class ChangeLog {
  private names: string[] = [];
  /** number of changes before the first of `names` */
  private forgotten = 0;

  /** Grows by one with each change. */
  public get version(): number {
    return this.forgotten + this.names.length;
  }

  public add(name: string): void {
    this.names.push(name);
    // cut from time to time, not at each change
    if (this.names.length < 2 * REMEMBERED) return;
    this.forgotten += REMEMBERED;
    this.names = this.names.slice(REMEMBERED);
  }

  /** The names that changed since then; undefined if that is too long ago. */
  public since(version: number): ReadonlySet<string> | undefined {
    if (version < this.forgotten) return undefined;
    return new Set(this.names.slice(version - this.forgotten));
  }
}
