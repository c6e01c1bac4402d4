import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { digestOf } from '../core/pipeline/helpers.importing.js';
import type {
  IImporter,
  IImportFile,
  IImportItem,
  IOperatorRequest,
  TPublished,
} from '../core/pipeline/interfaces.importing.js';
import { findVersion, zipsOf } from './helpers.document.js';
import { inspectPackage } from './helpers.zip.js';
import type { IComposerDocument } from './interfaces.composer.js';
import { documentKey } from './keys.composer.js';
import { checkManifest, parseManifest } from './wire/wire.manifest.js';
import { assertNewName } from './wire/wire.names.js';
import { versionInFileName } from './wire/wire.versions.js';

/** Imports zips of packages, such as `composer archive --format=zip` writes. */
export const composerImporter = (storage: RegistryStorage, limits: { maxUnpackedSize: number }): IImporter => {
  const inspect = async (file: IImportFile): Promise<IImportItem> => {
    let bytes: Uint8Array | undefined;
    const checked = inspectPackage(file.open(), limits, (found) => {
      bytes = found;
    });
    const sha256 = (await digestOf(checked, 'sha256')).toString('hex');
    const manifest = parseManifest(bytes as unknown as Uint8Array);
    const name = assertNewName(typeof manifest.name === 'string' ? manifest.name : '');
    // most composer.json have none
    const inName = manifest.version === undefined ? versionInFileName(file.name) : undefined;
    if (manifest.version === undefined && inName === undefined) {
      throw new RegistryError(
        'invalid',
        'neither composer.json nor the name of the file (acme-lib-1.2.0.zip) has a version',
      );
    }
    const { version, normalized } = checkManifest(manifest, name, inName);
    /** Also if a dev version had this zip before: an import that is repeated must not bring an older one back. */
    const published = async (): Promise<TPublished> => {
      const document = await storage.read<IComposerDocument>(documentKey(name));
      const found = findVersion(document?.value, normalized);
      if (!found) return 'nothing';
      return zipsOf(found).some((zip) => zip.sha256 === sha256) ? 'same' : 'other';
    };
    const request = async (): Promise<IOperatorRequest> => ({
      method: 'PUT',
      path: `/packages/${name}`,
      headers: { 'content-type': 'application/zip', 'content-length': String(file.size) },
      ...(inName !== undefined && { query: { version: inName } }),
      body: file.open(),
    });
    return { packageName: name, version, request, published };
  };
  return { accepts: (fileName) => fileName.toLowerCase().endsWith('.zip'), inspect };
};
