import { createHash } from 'node:crypto';
import { versionOf, versionsOf } from '../helpers.document.js';
import { newestTime, timeIn } from '../helpers.files.js';
import type { IMavenDocument, IMavenEntry, IMavenPlugin, IMavenVersion } from '../interfaces.maven.js';
import { ALGORITHMS, type TDigests } from './wire.checksums.js';
import { isSnapshot } from './wire.coordinates.js';
import { compareBuilds, fileNameParser, type IFileName } from './wire.snapshots.js';
import { compareOrdered, type IOrderedVersion } from './wire.versions.js';
import { childOf, childrenOf, escapeXml, parseXml, textOf } from './wire.xml.js';

/**
 * `maven-metadata.xml`, at the levels of an artifact, of a SNAPSHOT and of a group. It is always rendered from what is
 * stored. coursier needs `groupId` in each.
 * @see https://maven.apache.org/ref/current/maven-repository-metadata/repository-metadata.html
 */
export const METADATA_FILE = 'maven-metadata.xml';

/** bytes; a group of a thousand plugins has some 200 KB */
export const MAX_METADATA = 4 * 1024 * 1024;

/** A line for each child; a nested list is one level deeper. */
type TLines = (string | TLines)[];

const indented = (lines: TLines, depth: number): string =>
  lines.map((line) => (Array.isArray(line) ? indented(line, depth + 1) : `${'  '.repeat(depth)}${line}\n`)).join('');

const element = (name: string, text: string | number): string => `<${name}>${escapeXml(String(text))}</${name}>`;

const nested = (name: string, children: TLines): TLines => [`<${name}>`, children, `</${name}>`];

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

const documentOf = (children: TLines, attributes = ''): string =>
  indented([DECLARATION, `<metadata${attributes}>`, children, '</metadata>'], 0);

/** An ISO time as metadata write it: `20261128101112`. */
const stamp = (iso: string): string => iso.replace(/\D/g, '').slice(0, 14);

type TSome<T> = readonly [T, ...T[]];

const isSome = <T>(items: readonly T[]): items is TSome<T> => items.length > 0;

/** The highest version, and the highest that is no SNAPSHOT. Not by sorting, because each upload asks. */
const highestOf = (versions: TSome<IOrderedVersion>): { latest: string; release?: string } => {
  let [latest] = versions;
  let release: IOrderedVersion | undefined;
  for (const each of versions) {
    if (compareOrdered(each, latest) > 0) latest = each;
    if (!isSnapshot(each.version) && (!release || compareOrdered(each, release) > 0)) release = each;
  }
  return { latest: latest.version, ...(release && { release: release.version }) };
};

const artifactLines = (document: IMavenDocument, sorted: TSome<IOrderedVersion>): TLines => {
  const { group, artifact, modified } = document;
  const { latest, release } = highestOf(sorted);
  return [
    element('groupId', group),
    element('artifactId', artifact),
    ...nested('versioning', [
      element('latest', latest),
      ...(release === undefined ? [] : [element('release', release)]),
      ...nested(
        'versions',
        sorted.map(({ version }) => element('version', version)),
      ),
      element('lastUpdated', stamp(modified)),
    ]),
  ];
};

/** A plugin in the metadata of its group. */
export interface IListedPlugin extends IMavenPlugin {
  artifact: string;
}

const pluginLines = (plugins: readonly IListedPlugin[]): TLines =>
  plugins.length === 0
    ? []
    : nested(
        'plugins',
        plugins.flatMap(({ name, prefix, artifact }) =>
          nested('plugin', [
            ...(name === undefined ? [] : [element('name', name)]),
            element('prefix', prefix),
            element('artifactId', artifact),
          ]),
        ),
      );

/**
 * The metadata in a folder, which can be that of an artifact and of a group at the same time: `org.acme:tools` and
 * `org.acme.tools`. Null if it is neither.
 */
export const renderFolder = (
  document: IMavenDocument | null,
  group: string,
  plugins: readonly IListedPlugin[],
): string | null => {
  const sorted = document ? versionsOf(document).sort(compareOrdered) : [];
  const lines = document && isSome(sorted) ? artifactLines(document, sorted) : [element('groupId', group)];
  if (sorted.length === 0 && plugins.length === 0) return null;
  return documentOf([...lines, ...pluginLines(plugins)]);
};

interface IBuild {
  name: IFileName;
  /** ISO, or as in the name of the file */
  updated: string;
}

/** The newest file for each extension and classifier. Builds with a time in their names come before those without. */
const newestOf = (document: IMavenDocument, version: string, { files }: IMavenVersion): IBuild[] => {
  const newest = new Map<string, IBuild>();
  const parse = fileNameParser(document, version);
  for (const [file, record] of Object.entries(files)) {
    const name = parse(file);
    if (!name) continue;
    const key = `${name.classifier}\n${name.extension}`;
    const known = newest.get(key);
    if (!known || compareBuilds(known.name, name) <= 0)
      newest.set(key, { name, updated: name.timestamp ?? timeIn(record) });
  }
  return [...newest.values()];
};

const buildLines = ({ name: { classifier, extension, value }, updated }: IBuild): TLines =>
  nested('snapshotVersion', [
    ...(classifier === '' ? [] : [element('classifier', classifier)]),
    element('extension', extension),
    element('value', value),
    element('updated', stamp(updated)),
  ]);

/** The metadata of a SNAPSHOT; null if it has no files. */
export const renderSnapshot = (document: IMavenDocument, version: string): string | null => {
  const found = versionOf(document, version);
  if (!found) return null;
  const builds = newestOf(document, version, found);
  const [newest] = builds.map(({ name }) => name).sort((a, b) => compareBuilds(b, a));
  const { timestamp, buildNumber } = newest ?? {};
  const snapshot =
    timestamp === undefined || buildNumber === undefined
      ? []
      : nested('snapshot', [element('timestamp', timestamp), element('buildNumber', buildNumber)]);
  const lines = [
    element('groupId', document.group),
    element('artifactId', document.artifact),
    element('version', version),
    ...nested('versioning', [
      ...snapshot,
      element('lastUpdated', stamp(newestTime(Object.values(found.files)))),
      ...nested('snapshotVersions', builds.flatMap(buildLines)),
    ]),
  ];
  return documentOf(lines, ' modelVersion="1.1.0"');
};

/** All digests of a rendered document. */
export const digestsOfText = (text: string): TDigests => {
  const bytes = Buffer.from(text);
  return Object.fromEntries(
    ALGORITHMS.map((algorithm) => [algorithm, createHash(algorithm).update(bytes).digest('hex')]),
  ) as TDigests;
};

const METADATA = 'The metadata';

/** A client's own `maven-metadata.xml`. */
export interface IClientMetadata {
  /** whether it is for one artifact; that of a group has plugins only */
  isOfArtifact: boolean;
  plugins: IListedPlugin[];
}

/** Reads what is used of a client's own metadata; throws `invalid` for what is no metadata. */
export const parseMetadata = (bytes: Uint8Array): IClientMetadata => {
  const metadata = parseXml(bytes, 'metadata', METADATA);
  const listed = childOf(metadata, 'plugins', METADATA) ?? {};
  const plugins = childrenOf(listed, 'plugin').flatMap((plugin) => {
    const [prefix, artifact] = [textOf(plugin, 'prefix', METADATA), textOf(plugin, 'artifactId', METADATA)];
    const name = textOf(plugin, 'name', METADATA);
    if (prefix === undefined || artifact === undefined || !isPrefix(prefix)) return [];
    return [{ prefix, artifact, ...(name !== undefined && { name: name.slice(0, MAX_NAME) }) }];
  });
  return { isOfArtifact: textOf(metadata, 'artifactId', METADATA) !== undefined, plugins };
};

/** characters of a plugin's name */
export const MAX_NAME = 200;

/** Whether `mvn {prefix}:{goal}` can be typed. */
export const isPrefix = (prefix: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(prefix);

/** The entry of an artifact in listings; null if it has no files. */
export const entryOf = (document: IMavenDocument): IMavenEntry | null => {
  const versions = versionsOf(document);
  if (!isSome(versions)) return null;
  const { group, artifact, modified, about, plugin } = document;
  const { version: _version, ...facts } = about ?? { version: '' };
  return {
    group,
    artifact,
    ...highestOf(versions),
    versions: versions.length,
    modified,
    ...facts,
    ...(plugin && { plugin }),
  };
};
