import * as plugins from '../../../plugins.js';
import type { Rendering } from './classes.rendering.js';

/**
 * Public URLs, beside the first, for which a rendering is kept. Strangers choose them (`Host`), and would fill the cache
 * with copies of one document; a registry has one public URL, and seldom a second one inside its own network.
 */
const MAX_OTHERS = 3;

/**
 * Rendered metadata, bounded by bytes. An entry is named by the stored document's ETag among others, so it never has
 * to be invalidated: another replica's write changes the name.
 */
export class RenderCache {
  private readonly entries: plugins.LRUCache<string, Rendering>;
  private readonly underWay = new Map<string, Promise<Rendering | null>>();
  /** the names under which a rendering is kept for further public URLs, the one that was used last at the end */
  private readonly others = new WeakMap<Rendering, string[]>();

  constructor(maxBytes: number) {
    this.entries = new plugins.LRUCache<string, Rendering>({
      maxSize: Math.max(1, maxBytes),
      // names hold what callers choose, a range or a host, and may be longer than what is rendered
      sizeCalculation: (rendering, name) => rendering.cost + 2 * name.length,
    });
  }

  /** The rendering under this name, where it is there. */
  public peek(name: string): Rendering | undefined {
    return this.entries.get(name);
  }

  /**
   * The rendering under this name; made by `make` once, however many callers wait for it. `make` calls `keepAs` with
   * another name if it has read another version than the one that was asked for. Under the older name the rendering
   * would be returned when a later write brings the older content, and so its ETag, back.
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
  /** A rendering that `get` gave, with links that begin with this public URL; it is not rendered anew. */
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
