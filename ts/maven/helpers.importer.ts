import { invalid } from '../core/base/helpers.errors.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { comparedWith, digestOf } from '../core/pipeline/helpers.importing.js';
import type {
  IImporter,
  IImportFile,
  IImportItem,
  IOperatorRequest,
  TPublished,
} from '../core/pipeline/interfaces.importing.js';
import { fileOf } from './helpers.document.js';
import type { IMavenDocument } from './interfaces.maven.js';
import { documentKeyOf } from './keys.maven.js';
import { fileAt, nameOf, pathOf } from './wire/wire.coordinates.js';
import { parseFileName } from './wire/wire.snapshots.js';

/** Notes that Maven keeps in a local repository, downloads that were not finished, and checksums, which are computed. */
const NOT_PUBLISHED =
  /^(?:_.*|maven-metadata.*\.xml|resolver-status\.properties|.*\.(?:lastUpdated|part|lock|tmp|md5|sha1|sha256|sha512))$/;

/**
 * Imports a local repository: a folder in the layout of Maven, such as `~/.m2/repository`. Group, artifact and version are
 * in the path below the folder, so that is the root of the repository.
 */
export const mavenImporter = (storage: RegistryStorage): IImporter => {
  const accepts = (name: string, path = name): boolean => {
    const found = NOT_PUBLISHED.test(name) ? null : fileAt(path);
    return found !== null && parseFileName(found, found.version, found.file) !== null;
  };
  const inspect = async ({ name, path = name, open }: IImportFile): Promise<IImportItem> => {
    const found = fileAt(path);
    if (!found) throw invalid(`${name} is not at the path of an artifact: import the root folder of the repository`);
    const request = async (): Promise<IOperatorRequest> => ({ method: 'PUT', path: pathOf(found), body: open() });
    const published = async (): Promise<TPublished> => {
      const document = await storage.read<IMavenDocument>(documentKeyOf(found));
      const stored = fileOf(document?.value, found);
      return stored ? comparedWith(stored.sha256, (await digestOf(open(), 'sha256')).toString('hex')) : 'nothing';
    };
    return { packageName: nameOf(found), version: found.version, request, published };
  };
  return { accepts, inspect };
};
