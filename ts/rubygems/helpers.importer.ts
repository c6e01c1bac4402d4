import { fromIterable } from '../core/base/helpers.streams.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { comparedWith, digestOf } from '../core/pipeline/helpers.importing.js';
import type { IImporter, IImportFile, IImportItem } from '../core/pipeline/interfaces.importing.js';
import { buildOf } from './helpers.document.js';
import { inspectGem } from './helpers.gemfile.js';
import type { IGemDocument, IGemSpec } from './interfaces.rubygems.js';
import { documentKey } from './keys.rubygems.js';
import { slugOf } from './wire/wire.addresses.js';

/** How the name of a file becomes known to a push, which carries the gem alone. */
const FORM_FIELD = 'gem';

/**
 * Imports the .gem files of a folder, such as the cache of RubyGems and `vendor/cache` of Bundler. Files keep their names,
 * which is how a content-addressed gem is told from others of its version.
 */
export const rubyGemsImporter = (
  storage: Pick<RegistryStorage, 'read'>,
  limits: { maxUnpackedSize: number; maxArtifactSize: number },
): IImporter => {
  const inspect = async (file: IImportFile): Promise<IImportItem> => {
    let spec: IGemSpec | undefined;
    const checked = inspectGem(file.open(), limits, (found) => {
      spec = found;
    });
    const sha256 = (await digestOf(checked, 'sha256')).toString('hex');
    const { name } = spec as unknown as IGemSpec;
    const { slug } = slugOf(spec as unknown as IGemSpec, sha256, file.name);
    return {
      packageName: name,
      version: slug,
      request: async () => ({
        method: 'POST',
        path: '/api/v1/gems',
        body: { filename: file.name, [FORM_FIELD]: fromIterable(file.open()) },
      }),
      published: async () => {
        const document = await storage.read<IGemDocument>(documentKey(name));
        const build = buildOf(document?.value, slug);
        const state = comparedWith(build?.sha256, sha256);
        return state === 'other' && build?.yankedAt !== undefined ? 'nothing' : state;
      },
    };
  };
  return { accepts: (fileName) => fileName.endsWith('.gem'), inspect };
};
