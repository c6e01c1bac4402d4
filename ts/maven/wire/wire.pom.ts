import { invalid } from '../../core/base/helpers.errors.js';
import type { IFilePath } from './wire.coordinates.js';
import { isSnapshot } from './wire.coordinates.js';
import { childOf, parseXml, textOf } from './wire.xml.js';

/** bytes; the largest BOMs in public use have some 600 KB */
export const MAX_POM = 4 * 1024 * 1024;

const POM = 'The POM';
/** characters of a text that search shows */
const MAX_TEXT = 500;

/** What a POM says of its artifact. */
export interface IPom {
  groupId: string;
  artifactId: string;
  version: string;
  packaging: string;
  name?: string;
  description?: string;
}

/** Expressions for what the POM itself says. */
const OWN_IDS = /\$\{(?:project|pom)\.(groupId|artifactId|version)\}/g;

const shortened = (text: string | undefined): string | undefined =>
  text?.replace(/\s+/g, ' ').slice(0, MAX_TEXT).trim() || undefined;

/**
 * Reads a POM. Group and version that it lacks are those of its parent.
 * @see https://maven.apache.org/ref/current/maven-model/maven.html
 */
export const parsePom = (bytes: Uint8Array): IPom => {
  const project = parseXml(bytes, 'project', POM);
  const parent = childOf(project, 'parent', POM) ?? {};
  const required = (name: string, value: string | undefined): string => {
    if (value !== undefined) return value;
    throw invalid(`${POM} has no <${name}>${name === 'artifactId' ? '' : ', and its parent has none'}`);
  };
  const inherited = (name: string) => required(name, textOf(project, name, POM) ?? textOf(parent, name, POM));
  const ids = {
    groupId: inherited('groupId'),
    artifactId: required('artifactId', textOf(project, 'artifactId', POM)),
    version: inherited('version'),
  };
  // many POMs are named "Apache ${project.artifactId}"
  const shown = (element: string) =>
    shortened(
      textOf(project, element, POM)?.replace(OWN_IDS, (_expression, id: string) => ids[id as keyof typeof ids]),
    );
  const [name, description] = [shown('name'), shown('description')];
  return {
    ...ids,
    packaging: textOf(project, 'packaging', POM) ?? 'jar',
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
  };
};

/** Throws unless the bytes are XML with a project at the root; for POMs that need not agree with their path. */
export const assertPomXml = (bytes: Uint8Array): void => {
  parseXml(bytes, 'project', POM);
};

/** `sbt-x_2.12_1.0`: a plugin for sbt 1.0, built with Scala 2.12. */
const SBT_PLUGIN = /^(.+)_\d[A-Za-z0-9.-]*_\d[A-Za-z0-9.-]*$/;

/**
 * The names with which the files of an artifact may begin. Plugins of sbt before 1.9 have the versions of Scala and sbt
 * in the folder's name only. @see sbt, issues 3410 and 7201
 */
export const baseNames = (artifact: string): string[] => {
  const plugin = SBT_PLUGIN.exec(artifact)?.[1];
  return plugin === undefined ? [artifact] : [artifact, plugin];
};

/** Whether a value of a POM may be the wanted one: expressions such as `${revision}` are set when the build runs. */
const agrees = (value: string, wanted: string): boolean => {
  if (!value.includes('${')) return value === wanted;
  const pieces = value.split(/\$\{[^{}]*\}/);
  let at = 0;
  for (const [index, piece] of pieces.entries()) {
    const found = index === pieces.length - 1 ? wanted.length - piece.length : wanted.indexOf(piece, at);
    if (found < at || !wanted.startsWith(piece, found) || (index === 0 && found !== 0)) return false;
    at = found + piece.length;
  }
  return true;
};

/** Throws `invalid` if a POM is that of another artifact than its path names. */
export const assertAgreement = (pom: IPom, { group, artifact, version }: IFilePath): void => {
  const path = `${group}:${artifact}:${version}`;
  const refuse = (what: string, value: string) =>
    invalid(
      `${POM} is for another artifact: its ${what} is ${JSON.stringify(value.slice(0, 200))}, its path is that of ${path}`,
    );
  if (!agrees(pom.groupId, group)) throw refuse('groupId', pom.groupId);
  if (!baseNames(artifact).some((name) => agrees(pom.artifactId, name))) throw refuse('artifactId', pom.artifactId);
  // some tools write the version of the build, 1.0-20261128.101112-1
  const base = isSnapshot(version) ? pom.version.replace(/\d{8}\.\d{6}-\d+$/, 'SNAPSHOT') : pom.version;
  if (!agrees(base, version)) throw refuse('version', pom.version);
};
