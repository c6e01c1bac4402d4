import semver from 'semver';
import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { INpmDist, INpmManifest, IReceivedTarball } from '../interfaces.npm.js';

/** The rules for one version of a publish document, and its stored form. */

/** bytes of JSON; the largest legitimate manifests are a few hundred KiB */
const MAX_MANIFEST = 1024 * 1024;

/** Fields that the server sets, or that nobody uses later. */
const SERVER_FIELDS = new Set([
  '_attachments',
  '_from',
  '_hasShrinkwrap',
  '_id',
  '_integrity',
  '_npmUser',
  '_resolved',
  '_rev',
  '_shasum',
  'dist',
  'maintainers',
  'readme',
  'readmeFilename',
]);

const SRI = /^(sha\d+)-([A-Za-z0-9+/]+={0,2})(?:\?\S*)?$/;

/**
 * Checks every hash with a known algorithm. An integrity without any of them cannot be verified and is refused.
 * @see https://www.w3.org/TR/SRI/#the-integrity-attribute
 */
const checkIntegrity = (integrity: unknown, tarball: IReceivedTarball): void => {
  if (typeof integrity !== 'string') throw invalid('dist.integrity is not a string');
  const known = new Map([
    ['sha1', tarball.sha1],
    ['sha512', tarball.sha512],
  ]);
  let compared = 0;
  for (const item of integrity.trim().split(/\s+/)) {
    const [, algorithm, digest] = SRI.exec(item) ?? [];
    if (algorithm === undefined || digest === undefined) throw invalid('dist.integrity is not Subresource Integrity');
    const expected = known.get(algorithm);
    if (expected === undefined) continue;
    compared += 1;
    if (Buffer.from(digest, 'base64').toString('hex') !== expected) {
      throw new RegistryError('digestMismatch', `dist.integrity does not match the tarball (${algorithm})`);
    }
  }
  if (compared === 0) throw invalid('dist.integrity has neither a sha512 nor a sha1 digest');
};

const checkDist = (dist: unknown, tarball: IReceivedTarball): void => {
  if (dist === undefined) return;
  if (!isRecord(dist)) throw invalid('dist is not an object');
  if (dist.integrity !== undefined && dist.integrity !== null) checkIntegrity(dist.integrity, tarball);
  const { shasum } = dist;
  if (shasum === undefined || shasum === null) return;
  if (typeof shasum !== 'string' || shasum.toLowerCase() !== tarball.sha1) {
    throw new RegistryError('digestMismatch', 'dist.shasum does not match the tarball');
  }
};

/** The package.json in the tarball decides what is installed, so it must have the announced name and version. */
const checkInside = (name: string, version: string, tarball: IReceivedTarball): void => {
  const inside = tarball.manifest;
  // clients trim the announced name and leave the file unchanged
  if (typeof inside.name !== 'string' || inside.name.trim() !== name) {
    throw invalid(`The tarball contains the package ${JSON.stringify(inside.name)?.slice(0, 230)}, not ${name}`);
  }
  // clients clean the announced version and leave the file unchanged: "v1.0.0" in the file means 1.0.0
  const cleaned = typeof inside.version === 'string' ? semver.clean(inside.version, { loose: true }) : null;
  if (cleaned !== version) {
    throw invalid(`The tarball contains version ${JSON.stringify(inside.version)?.slice(0, 80)}, not ${version}`);
  }
};

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall'];

/** Installers that read the abbreviated packument use this to decide whether to run scripts. */
export const hasInstallScript = (manifest: Record<string, unknown>): boolean =>
  manifest.gypfile === true ||
  (isRecord(manifest.scripts) && INSTALL_SCRIPTS.some((name) => Object.hasOwn(manifest.scripts as object, name)));

const jsonLength = (manifest: INpmManifest): number => {
  try {
    return JSON.stringify(manifest).length;
  } catch (cause) {
    // an object that the embedder parsed may be nested more deeply than can be written
    throw new RegistryError('invalid', 'A manifest cannot be written as JSON', { cause });
  }
};

/** Checks a version of a publish document against its tarball and returns its stored form. */
export const completeManifest = (
  name: string,
  version: string,
  manifest: unknown,
  tarball: IReceivedTarball,
): INpmManifest => {
  if (!isRecord(manifest)) throw invalid(`versions["${version}"] is not an object`);
  if (manifest.name !== name) throw invalid(`versions["${version}"].name is not ${name}`);
  if (manifest.version !== version) throw invalid(`versions["${version}"].version is not ${version}`);
  checkDist(manifest.dist, tarball);
  checkInside(name, version, tarball);
  const kept = Object.entries(manifest).filter(([field]) => !SERVER_FIELDS.has(field));
  const dist: INpmDist = {
    integrity: `sha512-${Buffer.from(tarball.sha512, 'hex').toString('base64')}`,
    shasum: tarball.sha1,
    fileCount: tarball.fileCount,
    unpackedSize: tarball.unpackedSize,
  };
  // fromEntries defines properties: a field named __proto__ stays a field
  const complete = { ...Object.fromEntries(kept), name, version, _id: `${name}@${version}`, dist } as INpmManifest;
  if (typeof complete.deprecated !== 'string' || complete.deprecated === '') delete complete.deprecated;
  if (tarball.hasShrinkwrap) complete._hasShrinkwrap = true;
  if (jsonLength(complete) > MAX_MANIFEST) {
    throw new RegistryError('tooLarge', `The manifest of ${version} is larger than ${MAX_MANIFEST} bytes`);
  }
  return complete;
};
