import type { IGemBuild, IGemDependency, IGemDocument, IGemSpec } from '../../../ts/rubygems/interfaces.rubygems.js';

/** A gemspec with all members. */
export const gemSpec = (name: string, version: string, more: Partial<IGemSpec> = {}): IGemSpec => ({
  name,
  version,
  platform: 'ruby',
  platformParts: null,
  originalPlatform: more.platform ?? 'ruby',
  rubygemsVersion: '3.3.15',
  date: '2026-01-02',
  summary: `${name} of a test`,
  description: null,
  email: ['ann@example.org'],
  authors: ['Ann'],
  homepage: 'https://example.org',
  licenses: ['MIT'],
  metadata: [],
  requiredRubyVersion: ['>= 0'],
  requiredRubygemsVersion: ['>= 0'],
  dependencies: [],
  ...more,
});

export const dependency = (
  name: string,
  requirements = ['>= 0'],
  kind: IGemDependency['kind'] = 'runtime',
): IGemDependency => ({ name, kind, requirements });

/** A build whose digest is made of one letter. */
export const gemBuild = (spec: IGemSpec, letter: string, more: Partial<IGemBuild> = {}): IGemBuild => {
  const slug = spec.platform === 'ruby' ? spec.version : `${spec.version}-${spec.platform}`;
  return {
    slug,
    spec,
    key: `rubygems/gems/${spec.name}-${slug}.gem`,
    size: 1,
    sha256: letter.repeat(64),
    createdAt: '2026-11-28T10:00:00Z',
    writeId: letter,
    ...more,
  };
};

/** The builds in the order of their pushes. */
export const gemDocument = (name: string, builds: readonly IGemBuild[]): IGemDocument => ({
  name,
  created: '2026-11-28T10:00:00.000Z',
  modified: '2026-11-28T10:00:00.000Z',
  builds: Object.fromEntries(builds.map((build) => [build.slug, build])),
  changes: builds.map(({ slug }, at) => ({ serial: at + 1, version: slug, infoMd5: String(at).repeat(32) })),
});
