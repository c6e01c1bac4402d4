import { createHash } from 'node:crypto';

/** entries per slot of the table; beyond that, looking for a free slot takes long */
const MAX_FILL = 0.6;
const FIRST_SLOTS = 1024;
/** a number that no hash is, for a free slot */
const FREE = -1;
/** bits that a double holds exactly beside its sign: 53, of which 48 are read at once */
const HASH_BYTES = 6;

/**
 * A set of texts of which only 48 bits are kept, 8 bytes for each: it may take one text for another. Among 10,000,000
 * entries that happens to one of 28,000,000 look-ups (10^7 / 2^48), so only callers that a wrong
 * yes does not harm may use it.
 */
export class HashSet {
  private table = new Float64Array(FIRST_SLOTS).fill(FREE);
  private count = 0;

  public get size(): number {
    return this.count;
  }

  public add(text: string): void {
    if (this.count >= this.table.length * MAX_FILL) this.grow();
    if (this.insert(this.table, hashOf(text))) this.count++;
  }

  public has(text: string): boolean {
    const hash = hashOf(text);
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

const hashOf = (text: string): number => createHash('sha256').update(text).digest().readUIntBE(0, HASH_BYTES);

/** Where this hash is, or else the free slot where it belongs. */
const slotOf = (table: Float64Array<ArrayBuffer>, hash: number): number => {
  let slot = hash % table.length;
  while (table[slot] !== FREE && table[slot] !== hash) slot = (slot + 1) % table.length;
  return slot;
};
