import { MAX_README_ARCHIVE, readmeQueue } from '../core/archives/helpers.readmes.js';
import { iterate } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { LRUCache } from '../plugins.js';
import type { INpmArtifact, INpmDocument, IReadme, ITarballFacts } from './interfaces.npm.js';
import { packedReadme } from './wire/wire.publication.js';
import { inspectTarball } from './wire/wire.tarball.js';

/** Characters of cached readmes. */
const MAX_KEPT = 8 * 1024 * 1024;

/**
 * Readmes of versions. A package's document has the readme of its latest version only; the others are read from the
 * tarballs on demand, so that a package with thousands of versions does not store thousands of them in its document.
 */
export class StoredReadmes {
  private readonly queue = readmeQueue();
  /** by the artifact's key, whose bytes never change */
  private readonly kept = new LRUCache<string, Partial<IReadme>>({
    maxSize: MAX_KEPT,
    sizeCalculation: ({ readme = '' }) => readme.length + 512,
  });

  constructor(
    private readonly storage: Pick<RegistryStorage, 'open'>,
    private readonly maxUnpackedSize: number,
  ) {}

  /** The readme of a version of this document; that of the latest version is in the document. */
  public async of(document: INpmDocument, version: string): Promise<Partial<IReadme>> {
    if (document['dist-tags'].latest === version) {
      const { readme, readmeFilename } = document;
      return readme === undefined ? {} : { readme, readmeFilename };
    }
    return this.inTarball(document, version);
  }

  /** The readme in the stored tarball of a version; `{}` if there is none, or if the tarball is lost or damaged. */
  public async inTarball(document: INpmDocument, version: string): Promise<Partial<IReadme>> {
    const artifact = document._registry.artifacts[version];
    if (!artifact || artifact.size > MAX_README_ARCHIVE) return {};
    const known = this.kept.get(artifact.key);
    if (known) return known;
    return this.queue.run([document.name], async () => {
      // a version can be asked for by any number of ranges: those that waited find what the first one has read
      const readme = this.kept.get(artifact.key) ?? (await this.read(artifact)) ?? {};
      this.kept.set(artifact.key, readme);
      return readme;
    });
  }

  private async read({ key }: INpmArtifact): Promise<IReadme | undefined> {
    const found = await this.storage.open(key);
    if (!found || found === 'notModified') return undefined;
    let facts: ITarballFacts | undefined;
    const checked = inspectTarball(iterate(found.body), { maxUnpackedSize: this.maxUnpackedSize }, (result) => {
      facts = result;
    });
    try {
      for await (const _ of checked); // `onFacts` is called at the end
    } catch (error) {
      if (!RegistryError.is(error, 'invalid') && !RegistryError.is(error, 'tooLarge')) throw error;
    }
    return packedReadme(facts?.readme);
  }
}
