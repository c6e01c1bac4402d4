/** The registry and the path that a request leads to. */
export interface IFoundMount<T> {
  target: T;
  /** the part of the URL before the mount: the path under which a host application has mounted the registry */
  prefix: string;
  /** of the mount, without a trailing slash; `''` is the root */
  mount: string;
  /** the raw path inside the mount */
  path: string;
}

/**
 * The path under which a host application may mount the registry. It is copied into links and challenges, so it may
 * only have characters that are safe there. Dot segments are excluded, because clients resolve them before they send a
 * link back.
 */
const PREFIX = /^(?:\/(?!(?:\.|%2e){1,2}(?:\/|$))[A-Za-z0-9._~%@:+,=-]+)*$/i;

export const isPrefix = (text: string): boolean => PREFIX.test(text);

/** The URL prefixes of all registries; finds the registry of a path. */
export class MountTable<T> {
  private readonly mounts: { mount: string; target: T }[] = [];

  /** Returns the target that already has this mount; if there is none, adds the mount and returns undefined. */
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
   * The mount that a whole path leads to. A host application may have mounted the registry under `/packages`, or
   * directly under `/npm`, which is a mount: so a mount may begin anywhere in the part that the host has removed, and
   * the first one counts. The root mount begins at the end of that part.
   * @param cut length of the part that the host has removed
   * @param limit last position at which a mount may begin
   */
  public find(path: string, cut = 0, limit = cut): IFoundMount<T> | undefined {
    for (let at = 0; at >= 0 && at <= limit; at = next(path, at)) {
      const found = this.findAt(path, at, at === cut);
      if (found) return isPrefix(found.prefix) ? found : undefined;
    }
    return undefined;
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

/** The next position at which a mount may begin: a slash, or the end of a path that the host has removed completely. */
const next = (path: string, at: number): number => {
  if (at === path.length) return -1;
  const slash = path.indexOf('/', at + 1);
  return slash < 0 ? path.length : slash;
};
