import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { ICrateFacts } from '../interfaces.cargo.js';
import { assertManifest, parseManifest, readmeOf } from './wire.manifest.js';
import { quoted } from './wire.names.js';

/** What a .crate file must be, and how large it may be. */
export interface ICrateRules {
  name: string;
  version: string;
  /** bytes that the archive may unpack to */
  maxUnpackedSize: number;
}

/** bytes; the largest of the public registry have some 200 KB */
const MAX_MANIFEST = 2 * 1024 * 1024;
const MAX_ENTRIES = 100_000;

const invalid = (message: string, cause?: unknown): RegistryError => new RegistryError('invalid', message, { cause });

/** The path of an entry inside the top folder; throws `invalid` for one that Cargo would not unpack. */
const innerPath = (path: string, top: string): string => {
  const segments = path.split(/[/\\]/);
  if (path.startsWith('/') || segments.includes('..')) {
    throw invalid(`The crate has an entry whose path leads out of it: ${quoted(path)}`);
  }
  const [first, ...rest] = segments.filter((segment) => segment !== '' && segment !== '.');
  if (first !== top) throw invalid(`The crate has an entry outside of the folder ${quoted(top)}: ${quoted(path)}`);
  return rest.join('/');
};

const FILES = new Set(['file', 'contiguous-file']);

const readEntries = async (extract: tar.Extract, rules: ICrateRules): Promise<ICrateFacts> => {
  const top = `${rules.name}-${rules.version}`;
  let facts: ICrateFacts | undefined;
  let entries = 0;
  for await (const entry of extract) {
    const { name, size = 0, type } = entry.header;
    const inner = innerPath(name, top);
    entries += 1;
    if (entries > MAX_ENTRIES) throw new RegistryError('tooLarge', `The crate has more than ${MAX_ENTRIES} entries`);
    if (!FILES.has(type as string) && type !== 'directory') {
      throw invalid(`The crate has an entry that is neither a file nor a folder: ${quoted(name)}`);
    }
    if (inner !== 'Cargo.toml' || type === 'directory') {
      entry.resume();
      continue;
    }
    // an unpacker keeps the last of two files with the same name, so the checked one might not be the one used
    if (facts) throw invalid('The crate has more than one Cargo.toml in its top folder');
    if (size > MAX_MANIFEST) throw invalid('The Cargo.toml of the crate is too large');
    const parts: Uint8Array[] = [];
    for await (const part of entry) parts.push(part as Uint8Array);
    const manifest = parseManifest(Buffer.concat(parts));
    assertManifest(manifest, rules.name, rules.version);
    facts = { readme: readmeOf(manifest) };
  }
  if (!facts) throw invalid(`The crate has no file ${quoted(`${top}/Cargo.toml`)}`);
  return facts;
};

/** Yields `source` unchanged and checks it; before the iteration ends, `onFacts` was called or the check has thrown. */
export async function* inspectCrate(
  source: AsyncIterable<Uint8Array>,
  rules: ICrateRules,
  onFacts: (facts: ICrateFacts) => void,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const extract = tar.extract();
  let failure: RegistryError | undefined;
  let wake: () => void = () => undefined;
  const fail = (error: unknown, message: string) => {
    failure ??= error instanceof RegistryError ? error : invalid(message, error);
    gunzip.destroy();
    extract.destroy();
    wake();
  };
  let unpacked = 0;
  gunzip.on('error', (error) => fail(error, 'The crate is not a gzip file, or it is damaged'));
  gunzip.on('data', (chunk: Buffer) => {
    unpacked += chunk.length;
    if (unpacked > rules.maxUnpackedSize) {
      fail(new RegistryError('tooLarge', `The crate unpacks to more than ${rules.maxUnpackedSize} bytes`), '');
    } else if (!extract.write(chunk)) gunzip.pause();
  });
  extract.on('drain', () => gunzip.resume());
  gunzip.on('end', () => extract.end(null));
  gunzip.on('drain', () => wake());
  const checked = readEntries(extract, rules).then(onFacts, (error) =>
    fail(error, 'The crate is not a tar archive, or it is damaged'),
  );
  try {
    for await (const chunk of source) {
      if (failure) throw failure;
      if (!gunzip.write(chunk)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (failure) resolve();
        });
      }
      if (failure) throw failure;
      yield chunk;
    }
    gunzip.end();
    await checked;
    if (failure) throw failure;
  } finally {
    gunzip.destroy();
    extract.destroy();
  }
}
