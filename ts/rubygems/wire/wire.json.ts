import type { IGemBuild, IGemDependency, IGemSpec } from '../interfaces.rubygems.js';
import { isPrerelease } from './wire.versions.js';

/**
 * The JSON answers about gems, in the public registry's form. Downloads are not counted, so there are no such fields.
 * @see the guides of RubyGems, "API"
 */

const requirementText = (conditions: readonly string[]): string => conditions.join(', ');

/** ISO time with milliseconds, as bots expect it. */
const timeOf = ({ createdAt }: IGemBuild): string => new Date(createdAt).toISOString();

const metadataOf = ({ metadata }: IGemSpec): Record<string, string> => Object.fromEntries(metadata);

const dependenciesOf = ({ dependencies }: IGemSpec): object => {
  const of = (kind: IGemDependency['kind']) =>
    dependencies
      .filter((dependency) => dependency.kind === kind)
      .map(({ name, requirements }) => ({ name, requirements: requirementText(requirements) }));
  return { development: of('development'), runtime: of('runtime') };
};

/** One build in `/api/v1/versions/{gem}.json`. */
export const renderVersion = (build: IGemBuild): object => {
  const { spec, sha256, size } = build;
  return {
    authors: spec.authors.join(', '),
    built_at: `${spec.date}T00:00:00.000Z`,
    created_at: timeOf(build),
    description: spec.description,
    metadata: metadataOf(spec),
    number: spec.version,
    summary: spec.summary,
    platform: spec.platform,
    rubygems_version: requirementText(spec.requiredRubygemsVersion),
    ruby_version: requirementText(spec.requiredRubyVersion),
    prerelease: isPrerelease(spec.version),
    licenses: spec.licenses,
    sha: sha256,
    size,
  };
};

/** What `metadata` of a gemspec may say about addresses, and the field that shows it. */
const LINKS = [
  'documentation_uri',
  'wiki_uri',
  'mailing_list_uri',
  'source_code_uri',
  'bug_tracker_uri',
  'changelog_uri',
  'funding_uri',
] as const;

const linksOf = (spec: IGemSpec): Record<string, string | null> => {
  const metadata = new Map(spec.metadata);
  const links = LINKS.map((name): [string, string | null] => [name, metadata.get(name) ?? null]);
  return { homepage_uri: spec.homepage ?? metadata.get('homepage_uri') ?? null, ...Object.fromEntries(links) };
};

/** `/api/v1/gems/{gem}.json`: the gem as its newest version describes it. */
export const renderGem = (build: IGemBuild, publicUrl: string): object => {
  const { spec, slug, sha256 } = build;
  return {
    name: spec.name,
    version: spec.version,
    version_created_at: timeOf(build),
    platform: spec.platform,
    authors: spec.authors.join(', '),
    info: spec.description ?? spec.summary,
    licenses: spec.licenses,
    metadata: metadataOf(spec),
    yanked: false,
    sha: sha256,
    project_uri: `${publicUrl}/api/v1/gems/${spec.name}.json`,
    gem_uri: `${publicUrl}/gems/${spec.name}-${slug}.gem`,
    ...linksOf(spec),
    dependencies: dependenciesOf(spec),
  };
};

/** `/api/v2/rubygems/{gem}/versions/{version}.json`: one build with its dependencies. */
export const renderBuild = (build: IGemBuild, publicUrl: string): object => ({
  ...renderGem(build, publicUrl),
  ...renderVersion(build),
});

/** One build in `/api/v1/dependencies.json`. */
export const dependencyRow = ({ name, version, platform, dependencies }: IGemSpec): object => ({
  name,
  number: version,
  platform,
  dependencies: dependencies
    .filter(({ kind }) => kind === 'runtime')
    .map((dependency) => [dependency.name, requirementText(dependency.requirements)]),
});
