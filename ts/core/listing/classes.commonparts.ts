import { cacheOf } from '../base/helpers.caches.js';
import { deepFreeze } from '../base/helpers.codec.js';

/** Different parts that are kept: more than a team has people, and at most 1 MB. */
const PARTS = 5000;
/** Length of the JSON text of a part; longer ones are rarely equal. */
const LONGEST = 200;

/**
 * Keeps equal parts of many rows once: most packages of a registry have the same publisher, maintainers and links. With
 * 100,000 packages this saves some 25 MB.
 */
export class CommonParts {
  private readonly parts = cacheOf<string, object>(PARTS);

  /**
   * Replaces members of an entry that are objects by equal ones of earlier entries, and a member that is the package's
   * name by `name`: the parser made another copy of it. A frozen entry stays as it is.
   */
  public share(name: string, entry: object | null): void {
    if (entry === null || Object.isFrozen(entry)) return;
    const members = entry as Record<string, unknown>;
    for (const [key, member] of Object.entries(entry)) {
      // assigning `__proto__` would not set a member
      if (key === '__proto__') continue;
      if (member === name) members[key] = name;
      else if (typeof member === 'object' && member !== null) members[key] = this.shared(member);
    }
  }

  private shared(part: object): object {
    const text: string | undefined = JSON.stringify(part);
    if (text === undefined || text.length > LONGEST) return part;
    const known = this.parts.get(text);
    if (known !== undefined) return known;
    this.parts.set(text, deepFreeze(part));
    return part;
  }
}
