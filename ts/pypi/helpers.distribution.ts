import { USUAL_RATIO } from '../core/archives/interfaces.archives.js';
import { inspectTarGz } from '../core/archives/tar/helpers.targz.js';
import { collectTexts } from '../core/archives/tar/helpers.texts.js';
import { inspectZip } from '../core/archives/zip/helpers.zip.js';
import type { IZipFacts } from '../core/archives/zip/interfaces.zip.js';
import { invalid } from '../core/base/helpers.errors.js';
import type { IInspectedFile } from './interfaces.pypi.js';
import type { IFileName } from './wire/wire.filenames.js';
import { inspectMetadata } from './wire/wire.metadata.js';
import { normalizeName } from './wire/wire.names.js';
import { canonicalVersion } from './wire/wire.versions.js';

/** bytes; the longest descriptions in public use are some 500 KB */
const MAX_METADATA = 4 * 1024 * 1024;

const WHEEL = 'The wheel';
const SDIST = 'The sdist';

const METADATA = /^([^/]+)\.dist-info\/METADATA$/;
const DIST_INFO = /^[^/]+\.dist-info(?=\/|$)/i;
const PKG_INFO = /^[^/]+\/PKG-INFO$/;

/** Whether `name-version` of a `.dist-info` folder is that of the wheel, in whatever spelling. */
const isFolderOf = (folder: string, { project, version }: IFileName): boolean => {
  const dash = folder.lastIndexOf('-');
  const [name, release] = [folder.slice(0, dash), folder.slice(dash + 1)];
  return normalizeName(name) === project && canonicalVersion(release) === canonicalVersion(version as string);
};

const onlyOne = (texts: ReadonlyMap<string, Uint8Array>, what: string, noun: string): [string, Uint8Array] => {
  const [found, ...others] = texts;
  if (!found) throw invalid(`${noun} has no ${what}`);
  if (others.length > 0) throw invalid(`${noun} has more than one ${what}`);
  return found;
};

const inspectWheel = ({ texts, entries }: Pick<IZipFacts, 'texts' | 'entries'>, file: IFileName): IInspectedFile => {
  const [path, bytes] = onlyOne(texts, '.dist-info/METADATA', WHEEL);
  const [, folder] = METADATA.exec(path) as unknown as [string, string];
  if (!isFolderOf(folder, file)) {
    throw invalid(`${WHEEL} ${file.filename} has the folder ${folder}.dist-info, which is that of another wheel`);
  }
  // installers refuse a wheel with two of these folders, and without these files
  for (const { path: other } of entries.values()) {
    const [info = `${folder}.dist-info`] = DIST_INFO.exec(other) ?? [];
    if (info !== `${folder}.dist-info`) throw invalid(`${WHEEL} has two .dist-info folders: ${info.slice(0, 300)} too`);
  }
  for (const name of ['WHEEL', 'RECORD']) {
    if (entries.get(`${folder}.dist-info/${name}`)?.kind !== 'file')
      throw invalid(`${WHEEL} has no .dist-info/${name}`);
  }
  return inspectMetadata(bytes, 'METADATA');
};

const inspectSdist = (texts: ReadonlyMap<string, Uint8Array>): IInspectedFile => {
  const [, bytes] = onlyOne(texts, 'PKG-INFO in its folder', SDIST);
  return inspectMetadata(bytes, 'PKG-INFO');
};

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
  const { maxUnpackedSize } = limits;
  const common = { maxUnpackedSize, ratios: [USUAL_RATIO] };
  const wanted = (pattern: RegExp) => {
    const inAnyCase = new RegExp(pattern.source, 'i');
    return (path: string): number | undefined => {
      if (pattern.test(path)) return MAX_METADATA;
      // a file system that ignores case keeps one of the two, so that an installer may read other metadata than the index
      if (inAnyCase.test(path)) throw invalid(`The file has ${path.slice(0, 300)}, whose name is in the wrong case`);
      return undefined;
    };
  };
  if (file.packagetype === 'bdist_wheel') {
    const rules = {
      ...common,
      noun: WHEEL,
      links: 'refuse',
      names: 'utf8',
      unpacks: 'all',
      wanted: wanted(METADATA),
    } as const;
    return inspectZip(content, rules, (facts) => onInspected(inspectWheel(facts, file)));
  }
  const sdist = { ...common, noun: SDIST, topFolder: true } as const;
  if (file.filename.endsWith('.zip')) {
    const rules = { ...sdist, links: 'refuse', names: 'any', unpacks: 'all', wanted: wanted(PKG_INFO) } as const;
    return inspectZip(content, rules, ({ texts }) => onInspected(inspectSdist(texts)));
  }
  const rules = { ...sdist, links: 'inside', strict: true } as const;
  return inspectTarGz(content, rules, collectTexts(SDIST, wanted(PKG_INFO)), ({ texts }) =>
    onInspected(inspectSdist(texts)),
  );
};
