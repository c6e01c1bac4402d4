import type { IMavenPlugin } from '../interfaces.maven.js';
import type { IArtifactName } from './wire.coordinates.js';
import { isPrefix, MAX_NAME } from './wire.metadata.js';
import { parseXml, textOf } from './wire.xml.js';

/** The descriptor in the jar of a Maven plugin. @see https://maven.apache.org/ref/current/maven-plugin-api/plugin.html */
export const DESCRIPTOR = 'META-INF/maven/plugin.xml';

/** bytes; it documents each parameter of each goal, and the largest in public use have some 500 KB */
export const MAX_DESCRIPTOR = 2 * 1024 * 1024;

/** The plugin that a descriptor describes; null if it is that of another artifact, which was packed into this jar. */
export const parseDescriptor = (bytes: Uint8Array, { group, artifact }: IArtifactName): IMavenPlugin | null => {
  const noun = 'The descriptor';
  const plugin = parseXml(bytes, 'plugin', noun);
  const prefix = textOf(plugin, 'goalPrefix', noun);
  const isOwn = textOf(plugin, 'groupId', noun) === group && textOf(plugin, 'artifactId', noun) === artifact;
  if (!isOwn || prefix === undefined || !isPrefix(prefix)) return null;
  const name = textOf(plugin, 'name', noun);
  return { prefix, ...(name !== undefined && { name: name.slice(0, MAX_NAME) }) };
};
