/**
 * A dependency of a gem.
 * @see the guides of RubyGems, "Specification reference"
 */
export interface IGemDependency {
  name: string;
  kind: 'runtime' | 'development';
  /** e.g. `>= 1.0`, in the order of the gemspec; never empty */
  requirements: string[];
}

/** A platform other than `ruby`, as `Gem::Platform` splits it. */
export interface IGemPlatform {
  cpu: string | null;
  os: string;
  version: string | null;
}

/** A gemspec: what the metadata inside a .gem say, checked. */
export interface IGemSpec {
  name: string;
  /** as `Gem::Version` writes it: `1.0.0-rc.1` is `1.0.0.pre.rc.1` */
  version: string;
  /** `ruby`, or the text of `platformParts` */
  platform: string;
  /** null: `ruby` */
  platformParts: IGemPlatform | null;
  /** as the author wrote it; clients print it */
  originalPlatform: string;
  /** of the gem tool that built the gem */
  rubygemsVersion: string;
  /** `YYYY-MM-DD` */
  date: string;
  summary: string;
  description: string | null;
  email: string[];
  authors: string[];
  homepage: string | null;
  licenses: string[];
  /** in the order of the gemspec; keys come from outside, so this is no object */
  metadata: [key: string, value: string][];
  /** e.g. `>= 3.0`; never empty (`>= 0` is "any") */
  requiredRubyVersion: string[];
  /** as `requiredRubyVersion` */
  requiredRubygemsVersion: string[];
  dependencies: IGemDependency[];
}

/** Content beside a gem, at a key of its own. */
export interface IGemSideFile {
  key: string;
  /** bytes */
  size: number;
  /** hex */
  sha256: string;
}

/** One published build: one .gem file. A version has one for each platform. */
export interface IGemBuild {
  /** what follows the name in the file name: `1.0.0`, `1.0.0-java` or, content-addressed, `1.0.0-78be552b` */
  slug: string;
  /** the slug ends with a part of the sha256 and not with the platform */
  contentAddressed?: true;
  spec: IGemSpec;
  /** of the .gem file */
  key: string;
  /** bytes */
  size: number;
  /** hex */
  sha256: string;
  /** ISO time of the commit, whole seconds (`2026-11-28T10:00:00Z`); it never changes, not by a yank either */
  createdAt: string;
  /** ISO time of the yank; absent: listed */
  yankedAt?: string;
  /** the bundles that were pushed with it, as they were sent */
  attestations?: IGemSideFile;
  /** of the write that committed the build */
  writeId: string;
}

/**
 * One line of `/versions` about a gem. Changes are only appended; their serials count from 1 without gaps, so a log that
 * knows the last serial that it has of a gem knows which lines are missing.
 */
export interface IGemChange {
  /** counts the changes of this gem */
  serial: number;
  /** the slug of a build that became visible, or `-` and the slug of one that was yanked */
  version: string;
  /** md5, hex, of `/info/{gem}` after this change */
  infoMd5: string;
}

/** `rubygems/info/{gem}`: the document of a gem. One whose builds are all yanked stays. */
export interface IGemDocument {
  name: string;
  /** ISO time of the first push */
  created: string;
  /** ISO time of the last write */
  modified: string;
  /** by slug, in the order of the pushes; slugs come from outside, so they are read with `Object.hasOwn` */
  builds: Record<string, IGemBuild>;
  /** in the order in which they were made */
  changes: IGemChange[];
}

/** `rubygems/filenames/{gem}-{slug}`: whose a file name is that gems of several names can have. */
export interface IFileNameDocument {
  /** the name of the gem that alone may have it */
  gem: string;
  /** ids of the pushes that hold it: of those that succeeded, are under way, or ended without a word; never empty */
  pushes: string[];
}

/** A listed build in the entry of its gem. */
export interface IListedBuild {
  /** without the platform */
  version: string;
  platform: string;
  /** only for a content-addressed build, whose file is not called after its platform */
  slug?: string;
}

/** A gem in the listing of all gems; gems without a listed build have no entry. */
export interface IGemEntry {
  name: string;
  /** in the order of the pushes */
  builds: IListedBuild[];
  /** of the newest version */
  summary: string;
}
