import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IPackedIndexes } from '../interfaces.cargo.js';
import type { ICargoManifest } from './wire.manifest.js';

/**
 * The metadata of a publish, made from the Cargo.toml that `cargo package` has put into a crate, for crates that come
 * without cargo. cargo makes the same of it: every dependency has a version there, and names of registries are URLs.
 */

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
  indexes: IPackedIndexes;
}

/**
 * The registry of a dependency as a publish has it; null is the one that the crate goes to. A packed Cargo.toml names a
 * registry only if it is not the one that cargo takes by default, which no crate file names.
 */
const registryOf = (name: string, registry: unknown, { own, byDefault }: IPackedIndexes): unknown => {
  if (registry !== undefined) return registry === own ? null : registry;
  if (byDefault === 'self') return null;
  if (byDefault !== undefined) return byDefault === own ? null : byDefault;
  throw new RegistryError(
    'invalid',
    `The dependency "${name}" names no registry. Set cargo.defaultIndex in the configuration to the URL of the index that cargo uses by default, or to "self" if this registry is used instead of it`,
  );
};

const dependencyOf = (name: string, value: unknown, { kind, target, indexes }: IPlace): object => {
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
    registry: registryOf(name, registry, indexes),
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
 * Throws `invalid` if a dependency is of the default registry, and that is not known.
 */
export const metadataOfPacked = (manifest: ICargoManifest, indexes: IPackedIndexes = {}): Record<string, unknown> => {
  const { package: about, all } = manifest;
  const targets = Object.entries(recordOf(all.target));
  return {
    name: about.name,
    vers: about.version ?? '0.0.0',
    deps: [
      ...dependenciesIn(all, { target: null, indexes }),
      ...targets.flatMap(([target, table]) => dependenciesIn(recordOf(table), { target, indexes })),
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
