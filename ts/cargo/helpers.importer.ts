import { inspectTarGz } from '../core/archives/tar/helpers.targz.js';
import { collectTexts } from '../core/archives/tar/helpers.texts.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { comparedWith, digestOf } from '../core/pipeline/helpers.importing.js';
import type { IImporter, IImportFile, IImportItem } from '../core/pipeline/interfaces.importing.js';
import type { ICargoDocument, IPackedIndexes } from './interfaces.cargo.js';
import { documentKey, foldName } from './keys.cargo.js';
import { MAX_MANIFEST } from './wire/wire.crate.js';
import { frameParts } from './wire/wire.frame.js';
import { parseManifest } from './wire/wire.manifest.js';
import { checkMetadata } from './wire/wire.metadata.js';
import { metadataOfPacked } from './wire/wire.packed.js';

const NOUN = 'The crate';
/** bytes: the length in a publish has 32 bits */
const MAX_CRATE = 2 ** 32 - 1;

/** Imports the files that `cargo package` writes, and those in cargo's cache. */
export const cargoImporter = (
  storage: Pick<RegistryStorage, 'read'>,
  { maxUnpackedSize, indexes }: { maxUnpackedSize: number; indexes: IPackedIndexes },
): IImporter => {
  const inspect = async (file: IImportFile): Promise<IImportItem> => {
    if (file.size > MAX_CRATE) throw new RegistryError('tooLarge', 'The crate is larger than a publish can be');
    let toml: Buffer | undefined;
    const common = { noun: NOUN, strict: true, oneMember: true, maxUnpackedSize };
    const rules = { ...common, topFolder: true, links: 'refuse' } as const;
    const visit = collectTexts(NOUN, (path) => (/^[^/]+\/Cargo\.toml$/.test(path) ? MAX_MANIFEST : undefined));
    const checked = inspectTarGz(file.open(), rules, visit, ({ texts }) => {
      toml = [...texts.values()][0];
    });
    const sha256 = (await digestOf(checked, 'sha256')).toString('hex');
    if (!toml) throw new RegistryError('invalid', 'The crate has no Cargo.toml in its top folder');
    const metadata = metadataOfPacked(parseManifest(toml), indexes);
    // the publish checks this too; here it gives the names before a request is made
    const { name, vers: version } = checkMetadata(metadata);
    return {
      packageName: foldName(name),
      title: name,
      version,
      request: async () => ({
        method: 'PUT',
        path: '/api/v1/crates/new',
        body: frameParts(metadata, { size: file.size, content: file.open() }),
      }),
      published: async () => {
        const versions = (await storage.read<ICargoDocument>(documentKey(name)))?.value.versions ?? {};
        return comparedWith(Object.hasOwn(versions, version) ? versions[version]?.entry.cksum : undefined, sha256);
      },
    };
  };
  return { accepts: (fileName) => fileName.endsWith('.crate'), inspect };
};
