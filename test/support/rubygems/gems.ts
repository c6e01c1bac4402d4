import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type ITarPart, tarOf } from '../archives/tars.js';

/** A .gem made by hand, so that each of its parts can be wrong. */
export interface IGem {
  /** `name-version[-platform].gem` */
  filename: string;
  name: string;
  version: string;
  platform: string;
  bytes: Buffer;
  sha256: string;
  /** the gemspec as it stands in metadata.gz */
  spec: string;
}

export interface IGemDependency {
  name: string;
  /** such as `>= 1.0` or `~> 2`; default: `>= 0` */
  requirements?: string[];
  type?: 'runtime' | 'development';
}

export interface IGemOptions {
  /** default: ruby */
  platform?: string;
  dependencies?: IGemDependency[];
  requiredRuby?: string[];
  requiredRubygems?: string[];
  summary?: string;
  metadata?: Record<string, string>;
  /** what data.tar.gz holds beside `lib/NAME.rb`; bytes are stored and not packed */
  files?: Record<string, string | Buffer>;
  /** the whole text of the gemspec */
  spec?: string;
  /** the whole data.tar.gz */
  data?: Buffer;
  /** the whole text of checksums.yaml; null leaves it out */
  checksums?: string | null;
  /** more entries of the outer tar, behind the usual ones */
  more?: ITarPart[];
  /** default: as the names say */
  filename?: string;
}

const requirementOf = (requirements: string[], indent: string): string =>
  [
    `!ruby/object:Gem::Requirement`,
    `${indent}requirements:`,
    ...requirements.flatMap((text) => {
      const [operator, version] = text.split(' ') as [string, string];
      return [
        `${indent}- - "${operator}"`,
        `${indent}  - !ruby/object:Gem::Version`,
        `${indent}    version: '${version}'`,
      ];
    }),
  ].join('\n');

const dependencyOf = ({ name, requirements = ['>= 0'], type = 'runtime' }: IGemDependency): string =>
  [
    '- !ruby/object:Gem::Dependency',
    `  name: ${name}`,
    `  requirement: ${requirementOf(requirements, '    ')}`,
    `  type: :${type}`,
    '  prerelease: false',
    `  version_requirements: ${requirementOf(requirements, '    ')}`,
  ].join('\n');

const listOf = (name: string, lines: string[]): string[] =>
  lines.length > 0 ? [`${name}:`, ...lines] : [`${name}: []`];

/** The gemspec as RubyGems 3.3 writes it. */
export const specOf = (name: string, version: string, options: IGemOptions = {}): string => {
  const { platform = 'ruby', dependencies = [], metadata = {}, summary = `${name} of a test` } = options;
  const { requiredRuby = ['>= 0'], requiredRubygems = ['>= 0'] } = options;
  const described = Object.entries(metadata).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
  return [
    '--- !ruby/object:Gem::Specification',
    `name: ${name}`,
    'version: !ruby/object:Gem::Version',
    `  version: ${/^\d+(\.\d+)?$/.test(version) ? `'${version}'` : version}`,
    `platform: ${platform}`,
    'authors:',
    '- Ann',
    'autorequire:',
    'bindir: bin',
    'cert_chain: []',
    'date: 2026-01-02 00:00:00.000000000 Z',
    ...listOf('dependencies', dependencies.map(dependencyOf)),
    'description:',
    'email:',
    '- ann@example.org',
    'executables: []',
    'extensions: []',
    'extra_rdoc_files: []',
    'files:',
    `- lib/${name}.rb`,
    'homepage: https://example.org',
    'licenses:',
    '- MIT',
    ...(described.length > 0 ? ['metadata:', ...described] : ['metadata: {}']),
    'post_install_message:',
    'rdoc_options: []',
    'require_paths:',
    '- lib',
    `required_ruby_version: ${requirementOf(requiredRuby, '  ')}`,
    `required_rubygems_version: ${requirementOf(requiredRubygems, '  ')}`,
    'requirements: []',
    'rubygems_version: 3.3.15',
    'signing_key:',
    'specification_version: 4',
    `summary: ${JSON.stringify(summary)}`,
    'test_files: []',
    '',
  ].join('\n');
};

const hex = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

/** checksums.yaml as `gem build` writes it. */
export const checksumsOf = (parts: Record<string, Buffer>): string =>
  [
    '---',
    ...['SHA256', 'SHA512'].flatMap((algorithm) => [
      `${algorithm}:`,
      ...Object.entries(parts).map(([file, bytes]) => `  ${file}: ${hex(algorithm.toLowerCase(), bytes)}`),
    ]),
    '',
  ].join('\n');

/** A tar.gz with this content; bytes would not get smaller, and are not tried. */
export const dataOf = (files: Record<string, string | Buffer>): Buffer => {
  const hasNoise = Object.values(files).some((content) => typeof content !== 'string');
  return gzipSync(tarOf(...Object.entries(files).map(([path, content]) => ({ name: path, content }))), {
    level: hasNoise ? 0 : 9,
  });
};

/** A .gem as `gem build` makes it; the same call gives the same bytes. */
export const gemOf = (name: string, version: string, options: IGemOptions = {}): IGem => {
  const { platform = 'ruby', files = {}, more = [] } = options;
  const { spec = specOf(name, version, options) } = options;
  const { data = dataOf({ [`lib/${name}.rb`]: `module Loaded; VERSION = "${version}"; end\n`, ...files }) } = options;
  const { filename = `${name}-${version}${platform === 'ruby' ? '' : `-${platform}`}.gem` } = options;
  const metadata = gzipSync(spec);
  const { checksums = checksumsOf({ 'metadata.gz': metadata, 'data.tar.gz': data }) } = options;
  const bytes = tarOf(
    { name: 'metadata.gz', content: metadata },
    { name: 'data.tar.gz', content: data },
    ...(checksums === null ? [] : [{ name: 'checksums.yaml.gz', content: gzipSync(checksums) }]),
    ...more,
  );
  return { filename, name, version, platform, bytes, sha256: hex('sha256', bytes), spec };
};

/** A Sigstore bundle as `gem push --attestation` sends it; its signature is none. */
export const bundleOf = (): object => ({
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  verificationMaterial: {
    certificate: { rawBytes: 'bm9uZQ==' },
    tlogEntries: [{ logIndex: '1', integratedTime: '1', inclusionPromise: { signedEntryTimestamp: 'bm9uZQ==' } }],
  },
  dsseEnvelope: {
    payload: 'bm9uZQ==',
    payloadType: 'application/vnd.in-toto+json',
    signatures: [{ sig: 'bm9uZQ==' }],
  },
});
