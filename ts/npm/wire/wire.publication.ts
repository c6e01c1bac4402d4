import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { INewVersion, IPublication, IReadme, IReceivedTarball, ITarballFacts } from '../interfaces.npm.js';
import { completeManifest } from './wire.manifest.js';
import { assertName, assertVersion } from './wire.names.js';
import { isTarballAttachment } from './wire.publishscanner.js';

/** The rules for a publish document as a whole: it must agree with its URL, with itself and with its tarballs. */

export const MAX_ATTACHMENTS = 64;
/** characters; the public registry truncates there too */
const MAX_README = 64 * 1024;

/** A foreign name, short enough for a message. */
const shown = (text: string): string => JSON.stringify(text.slice(0, 230));

/** The same for a value of any type: `String` would call a `toString` from the document. */
const shownValue = (value: unknown): string => (typeof value === 'string' ? shown(value) : `of type ${typeof value}`);

/** Checks the document of a PUT, which adds versions or changes existing ones. */
export const assertDocument = (document: unknown, name: string): Record<string, unknown> => {
  if (!isRecord(document)) throw invalid('The document is not a JSON object');
  if (document.name !== undefined && document.name !== name) {
    throw invalid(`The document has the name ${shownValue(document.name)}, the URL has ${name}`);
  }
  if (document._id !== undefined && document._id !== name) {
    throw invalid(`The document's _id is ${shownValue(document._id)}, not ${name}`);
  }
  if (document.versions !== undefined && !isRecord(document.versions)) throw invalid('versions is not an object');
  return document;
};

/** The dist-tags of a document. Whether new ones may be added is checked later. */
export const distTagsOf = (document: Record<string, unknown>): Record<string, string> => {
  const tags = document['dist-tags'];
  if (tags === undefined) return {};
  if (!isRecord(tags)) throw invalid('dist-tags is not an object');
  for (const [tag, version] of Object.entries(tags)) {
    if (typeof version !== 'string') throw invalid(`dist-tags[${shown(tag)}] is not a version`);
  }
  return tags as Record<string, string>;
};

const checkLength = (file: string, attachment: Record<string, unknown>, size: number): void => {
  const { length } = attachment;
  if (length === undefined || length === null) return;
  if (length !== size) throw invalid(`_attachments[${shown(file)}].length does not agree with its ${size} bytes`);
};

interface IBundle {
  dsseEnvelope?: { payload?: unknown };
}

interface IStatement {
  predicateType?: unknown;
  subject?: { name?: unknown; digest?: { sha512?: unknown } }[];
}

/**
 * The predicate type of a sigstore bundle. The bundle must be about this very tarball. Its signature is verified by
 * clients (`npm audit signatures`), because that needs sigstore's keys.
 */
export const predicateTypeOf = (bundle: string, version: string, tarball: IReceivedTarball): string => {
  let statement: IStatement;
  try {
    const payload = (JSON.parse(bundle) as IBundle | null)?.dsseEnvelope?.payload;
    statement = JSON.parse(Buffer.from(String(payload), 'base64').toString('utf8')) as IStatement;
  } catch (cause) {
    throw new RegistryError('invalid', `The provenance of ${version} is not a sigstore bundle`, { cause });
  }
  const subjects = isRecord(statement) && Array.isArray(statement.subject) ? statement.subject : [];
  if (!subjects.some((subject) => subject?.digest?.sha512 === tarball.sha512)) {
    throw new RegistryError('digestMismatch', `The provenance of ${version} is not about this tarball`);
  }
  if (typeof statement.predicateType !== 'string') throw invalid(`The provenance of ${version} has no predicateType`);
  return statement.predicateType;
};

const provenanceOf = (attachments: Record<string, unknown>, name: string, version: string): string | undefined => {
  const file = `${name}-${version}.sigstore`;
  if (!Object.hasOwn(attachments, file)) return undefined;
  const attachment = attachments[file];
  if (!isRecord(attachment) || typeof attachment.data !== 'string') throw invalid(`${shown(file)} contains no bundle`);
  return attachment.data;
};

/** The version whose tarball an attachment is. Clients repeat the scope in its name; it is also accepted without. */
export const attachmentVersion = (name: string, file: string): string => {
  for (const base of [name, name.slice(name.indexOf('/') + 1)]) {
    if (!file.startsWith(`${base}-`) || !file.endsWith('.tgz')) continue;
    return assertVersion(file.slice(base.length + 1, -'.tgz'.length));
  }
  throw invalid(`_attachments[${shown(file)}] is not named ${name}-<version>.tgz`);
};

/**
 * Checks a publish document with its attachments. `tarballs` has the received ones, by attachment. Throws `invalid`,
 * `digestMismatch` or `tooLarge`; does not check whether a version exists already.
 */
export const parsePublication = (
  name: string,
  source: unknown,
  tarballs: ReadonlyMap<string, IReceivedTarball>,
): IPublication => {
  assertName(name);
  const document = assertDocument(source, name);
  if (document.name === undefined) throw invalid('The document has no name');
  const manifests = (document.versions ?? {}) as Record<string, unknown>;
  const attachments = isRecord(document._attachments) ? document._attachments : {};
  const versions: INewVersion[] = [];
  for (const [file, attachment] of Object.entries(attachments)) {
    if (!isRecord(attachment)) throw invalid(`_attachments[${shown(file)}] is not an object`);
    if (!isTarballAttachment(file)) continue;
    const tarball = tarballs.get(file);
    if (!tarball) throw invalid(`_attachments[${shown(file)}] contains no data`);
    checkLength(file, attachment, tarball.size);
    const version = attachmentVersion(name, file);
    if (!Object.hasOwn(manifests, version)) {
      throw invalid(`_attachments[${shown(file)}] belongs to no version of the document`);
    }
    if (versions.some((other) => other.version === version)) throw invalid(`${version} has two tarballs`);
    const manifest = completeManifest(name, version, manifests[version], tarball);
    const provenance = provenanceOf(attachments, name, version);
    if (provenance !== undefined) {
      manifest.dist.attestations = {
        provenance: { predicateType: predicateTypeOf(provenance, version, tarball) },
      };
    }
    versions.push({ version, manifest, attachment: file, provenance });
  }
  checkBundles(name, attachments, versions);
  return { name, versions, distTags: distTagsOf(document), ...readmeOf(document, manifests, tarballs, versions) };
};

const checkBundles = (name: string, attachments: Record<string, unknown>, versions: INewVersion[]): void => {
  const expected = new Set(versions.map(({ version }) => `${name}-${version}.sigstore`));
  for (const file of Object.keys(attachments)) {
    if (!isTarballAttachment(file) && !expected.has(file)) {
      throw invalid(`_attachments[${shown(file)}] belongs to no version of the document`);
    }
  }
};

/** yarn 1 and berry send the readme beside the versions, other clients within them; npm leaves it in the tarball. */
const readmeOf = (
  document: Record<string, unknown>,
  manifests: Record<string, unknown>,
  tarballs: ReadonlyMap<string, IReceivedTarball>,
  versions: INewVersion[],
): Partial<IReadme> => {
  const inside = versions.map(({ version }) => manifests[version]).filter(isRecord);
  for (const { readme, readmeFilename } of [document, ...inside]) {
    if (typeof readme !== 'string' || readme === '') continue;
    return {
      readme: readme.slice(0, MAX_README),
      ...(typeof readmeFilename === 'string' ? { readmeFilename: readmeFilename.slice(0, 255) } : {}),
    };
  }
  const packed = versions.map(({ attachment }) => packedReadme(tarballs.get(attachment)?.readme));
  return packed.find((readme) => readme !== undefined) ?? {};
};

/** The readme of a tarball, in the form of the document. */
export const packedReadme = (readme: ITarballFacts['readme']): IReadme | undefined =>
  readme?.text ? { readme: readme.text.slice(0, MAX_README), readmeFilename: readme.file } : undefined;
