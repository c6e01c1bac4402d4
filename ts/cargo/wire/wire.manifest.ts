import { parse, TomlError } from 'smol-toml';
import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { quoted } from './wire.names.js';

/** The parts of a `Cargo.toml` that the registry reads, unchecked. */
export interface ICargoManifest {
  package: Record<string, unknown>;
  /** the whole file */
  all: Record<string, unknown>;
}

/** Parses a `Cargo.toml`. @see https://doc.rust-lang.org/cargo/reference/manifest.html */
export const parseManifest = (bytes: Uint8Array): ICargoManifest => {
  let all: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // a number in `[package.metadata]` may be larger than those that JavaScript represents exactly
    all = parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    const reason = cause instanceof TomlError ? `: ${cause.message.split('\n', 1)[0]}` : '';
    throw invalid(`The Cargo.toml of the crate cannot be read${reason}`, cause);
  }
  // before 2017 the table was `[project]`; Cargo still reads it
  const found = isRecord(all) ? (all.package ?? all.project) : undefined;
  if (!isRecord(all) || !isRecord(found)) throw invalid('The Cargo.toml of the crate has no [package] table');
  return { package: found, all };
};

/** Throws `invalid` unless the manifest is for exactly this name and version. */
export const assertManifest = (manifest: ICargoManifest, name: string, version: string): void => {
  const { name: ownName, version: ownVersion = '0.0.0' } = manifest.package;
  if (ownName === name && ownVersion === version) return;
  throw invalid(
    `The Cargo.toml of the crate is of ${quoted(ownName)} ${quoted(ownVersion)}, but the metadata of the publish say ${quoted(name)} ${quoted(version)}`,
  );
};

/** The path of the readme inside the crate, as far as the manifest names one. */
export const readmeOf = (manifest: ICargoManifest): string | undefined => {
  const { readme } = manifest.package;
  if (readme === true) return 'README.md';
  return typeof readme === 'string' && readme.length <= 1024 ? readme : undefined;
};
