import * as plugins from '../../../plugins.js';
import type { Rendering } from './classes.rendering.js';

/**
 * Number of public URLs, beside the first, for which a rendering is cached. Clients choose them (`Host`), and could
 * fill the cache with copies of one document; a registry has one public URL, and sometimes a second one in its own
 * network.
 */
const MAX_OTHERS = 3;

/**
 * Caches rendered metadata, bounded by bytes. The key of an entry includes the ETag of the stored document, so entries
 * need no invalidation: another replica's write changes the key.
 */
export class RenderCache {
  private readonly entries: plugins.LRUCache<string, Rendering>;
  private readonly underWay = new Map<string, Promise<Rendering | null>>();
  /** the keys of a rendering for further public URLs, the last used at the end */
  private readonly others = new WeakMap<Rendering, string[]>();

  constructor(maxBytes: number) {
    this.entries = new plugins.LRUCache<string, Rendering>({
      maxSize: Math.max(1, maxBytes),
      // keys include a range or a host that callers choose, and may be longer than the rendering
      sizeCalculation: (rendering, name) => rendering.cost + 2 * name.length,
    });
  }

  /** The rendering with this key, if it is cached. */
  public peek(name: string): Rendering | undefined {
    return this.entries.get(name);
  }

  /**
   * The rendering with this key; `make` runs once, however many callers wait for it. If `make` has read another version
   * than requested, it calls `keepAs` with another key. Under the requested key, the rendering would be returned when a
   * later write brings the older content, and so its ETag, back.
   */
  public async get(
    name: string,
    make: (keepAs: (name: string) => void) => Promise<Rendering | null>,
  ): Promise<Rendering | null> {
    const hit = this.entries.get(name);
    if (hit) return hit;
    let making = this.underWay.get(name);
    if (!making) {
      let kept = name;
      const keepAs = (other: string) => {
        kept = other;
      };
      making = make(keepAs)
        .then((rendering) => {
          if (rendering) this.entries.set(kept, rendering);
          return rendering;
        })
        .finally(() => this.underWay.delete(name));
      this.underWay.set(name, making);
    }
    return making;
  }
  /** A rendering that `get` returned, with links that begin with this public URL, without rendering it anew. */
  public linked(name: string, rendering: Rendering, publicUrl: string): { name: string; rendering: Rendering } {
    if (rendering.publicUrl === undefined || rendering.publicUrl === publicUrl) return { name, rendering };
    const other = `${name}\n${publicUrl}`;
    const made = this.entries.get(other) ?? rendering.linkedTo(publicUrl);
    this.entries.set(other, made);
    const names = (this.others.get(rendering) ?? []).filter((one) => one !== other);
    for (const oldest of names.splice(0, names.length + 1 - MAX_OTHERS)) this.entries.delete(oldest);
    this.others.set(rendering, [...names, other]);
    return { name: other, rendering: made };
  }
}
