import { deflateSync } from 'node:zlib';
import type { IGemDependency, IGemPlatform, IGemSpec } from '../interfaces.rubygems.js';
import { dumped, RubyDumped, RubyHash, RubyMarshalled, RubyObject, RubySymbol, type TRuby } from './wire.marshal.js';

/** `specification_version` of all gemspecs since RubyGems 1.8: 19 members. */
const SPECIFICATION_VERSION = 4;

export const rubyVersion = (version: string): RubyMarshalled => new RubyMarshalled('Gem::Version', [version]);

const EACH = /^\s*(=|!=|>=|<=|~>|>|<)?\s*(\S+)\s*$/;

/** `Gem::Requirement`: pairs of an operator and a version; a version alone means `=`. */
const rubyRequirement = (requirements: readonly string[]): RubyMarshalled => {
  const pairs = requirements.map((requirement): TRuby => {
    const [, operator = '=', version = '0'] = EACH.exec(requirement) ?? [];
    return [operator, rubyVersion(version)];
  });
  return new RubyMarshalled('Gem::Requirement', [pairs]);
};

const rubyDependency = ({ name, kind, requirements }: IGemDependency): RubyObject =>
  new RubyObject('Gem::Dependency', [
    ['@name', name],
    ['@requirement', rubyRequirement(requirements)],
    ['@type', new RubySymbol(kind)],
    ['@prerelease', false],
  ]);

const rubyPlatform = ({ cpu, os, version }: IGemPlatform): RubyObject =>
  new RubyObject('Gem::Platform', [
    ['@cpu', cpu],
    ['@os', os],
    ['@version', version],
  ]);

/**
 * Midnight UTC of a day, as `Time#_dump` packs it into two words of 32 bits: in the first one the mark of the format, the
 * mark of UTC, year, month, day and hour; the second one (minute to microsecond) is 0.
 */
const rubyDay = (date: string): RubyDumped => {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  const bytes = Buffer.alloc(8);
  // unsigned: the mark of the format is the sign bit
  bytes.writeUInt32LE(((1 << 31) | (1 << 30) | ((year - 1900) << 14) | ((month - 1) << 10) | (day << 5)) >>> 0, 0);
  return new RubyDumped('Time', bytes, [['zone', 'UTC']]);
};

/** What a gemspec may give as one text or as several: clients print both. */
const oneOrMore = (texts: readonly string[]): TRuby => (texts.length > 1 ? texts : (texts[0] ?? null));

/** `Marshal.dump(spec)`: the members of `Gem::Specification#_dump` in its order. */
const specification = (spec: IGemSpec): Buffer => {
  const members: TRuby[] = [
    spec.rubygemsVersion,
    SPECIFICATION_VERSION,
    spec.name,
    rubyVersion(spec.version),
    rubyDay(spec.date),
    spec.summary,
    rubyRequirement(spec.requiredRubyVersion),
    rubyRequirement(spec.requiredRubygemsVersion),
    spec.originalPlatform,
    spec.dependencies.map(rubyDependency),
    // the project on RubyForge, which ended in 2014
    '',
    oneOrMore(spec.email),
    spec.authors,
    spec.description,
    spec.homepage,
    // has_rdoc
    true,
    spec.platformParts ? rubyPlatform(spec.platformParts) : spec.platform,
    spec.licenses,
    new RubyHash(spec.metadata),
  ];
  return dumped(new RubyDumped('Gem::Specification', dumped(members)));
};

/** `quick/Marshal.4.8/{name}-{slug}.gemspec.rz`: the gemspec without its list of files, as a zlib stream. */
export const renderQuick = (spec: IGemSpec): Buffer => deflateSync(specification(spec));
