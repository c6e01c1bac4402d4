import { notFound } from '../core/base/helpers.errors.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { timeOfChange } from '../core/storage/helpers.changetime.js';
import type { IWriteStamp } from '../core/storage/interfaces.storage.js';
import type { IGemBuild, IGemChange, IGemDocument, IGemEntry, IListedBuild } from './interfaces.rubygems.js';
import { infoMd5 } from './wire/wire.compactindex.js';
import { canonicalPlatform, RUBY } from './wire/wire.platforms.js';
import { compareVersions, isPrerelease } from './wire/wire.versions.js';

/**
 * Changes of a stored document, as pure functions: arguments are frozen and stay unchanged, results are new. No member
 * is ever `undefined`: so storage knows that a written document need not be parsed before it is returned.
 */

/** The builds that are not yanked, in the order of their pushes. */
export const listedBuilds = ({ builds }: IGemDocument): IGemBuild[] =>
  Object.values(builds).filter(({ yankedAt }) => yankedAt === undefined);

/** Whether nothing of the gem is listed: then clients must not see it. */
export const isEmpty = (document: IGemDocument): boolean => listedBuilds(document).length === 0;

/** A build by its slug; null if there is none. */
export const buildOf = (document: IGemDocument | null | undefined, slug: string): IGemBuild | null =>
  document && Object.hasOwn(document.builds, slug) ? (document.builds[slug] as IGemBuild) : null;

/** Newest version first; of one version `ruby` first. */
export const byNewest = (a: IGemBuild, b: IGemBuild): number => {
  const order = compareVersions(b.spec.version, a.spec.version);
  if (order !== 0) return order;
  if (a.spec.platform === b.spec.platform) return 0;
  return a.spec.platform === RUBY ? -1 : 1;
};

/** The build that the gem is shown with: of the newest release, else of the newest prerelease; null if none is listed. */
export const latestOf = (document: IGemDocument): IGemBuild | null => {
  const builds = listedBuilds(document).sort(byNewest);
  return builds.find(({ spec }) => !isPrerelease(spec.version)) ?? builds[0] ?? null;
};

const listedBuild = ({ slug, contentAddressed, spec: { version, platform } }: IGemBuild): IListedBuild =>
  contentAddressed ? { version, platform, slug } : { version, platform };

/** What listings show of the gem; null if they do not show it. */
export const entryOf = (document: IGemDocument): IGemEntry | null => {
  const latest = latestOf(document);
  if (!latest) return null;
  return { name: document.name, builds: listedBuilds(document).map(listedBuild), summary: latest.spec.summary };
};

/** The document after a change of its builds, with the line of the log. */
const changed = (document: IGemDocument, build: IGemBuild, stamp: IWriteStamp): IGemDocument => {
  const builds = { ...document.builds, [build.slug]: build };
  const next: IGemDocument = { ...document, modified: timeOfChange(document.modified, stamp), builds };
  const change: IGemChange = {
    serial: document.changes.length + 1,
    version: build.yankedAt === undefined ? build.slug : `-${build.slug}`,
    infoMd5: infoMd5(next),
  };
  return { ...next, changes: [...document.changes, change] };
};

/** What a new build has before it is committed. */
export type TNewBuild = Omit<IGemBuild, 'createdAt' | 'writeId' | 'yankedAt'>;

const taken = (message: string): RegistryError => new RegistryError('alreadyExists', message);

/** `demo 1.0.0`, or `demo 1.0.0-java`: as messages call a build. */
export const buildName = (gem: string, slug: string): string => `${gem} ${slug}`;

/** Throws if the place of the build is taken. */
const assertFree = (document: IGemDocument, { slug, spec, contentAddressed }: TNewBuild, mayReplace: boolean): void => {
  const { name } = document;
  const same = buildOf(document, slug);
  if (same && same.yankedAt === undefined) {
    throw taken(
      `${buildName(name, slug)} is there already with other content: a version never changes, use another one`,
    );
  }
  if (same && !mayReplace) {
    throw taken(`${buildName(name, slug)} was yanked, and cannot be pushed again: unyank it, or use another version`);
  }
  if (contentAddressed) return;
  const twin = Object.values(document.builds).find(
    (other) =>
      other.slug !== slug &&
      !other.contentAddressed &&
      other.spec.platform === spec.platform &&
      compareVersions(other.spec.version, spec.version) === 0,
  );
  if (twin)
    throw taken(`${buildName(name, slug)} is there already as ${twin.slug}: RubyGems takes both for one version`);
};

/** Whole seconds: the compact index has no others, and its lines never change. */
const wholeSeconds = (time: string): string => `${time.slice(0, 19)}Z`;

/**
 * Throws if the same gem is pushed with attestations that are not stored: its success would say that they are. Without
 * attestations a push leaves those that are there.
 */
const assertSameAttestations = (gem: string, same: IGemBuild, { attestations }: TNewBuild): void => {
  if (!attestations || attestations.sha256 === same.attestations?.sha256) return;
  const others = same.attestations ? 'with other attestations' : 'without attestations';
  throw taken(`${buildName(gem, same.slug)} is there already ${others}: they are stored only with its first push`);
};

/**
 * The document with one more build; `current` itself if the same bytes are listed there. Sha256 decides.
 * @param rules.allowRepublish a yanked build may be replaced
 */
export const addBuild = (
  current: IGemDocument | null,
  build: TNewBuild,
  rules: { allowRepublish: boolean },
  stamp: IWriteStamp,
): IGemDocument => {
  const same = buildOf(current, build.slug);
  if (current && same && same.yankedAt === undefined && same.sha256 === build.sha256) {
    assertSameAttestations(current.name, same, build);
    return current;
  }
  const document: IGemDocument = current ?? {
    name: build.spec.name,
    created: stamp.time,
    modified: stamp.time,
    builds: {},
    changes: [],
  };
  assertFree(document, build, rules.allowRepublish);
  return changed(document, { ...build, createdAt: wholeSeconds(stamp.time), writeId: stamp.id }, stamp);
};

/** Which build a yank is for. */
export interface IBuildChoice {
  /** as the client writes it */
  version: string;
  /** a platform or a content address */
  platform: string;
}

/**
 * The build that a version and a platform name. A content-addressed build has its address in the place of the platform;
 * its platform names it if only one build has it. Throws `notFound`.
 */
export const chosenBuild = (document: IGemDocument | null, gem: string, choice: IBuildChoice): IGemBuild => {
  const { version } = choice;
  const byAddress = buildOf(document, `${version}-${choice.platform}`);
  if (byAddress) return byAddress;
  const platform = canonicalPlatform(choice.platform);
  const bySlug = buildOf(document, platform === RUBY ? version : `${version}-${platform}`);
  if (bySlug) return bySlug;
  const builds = document ? Object.values(document.builds) : [];
  const fitting = builds.filter(({ spec }) => spec.version === version && spec.platform === platform);
  if (fitting.length === 1) return fitting[0] as IGemBuild;
  if (fitting.length > 1) {
    throw new RegistryError(
      'invalid',
      `${gem} ${version} has several builds for ${platform}; name one of them as the platform: ${fitting.map(({ slug }) => slug.slice(version.length + 1)).join(', ')}`,
    );
  }
  const what = platform === RUBY ? version : `${version} for ${platform}`;
  throw notFound(`${gem} ${what} is not in this registry`);
};

/** The document with the build yanked, or listed again; `current` itself if it is so already. */
export const setYanked = (
  current: IGemDocument | null,
  gem: string,
  choice: IBuildChoice,
  yanked: boolean,
  stamp: IWriteStamp,
): IGemDocument => {
  const build = chosenBuild(current, gem, choice);
  if ((build.yankedAt !== undefined) === yanked) return current as IGemDocument;
  const { yankedAt: _, ...listed } = build;
  return changed(current as IGemDocument, yanked ? { ...listed, yankedAt: stamp.time } : listed, stamp);
};

/** The keys of all artifacts that the document names. */
export const namedKeys = ({ builds }: IGemDocument): string[] =>
  Object.values(builds).flatMap(({ key, attestations }) => (attestations ? [key, attestations.key] : [key]));
