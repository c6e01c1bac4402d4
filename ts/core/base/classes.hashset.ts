import { createHash } from 'node:crypto';

/** entries per slot of the table; a fuller table takes long to find a free slot */
const MAX_FILL = 0.6;
const FIRST_SLOTS = 1024;
/** marks a free slot: no hash has this value */
const FREE = -1;
/** bytes of a hash: a double holds 53 bits exactly, and 48 of them are read at once */
export const HASH_BYTES = 6;

/** The first 48 bits of the text's SHA-256. */
export const hashOf = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, HASH_BYTES);

/**
 * A set of texts that keeps only 48 bits of each (8 bytes of memory), so it may confuse two texts. With 10,000,000
 * entries one of 28,000,000 look-ups (10^7 / 2^48) returns a wrong `true`. Use it only if a wrong `true` does no harm.
 * A text may also be given as its `hashOf`.
 */
export class HashSet {
  private table = new Float64Array(FIRST_SLOTS).fill(FREE);
  private count = 0;

  public get size(): number {
    return this.count;
  }

  public add(text: string | number): void {
    if (this.count >= this.table.length * MAX_FILL) this.grow();
    if (this.insert(this.table, numberOf(text))) this.count++;
  }

  public has(text: string | number): boolean {
    const hash = numberOf(text);
    return this.table[slotOf(this.table, hash)] === hash;
  }

  private insert(table: Float64Array<ArrayBuffer>, hash: number): boolean {
    const slot = slotOf(table, hash);
    if (table[slot] === hash) return false;
    table[slot] = hash;
    return true;
  }

  private grow(): void {
    const larger = new Float64Array(this.table.length * 2).fill(FREE);
    for (const hash of this.table) if (hash !== FREE) this.insert(larger, hash);
    this.table = larger;
  }
}

const numberOf = (text: string | number): number => (typeof text === 'number' ? text : hashOf(text));

/** The slot that holds this hash, else the free slot for it. */
const slotOf = (table: Float64Array<ArrayBuffer>, hash: number): number => {
  let slot = hash % table.length;
  while (table[slot] !== FREE && table[slot] !== hash) slot = (slot + 1) % table.length;
  return slot;
};
