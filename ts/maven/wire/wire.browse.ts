import { digestsOf, versionOf, versionsOf } from '../helpers.document.js';
import { fileIn } from '../helpers.files.js';
import type { IMavenDocument, IMavenEntry, IMavenFile } from '../interfaces.maven.js';
import { pathOf } from './wire.coordinates.js';
import { entryOf } from './wire.metadata.js';
import { compareOrdered } from './wire.versions.js';

/** The JSON of `/-/artifacts` and `/-/search`: this registry's own, because Maven has no listing. */

/** An artifact in a listing or a search. */
export const renderEntry = ({ group, artifact, plugin, ...rest }: IMavenEntry): object => ({
  groupId: group,
  artifactId: artifact,
  ...rest,
  ...(plugin && { pluginPrefix: plugin.prefix }),
});

const renderFile = (file: IMavenFile, name: string, url: string): object => ({
  name,
  url,
  size: file.size,
  published: file.time,
  ...digestsOf(file),
});

const renderVersion = (document: IMavenDocument, version: string, publicUrl: string): object => {
  const { group, artifact } = document;
  const { created, files } = document.versions[version] as IMavenDocument['versions'][string];
  return {
    version,
    published: created,
    files: Object.entries(files).map(([file, record]) => {
      const path = { group, artifact, version, file };
      return renderFile(fileIn(path, record), file, publicUrl + pathOf(path));
    }),
  };
};

/** An artifact with all its versions in Maven's order; null if it has none. */
export const renderArtifact = (document: IMavenDocument, publicUrl: string): object | null => {
  const entry = entryOf(document);
  if (!entry) return null;
  const sorted = versionsOf(document).sort(compareOrdered);
  const versions = sorted.map(({ version }) => renderVersion(document, version, publicUrl));
  return { ...renderEntry(entry), versions };
};

/** One version with its files; null if it has none. */
export const renderOneVersion = (document: IMavenDocument, version: string, publicUrl: string): object | null => {
  if (!versionOf(document, version)) return null;
  const { group, artifact } = document;
  return { groupId: group, artifactId: artifact, ...renderVersion(document, version, publicUrl) };
};
