import { fromIterable } from '../core/base/helpers.streams.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { comparedWith, digestOf } from '../core/pipeline/helpers.importing.js';
import type {
  IImporter,
  IImportFile,
  IImportItem,
  IOperatorRequest,
  TPublished,
} from '../core/pipeline/interfaces.importing.js';
import { inspectDistribution } from './helpers.distribution.js';
import { fileOf } from './helpers.document.js';
import type { IInspectedFile, IPypiDocument } from './interfaces.pypi.js';
import { documentKey } from './keys.pypi.js';
import { parseFileName } from './wire/wire.filenames.js';
import { normalizeName } from './wire/wire.names.js';
import { CONTENT } from './wire/wire.upload.js';

const isDistribution = (fileName: string): boolean => {
  try {
    parseFileName(fileName);
    return true;
  } catch {
    return false;
  }
};

/**
 * Imports wheels and sdists, as `pip download` and build tools leave them in a folder. Their upload time is the time of
 * the import: a date that the operator chose would let a file pass the cool-down rules of clients.
 */
export const pypiImporter = (storage: RegistryStorage, limits: { maxUnpackedSize: number }): IImporter => {
  const inspect = async (file: IImportFile): Promise<IImportItem> => {
    const parsed = parseFileName(file.name);
    let found: IInspectedFile | undefined;
    const checked = inspectDistribution(parsed, file.open(), limits, (inspected) => {
      found = inspected;
    });
    const sha256 = (await digestOf(checked, 'sha256')).toString('hex');
    const { name, version } = found as unknown as IInspectedFile;
    const project = normalizeName(name);
    const published = async (): Promise<TPublished> => {
      const document = await storage.read<IPypiDocument>(documentKey(project));
      return comparedWith(fileOf(document?.value, file.name)?.sha256, sha256);
    };
    const request = async (): Promise<IOperatorRequest> => {
      const fields = { ':action': 'file_upload', protocol_version: '1', name, version, sha256_digest: sha256 };
      const content = { filename: file.name, [CONTENT]: fromIterable(file.open()) };
      return { method: 'POST', path: '/', body: { ...fields, filetype: parsed.packagetype, ...content } };
    };
    return { packageName: project, version, request, published };
  };
  return { accepts: isDistribution, inspect };
};
