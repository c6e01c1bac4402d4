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

/** The requirement as cargo writes it into a publish: a number without an operator means `^`. */
const requirementOf = (requirement: unknown): unknown =>
  typeof requirement === 'string'
    ? requirement
        .split(',')
        .map((one) =>
          one
            .trim()
            .replace(/^(\D+?)\s+/, '$1')
            .replace(/^(?=\d)(?!.*[*xX])/, '^'),
        )
        .join(', ')
    : requirement;

/** Where a dependency is in a packed Cargo.toml. */
interface IPlace {
  kind: string;
  target: string | null;
  /** the index URL of the registry that publishes */
  ownIndex: string | undefined;
}

const registryOf = (registry: unknown, ownIndex: string | undefined): unknown => {
  if (registry === undefined) return PUBLIC_INDEX;
  return registry === ownIndex ? null : registry;
};

const dependencyOf = (name: string, value: unknown, { kind, target, ownIndex }: IPlace): object => {
  const source = typeof value === 'string' ? { version: value } : recordOf(value);
  const { version, optional, features, package: real, artifact, lib } = source;
  const { 'registry-index': registry, 'bindep-target': bindepTarget } = source;
  const byTarget = source.target;
  return {
    name: real ?? name,
    version_req: requirementOf(version ?? '*'),
    features: features ?? [],
    optional: optional ?? false,
    default_features: source['default-features'] ?? source.default_features ?? true,
    target,
    kind,
    registry: registryOf(registry, ownIndex),
    ...(real !== undefined && { explicit_name_in_toml: name }),
    ...(artifact !== undefined && {
      artifact: [artifact].flat(),
      bindep_target: bindepTarget ?? byTarget ?? null,
      lib: lib ?? false,
    }),
  };
};

const dependenciesIn = (table: Record<string, unknown>, place: Omit<IPlace, 'kind'>): object[] =>
  KINDS.flatMap(([kind, names]) =>
    names.flatMap((name) =>
      Object.entries(recordOf(table[name])).map(([alias, value]) => dependencyOf(alias, value, { ...place, kind })),
    ),
  );

/**
 * The metadata that cargo would send with this crate; they are checked when they are published.
 * @param ownIndex the index URL of the registry that the crate goes to, if it is known: cargo names that one with null
 */
export const metadataOfPacked = (manifest: ICargoManifest, ownIndex?: string): Record<string, unknown> => {
  const { package: about, all } = manifest;
  const targets = Object.entries(recordOf(all.target));
  return {
    name: about.name,
    vers: about.version ?? '0.0.0',
    deps: [
      ...dependenciesIn(all, { target: null, ownIndex }),
      ...targets.flatMap(([target, table]) => dependenciesIn(recordOf(table), { target, ownIndex })),
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
