import { isRecord } from '../../core/base/helpers.values.js';
import type { ICargoManifest } from './wire.manifest.js';

/**
 * The metadata of a publish, made from the Cargo.toml that `cargo package` has put into a crate, for crates that come
 * without cargo. cargo makes the same of it: every dependency has a version there, and names of registries are URLs.
 */

/**
 * How cargo names the index of the public registry in a publish. A packed Cargo.toml names only other registries, and
 * in the index a dependency without a registry is one of the registry that has the index.
 */
const PUBLIC_INDEX = 'https://github.com/rust-lang/crates.io-index';

const KINDS = [
  ['normal', ['dependencies']],
  ['dev', ['dev-dependencies', 'dev_dependencies']],
  ['build', ['build-dependencies', 'build_dependencies']],
] as const;

const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

const dependencyOf = (name: string, value: unknown, kind: string, target: string | null): object => {
  const source = typeof value === 'string' ? { version: value } : recordOf(value);
  const { version, optional, features, package: real, artifact, lib } = source;
  const { 'registry-index': registry, 'bindep-target': bindepTarget } = source;
  const byTarget = source.target;
  return {
    name: real ?? name,
    version_req: version ?? '*',
    features: features ?? [],
    optional: optional ?? false,
    default_features: source['default-features'] ?? source.default_features ?? true,
    target,
    kind,
    registry: registry ?? PUBLIC_INDEX,
    ...(real !== undefined && { explicit_name_in_toml: name }),
    ...(artifact !== undefined && {
      artifact: [artifact].flat(),
      bindep_target: bindepTarget ?? byTarget ?? null,
      lib: lib ?? false,
    }),
  };
};

const dependenciesIn = (table: Record<string, unknown>, target: string | null): object[] =>
  KINDS.flatMap(([kind, names]) =>
    names.flatMap((name) =>
      Object.entries(recordOf(table[name])).map(([alias, value]) => dependencyOf(alias, value, kind, target)),
    ),
  );

/** The metadata that cargo would send with this crate; they are checked when they are published. */
export const metadataOfPacked = (manifest: ICargoManifest): Record<string, unknown> => {
  const { package: about, all } = manifest;
  const targets = Object.entries(recordOf(all.target));
  return {
    name: about.name,
    vers: about.version ?? '0.0.0',
    deps: [
      ...dependenciesIn(all, null),
      ...targets.flatMap(([target, table]) => dependenciesIn(recordOf(table), target)),
    ],
    features: recordOf(all.features),
    description: about.description ?? null,
    documentation: about.documentation ?? null,
    homepage: about.homepage ?? null,
    readme_file: typeof about.readme === 'string' ? about.readme : null,
    keywords: about.keywords ?? [],
    license: about.license ?? null,
    repository: about.repository ?? null,
    links: about.links ?? null,
    rust_version: about['rust-version'] ?? null,
  };
};
