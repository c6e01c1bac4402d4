import { type IRatioLimit, USUAL_RATIO } from '../../core/archives/interfaces.archives.js';
import { inspectTarGz } from '../../core/archives/tar/helpers.targz.js';
import { collectTexts } from '../../core/archives/tar/helpers.texts.js';
import type { ITarRules } from '../../core/archives/tar/interfaces.tar.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICrateFacts } from '../interfaces.cargo.js';
import { assertManifest, parseManifest, readmeOf } from './wire.manifest.js';
import { quoted } from './wire.names.js';

/** Of which crate a .crate file must be, and how large it may be. */
export interface ICrateRules {
  name: string;
  version: string;
  /** bytes that the archive may unpack to */
  maxUnpackedSize: number;
}

/** bytes; the largest of the public registry have some 200 KB, and the parser holds the event loop for 3 s with 2 MB of tables */
export const MAX_MANIFEST = 512 * 1024;
/** bytes; a longer readme is not shown */
const MAX_README = 2 * 1024 * 1024;
const NOUN = 'The crate';
/** cargo refuses to unpack more: `max_unpack_size` in its `sources/registry/mod.rs` */
const CARGO_RATIO: IRatioLimit = { times: 20, from: 512 * 1024 * 1024 };

const topOf = ({ name, version }: ICrateRules): string => `${name}-${version}`;

/**
 * Cargo unpacks a crate into a folder that all users share, and refuses entries outside of the top folder; cargo never
 * packs links. It unpacks the first member of a gzip file only.
 */
const tarRules = (rules: ICrateRules): ITarRules => ({
  noun: NOUN,
  topFolder: topOf(rules),
  links: 'refuse',
  strict: true,
  oneMember: true,
  maxUnpackedSize: rules.maxUnpackedSize,
  ratios: [USUAL_RATIO, CARGO_RATIO],
});

/**
 * Yields `source` unchanged and checks it: a tar.gz with one top folder and a Cargo.toml in it that is for this name and
 * version. Before the iteration ends, `onFacts` was called or the check has thrown (`invalid`, `tooLarge`).
 */
export const inspectCrate = (
  source: AsyncIterable<Uint8Array>,
  rules: ICrateRules,
  onFacts: (facts: ICrateFacts) => void,
): AsyncGenerator<Uint8Array, void, undefined> => {
  const path = `${topOf(rules)}/Cargo.toml`;
  const visit = collectTexts(NOUN, (file) => {
    if (file === path) return MAX_MANIFEST;
    // the tar reader puts this character for bytes that are not UTF-8; Windows and macOS have no file with such a name
    if (file.includes('\ufffd')) throw new RegistryError('invalid', 'The crate contains a name that is not UTF-8');
    // a file system that ignores case keeps one of the two, so that each user may get another manifest
    if (file.toLowerCase() === path.toLowerCase()) {
      throw new RegistryError('invalid', `The crate has a file ${quoted(file)}: the manifest is called Cargo.toml`);
    }
    return undefined;
  });
  return inspectTarGz(source, tarRules(rules), visit, ({ texts }) => {
    const bytes = texts.get(path);
    if (!bytes) throw new RegistryError('invalid', `The crate has no file ${quoted(path)}`);
    const manifest = parseManifest(bytes);
    assertManifest(manifest, rules.name, rules.version);
    onFacts({ readme: readmeOf(manifest) });
  });
};

/** The content of a file of a crate; undefined if the crate has none or is damaged, or if the file is too large. */
export const textInCrate = async (
  source: AsyncIterable<Uint8Array>,
  rules: ICrateRules,
  file: string,
): Promise<string | undefined> => {
  const segments = file.split('/').filter((segment) => segment !== '' && segment !== '.');
  const path = [topOf(rules), ...segments].join('/');
  let text: string | undefined;
  const visit = collectTexts(NOUN, (found) => (found === path ? MAX_README : undefined));
  try {
    for await (const _ of inspectTarGz(source, tarRules(rules), visit, ({ texts }) => {
      text = texts.get(path)?.toString('utf8');
    }));
  } catch (error) {
    if (!RegistryError.is(error, 'invalid') && !RegistryError.is(error, 'tooLarge')) throw error;
  }
  return text;
};
