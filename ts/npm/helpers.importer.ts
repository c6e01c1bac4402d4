import { posix } from 'node:path';
import semver from 'semver';
import { isRecord } from '../core/base/helpers.values.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { comparedWith, digestOf } from '../core/pipeline/helpers.importing.js';
import type {
  IImporter,
  IImportFile,
  IImportItem,
  IOperatorRequest,
  TPublished,
} from '../core/pipeline/interfaces.importing.js';
import type { INpmDocument, ITarballFacts } from './interfaces.npm.js';
import { documentKey } from './keys.npm.js';
import { encodeBase64 } from './wire/wire.base64.js';
import { assertName, assertVersion } from './wire/wire.names.js';
import { inspectTarball } from './wire/wire.tarball.js';

/** npm makes an object of a `bin` that is one path before it publishes; installers rely on it. */
const binOf = (name: string, bin: unknown): unknown =>
  typeof bin === 'string' ? { [name.slice(name.indexOf('/') + 1)]: posix.normalize(bin) } : bin;

/**
 * The dist-tags that a version gets: that of its `publishConfig`, as npm does it, else `latest` if it is the highest so
 * far. A stable version is higher than any pre-release. So the order in which versions are imported does not matter.
 */
const tagsOf = (version: string, config: unknown, current: string | undefined): Record<string, string> => {
  const tag = isRecord(config) && typeof config.tag === 'string' ? config.tag : 'latest';
  if (tag !== 'latest') return { [tag]: version };
  const isStable = (one: string): boolean => semver.prerelease(one) === null;
  const isHigher =
    current === undefined ||
    (isStable(version) === isStable(current) ? semver.gt(version, current) : isStable(version));
  return isHigher ? { latest: version } : {};
};

/** A publish document as npm sends it; the tarball is read while the document is sent. */
async function* publishDocument(
  document: object,
  attachment: { file: string; length: number; content: AsyncIterable<Uint8Array> },
): AsyncGenerator<Uint8Array> {
  const { file, length, content } = attachment;
  const head = JSON.stringify(document).slice(0, -1);
  yield Buffer.from(`${head},"_attachments":{${JSON.stringify(file)}:{"length":${length},"data":"`);
  yield* encodeBase64(content);
  yield Buffer.from('"}}}');
}

/** Imports the files that `npm pack` writes. */
export const npmImporter = (storage: RegistryStorage, limits: { maxUnpackedSize: number }): IImporter => {
  const current = async (name: string): Promise<INpmDocument | undefined> =>
    (await storage.read<INpmDocument>(documentKey(name)))?.value;

  const inspect = async (file: IImportFile): Promise<IImportItem> => {
    let facts: ITarballFacts | undefined;
    const checked = inspectTarball(file.open(), limits, (found) => {
      facts = found;
    });
    const sha512 = await digestOf(checked, 'sha512');
    const { manifest } = facts as unknown as ITarballFacts;
    const name = assertName(typeof manifest.name === 'string' ? manifest.name.trim() : '');
    const raw = typeof manifest.version === 'string' ? manifest.version : '';
    const version = assertVersion(semver.clean(raw, { loose: true }) ?? raw);
    const request = async (): Promise<IOperatorRequest> => {
      const latest = (await current(name))?.['dist-tags'].latest;
      const dist = { integrity: `sha512-${sha512.toString('base64')}` };
      const published = {
        ...manifest,
        name,
        version,
        dist,
        ...('bin' in manifest && { bin: binOf(name, manifest.bin) }),
      };
      const document = {
        _id: name,
        name,
        'dist-tags': tagsOf(version, manifest.publishConfig, latest),
        versions: { [version]: published },
      };
      const attachment = { file: `${name}-${version}.tgz`, length: file.size, content: file.open() };
      return {
        method: 'PUT',
        path: `/${encodeURIComponent(name)}`,
        headers: { 'content-type': 'application/json' },
        body: publishDocument(document, attachment),
      };
    };
    const publishedContent = async (): Promise<TPublished> => {
      const artifacts = new Map(Object.entries((await current(name))?._registry.artifacts ?? {}));
      return comparedWith(artifacts.get(version)?.sha512, sha512.toString('hex'));
    };
    return { packageName: name, version, request, published: publishedContent };
  };

  return { accepts: (fileName) => fileName.endsWith('.tgz'), inspect };
};
