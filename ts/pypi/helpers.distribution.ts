import { unzipSync } from 'fflate';
import { USUAL_RATIO } from '../core/archives/interfaces.archives.js';
import { inspectTarGz } from '../core/archives/tar/helpers.targz.js';
import { collectTexts } from '../core/archives/tar/helpers.texts.js';
import { gather } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { IInspectedFile } from './interfaces.pypi.js';
import type { IFileName } from './wire/wire.filenames.js';
import { inspectMetadata } from './wire/wire.metadata.js';
import { normalizeName } from './wire/wire.names.js';
import { canonicalVersion } from './wire/wire.versions.js';

/** bytes; the longest descriptions in public use are some 500 KB */
const MAX_METADATA = 4 * 1024 * 1024;

const invalid = (message: string): RegistryError => new RegistryError('invalid', message);

const WHEEL = 'The wheel';
const SDIST = 'The sdist';

const METADATA = /^([^/]+)\.dist-info\/METADATA$/;
const PKG_INFO = /^[^/]+\/PKG-INFO$/;

/** Whether `name-version` of a `.dist-info` folder is that of the wheel, in whatever spelling. */
const isFolderOf = (folder: string, { project, version }: IFileName): boolean => {
  const dash = folder.lastIndexOf('-');
  const [name, release] = [folder.slice(0, dash), folder.slice(dash + 1)];
  return normalizeName(name) === project && canonicalVersion(release) === canonicalVersion(version as string);
};

const onlyOne = (texts: ReadonlyMap<string, Uint8Array>, what: string, noun: string): Uint8Array => {
  const [found, ...others] = texts.values();
  if (!found) throw invalid(`${noun} has no ${what}`);
  if (others.length > 0) throw invalid(`${noun} has more than one ${what}`);
  return found;
};

const inspectWheel = (texts: ReadonlyMap<string, Uint8Array>, file: IFileName): IInspectedFile => {
  const bytes = onlyOne(texts, '.dist-info/METADATA', WHEEL);
  const [path] = texts.keys();
  const [, folder] = METADATA.exec(path as string) as unknown as [string, string];
  if (!isFolderOf(folder, file))
    throw invalid(`${WHEEL} ${file.filename} has the folder ${folder}.dist-info of another`);
  return inspectMetadata(bytes, 'METADATA');
};

const inspectSdist = (texts: ReadonlyMap<string, Uint8Array>): IInspectedFile =>
  inspectMetadata(onlyOne(texts, 'PKG-INFO in its folder', SDIST), 'PKG-INFO');

async function* inspectZip(
  source: AsyncIterable<Uint8Array>,
  wanted: RegExp,
  onRead: (texts: Map<string, Uint8Array>) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const all = await gather(source);
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(all, { filter: ({ name }) => wanted.test(name) });
  } catch (cause) {
    throw new RegistryError('invalid', 'not a zip', { cause });
  }
  onRead(new Map(Object.entries(files)));
  yield all;
}

/**
 * Yields the bytes of a wheel or an sdist unchanged, and opens it meanwhile. Before the iteration ends, `onInspected`
 * has been called, or the iteration has thrown.
 */
export const inspectDistribution = (
  file: IFileName,
  content: AsyncIterable<Uint8Array>,
  limits: { maxUnpackedSize: number },
  onInspected: (found: IInspectedFile) => void,
): AsyncGenerator<Uint8Array, void, undefined> => {
  if (file.packagetype === 'bdist_wheel') {
    return inspectZip(content, METADATA, (texts) => onInspected(inspectWheel(texts, file)));
  }
  if (file.filename.endsWith('.zip')) {
    return inspectZip(content, PKG_INFO, (texts) => onInspected(inspectSdist(texts)));
  }
  return inspectTarGz(
    content,
    { noun: SDIST, links: 'inside', strict: true, maxUnpackedSize: limits.maxUnpackedSize, ratio: USUAL_RATIO },
    collectTexts(SDIST, (path) => (PKG_INFO.test(path) ? MAX_METADATA : undefined)),
    ({ texts }) => onInspected(inspectSdist(texts)),
  );
};
