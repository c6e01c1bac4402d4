/** The registry and the path that a request leads to. */
export interface IFoundMount<T> {
  target: T;
  /** the part of the URL before the mount: the path under which a host application has mounted the registry */
  prefix: string;
  /** as it stands in the URL, without a trailing slash; `''` is the root */
  mount: string;
  /** the mount that links begin with; it differs from `mount` for an alias */
  home: string;
  /** the raw path inside `home` */
  path: string;
}

/** A mount that leads to a folder of another one: `/simple` to `/simple` below `/pypi`. */
export interface IMountAlias {
  /** the mount that links begin with */
  home: string;
  /** the folder inside it, without a trailing slash */
  folder: string;
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
  private readonly mounts: { mount: string; target: T; alias: IMountAlias }[] = [];

  /** Returns the target that already has this mount; if there is none, adds the mount and returns undefined. */
  public add(mount: string, target: T, alias: IMountAlias = { home: mount, folder: '' }): T | undefined {
    const taken = this.mounts.find((other) => other.mount === mount);
    if (taken) return taken.target;
    this.mounts.push({ mount, target, alias });
    // the longest one wins: `/oci/v2` before `/oci`, and the root last
    this.mounts.sort((a, b) => b.mount.length - a.mount.length);
    return undefined;
  }

  public clear(): void {
    this.mounts.length = 0;
  }

  /**
   * The mount that a whole path leads to. A host application may have mounted the registry under `/packages`, or
   * directly under `/npm`, which is a mount: so a mount may begin anywhere in the part that the host has removed. The
   * root mount begins at the end of that part. If several mounts are possible, the first one that knows the path counts:
   * in `/api/v2/npm/lodash`, `/v2` is not OCI's.
   * @param cut length of the part that the host has removed
   * @param limit last position at which a mount may begin
   * @param knows whether a target has a route for the path; asked only if several mounts are possible
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
      // a mount that ends before the removed part does is only a word in the application's own path
      if (!found || at + found.mount.length < cut) continue;
      candidates.push(found);
      // nothing was removed from a path that begins with a mount
      if (cut === 0 && at === 0) break;
    }
    const legible = candidates.filter(({ prefix }) => isPrefix(prefix));
    return legible.length > 1 ? (legible.find(knows) ?? legible[0]) : legible[0];
  }

  private findAt(whole: string, at: number, isCut: boolean): IFoundMount<T> | undefined {
    for (const { mount, target, alias } of this.mounts) {
      if (mount === '' ? !isCut : !whole.startsWith(mount, at)) continue;
      const rest = whole.slice(at + mount.length);
      if (rest === '' || rest.startsWith('/')) {
        const path = alias.folder + rest || '/';
        return { target, prefix: whole.slice(0, at), mount, home: alias.home, path };
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
