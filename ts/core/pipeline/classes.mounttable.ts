/** Where a request goes. */
export interface IFoundMount<T> {
  target: T;
  /** what stands before the mount in the URL: the path below which a host application has put the registry */
  prefix: string;
  /** of the mount, without a trailing slash; `''` is the root */
  mount: string;
  /** the raw path inside the mount */
  path: string;
}

/**
 * The path below which a host application may put the registry: it gets into links and challenges, so it holds only what
 * is the same there. Dot segments are excluded, for clients resolve them before they send a link back.
 */
const PREFIX = /^(?:\/(?!(?:\.|%2e){1,2}(?:\/|$))[A-Za-z0-9._~%@:+,=-]+)*$/i;

export const isPrefix = (text: string): boolean => PREFIX.test(text);

/** The URL prefixes of all registries, and the way from a path to one of them. */
export class MountTable<T> {
  private readonly mounts: { mount: string; target: T }[] = [];

  /** The target that has this mount already; otherwise undefined, and the mount is added. */
  public add(mount: string, target: T): T | undefined {
    const taken = this.mounts.find((other) => other.mount === mount);
    if (taken) return taken.target;
    this.mounts.push({ mount, target });
    // the longest one wins: `/oci/v2` before `/oci`, and the root last
    this.mounts.sort((a, b) => b.mount.length - a.mount.length);
    return undefined;
  }

  public clear(): void {
    this.mounts.length = 0;
  }

  /**
   * The mount that a whole path leads to. A host application may have put the registry below `/packages`, or right at
   * `/npm`, which is a mount: so a mount may begin anywhere in the part that the host has cut off. The root mount begins
   * where that part ends. Of several the first counts that knows the path: of `/api/v2/npm/lodash`, `/v2` is not that of
   * OCI.
   * @param cut length of what the host has cut off
   * @param limit where a mount may begin at most
   * @param knows whether a target has anything at the path; asked only if there are several
   */
  public find(
    path: string,
    cut = 0,
    limit = cut,
    knows: (found: IFoundMount<T>) => boolean = () => true,
  ): IFoundMount<T> | undefined {
    const candidates: IFoundMount<T>[] = [];
    for (let at = 0; at >= 0 && at <= limit; at = next(path, at)) {
      const found = this.findAt(path, at, at === cut);
      // a mount that ends before the host has cut is a word of the application's own path
      if (!found || at + found.mount.length < cut) continue;
      candidates.push(found);
      // a path that begins with a mount is whole
      if (cut === 0 && at === 0) break;
    }
    const legible = candidates.filter(({ prefix }) => isPrefix(prefix));
    return legible.length > 1 ? (legible.find(knows) ?? legible[0]) : legible[0];
  }

  private findAt(whole: string, at: number, isCut: boolean): IFoundMount<T> | undefined {
    for (const { mount, target } of this.mounts) {
      if (mount === '' ? !isCut : !whole.startsWith(mount, at)) continue;
      const rest = whole.slice(at + mount.length);
      if (rest === '' || rest.startsWith('/')) {
        return { target, prefix: whole.slice(0, at), mount, path: rest === '' ? '/' : rest };
      }
    }
    return undefined;
  }
}

/** The next place where a mount may begin: a slash, or the end of a path that a host has cut off whole. */
const next = (path: string, at: number): number => {
  if (at === path.length) return -1;
  const slash = path.indexOf('/', at + 1);
  return slash < 0 ? path.length : slash;
};
