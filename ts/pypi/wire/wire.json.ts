import type { ICoreMetadata, IPypiDocument, IPypiFile } from '../interfaces.pypi.js';
import { filesOfVersion, groupByVersion } from './wire.files.js';
import { fieldOf } from './wire.metadata.js';
import { announcedMetadata, filePath, offeredFiles } from './wire.simple.js';
import { isPrerelease, normalVersion, sortedByVersion } from './wire.versions.js';

/** Fields of the metadata that the JSON API shows as one text: its own name -> that of the field. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['author', 'author'],
  ['author_email', 'author-email'],
  ['description_content_type', 'description-content-type'],
  ['download_url', 'download-url'],
  ['home_page', 'home-page'],
  ['keywords', 'keywords'],
  ['license', 'license'],
  ['license_expression', 'license-expression'],
  ['maintainer', 'maintainer'],
  ['maintainer_email', 'maintainer-email'],
  ['requires_python', 'requires-python'],
  ['summary', 'summary'],
];

/** Fields that may occur several times. */
const LISTS: readonly (readonly [string, string])[] = [
  ['dynamic', 'dynamic'],
  ['license_files', 'license-file'],
  ['provides_extra', 'provides-extra'],
  ['requires_dist', 'requires-dist'],
];

const listOf = ({ fields }: ICoreMetadata, name: string): string[] =>
  (fields.get(name) ?? []).map((text) => text.trim());

/** `Label, https://…` of Project-URL; null if there is none. */
const projectUrls = (metadata: ICoreMetadata): Record<string, string> | null => {
  const urls = listOf(metadata, 'project-url').flatMap((text): [string, string][] => {
    const comma = text.indexOf(',');
    return comma < 0 ? [] : [[text.slice(0, comma).trim(), text.slice(comma + 1).trim()]];
  });
  return urls.length === 0 ? null : Object.fromEntries(urls);
};

const infoOf = (metadata: ICoreMetadata, version: string, files: IPypiFile[], page: string): object => {
  const { classifiers, ...lists } = {
    classifiers: listOf(metadata, 'classifier'),
    ...Object.fromEntries(
      LISTS.map(([name, field]) => {
        const values = listOf(metadata, field);
        return [name, values.length === 0 ? null : values];
      }),
    ),
  };
  const yanked = files.length > 0 && files.every((file) => file.yanked !== undefined);
  return {
    name: fieldOf(metadata, 'name') ?? null,
    version,
    description: metadata.description ?? '',
    classifiers,
    ...Object.fromEntries(TEXTS.map(([name, field]) => [name, fieldOf(metadata, field) ?? null])),
    ...lists,
    platform: listOf(metadata, 'platform').join(',') || null,
    project_urls: projectUrls(metadata),
    bugtrack_url: null,
    docs_url: null,
    downloads: { last_day: -1, last_month: -1, last_week: -1 },
    package_url: page,
    project_url: page,
    release_url: page,
    yanked,
    yanked_reason: yanked ? files[0]?.yanked || null : null,
  };
};

/** A file as the JSON API lists it. */
const fileJson = (file: IPypiFile, project: string, publicUrl: string): object => ({
  comment_text: null,
  'core-metadata': announcedMetadata(file),
  digests: { md5: file.md5, sha256: file.sha256 },
  downloads: -1,
  filename: file.filename,
  has_sig: false,
  md5_digest: file.md5,
  packagetype: file.packagetype,
  python_version: file.pythonVersion,
  requires_python: file.requiresPython ?? null,
  size: file.size,
  // without fraction and zone, as clients have always got it
  upload_time: file.uploadTime.slice(0, 19),
  upload_time_iso_8601: file.uploadTime,
  url: publicUrl + filePath(project, file.filename),
  yanked: file.yanked !== undefined,
  yanked_reason: file.yanked || null,
});

/**
 * The version that the project's own page shows: the highest one that is not yanked and no pre-release; if there is
 * none, the highest that is not yanked. If all are yanked, it is the one that would be shown if none were.
 */
export const latestVersion = (files: IPypiFile[]): string | undefined => {
  const isStable = ({ version }: IPypiFile): boolean => !isPrerelease(version);
  const usable = files.filter(({ yanked }) => yanked === undefined);
  const all = usable.length > 0 ? usable : files;
  const stable = all.filter(isStable);
  const best = stable.length > 0 ? stable : all;
  return sortedByVersion(best, ({ version }) => version).at(-1)?.version;
};

/** The version and the files that an answer of the JSON API is about. */
export interface IJsonSubject {
  /** normalised */
  version: string;
  /** of this version, in the order of their uploads */
  files: IPypiFile[];
  /** the file whose metadata are shown: a wheel if there is one, because its metadata are those that get installed */
  shown: IPypiFile;
}

/** @param version undefined: the latest; null is returned if the project has no such version */
export const jsonSubject = (document: IPypiDocument, version?: string): IJsonSubject | null => {
  // a quarantined project still has its description
  const all = Object.values(document.files);
  const wanted = version ?? latestVersion(all);
  const files = wanted === undefined ? [] : filesOfVersion(all, wanted);
  const [first] = files;
  if (!first) return null;
  const shown = files.find(({ packagetype }) => packagetype === 'bdist_wheel') ?? first;
  return { version: normalVersion(first.version), files, shown };
};

/** The answer of the JSON API. @see PyPI's documentation, "JSON API" */
export const renderJson = (
  document: IPypiDocument,
  { version, files }: IJsonSubject,
  metadata: ICoreMetadata,
  { project, publicUrl }: { project: string; publicUrl: string },
): object => {
  const offered = offeredFiles(document);
  const listed = (some: IPypiFile[]): object[] => some.map((file) => fileJson(file, project, publicUrl));
  const groups = sortedByVersion(groupByVersion(offered), ([{ version: one }]) => one);
  const releases = groups.map((group): [string, object[]] => [normalVersion(group[0].version), listed(group)]);
  return {
    info: infoOf(metadata, version, files, `${publicUrl}/simple/${project}/`),
    last_serial: document.serial,
    // this registry has no roles: rights are scopes of users and tokens
    ownership: { roles: [], organization: null },
    releases: Object.fromEntries(releases),
    urls: listed(filesOfVersion(offered, version)),
    vulnerabilities: [],
  };
};
