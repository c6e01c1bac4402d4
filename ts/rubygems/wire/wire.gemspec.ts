import { invalid } from '../../core/base/helpers.errors.js';
import type { IGemDependency, IGemSpec } from '../interfaces.rubygems.js';
import { assertGemName, isDependencyName, quoted } from './wire.names.js';
import { parsePlatform, platformText, RUBY } from './wire.platforms.js';
import { requirementOf, versionIn } from './wire.requirements.js';
import { isVersion, normalizeVersion } from './wire.versions.js';
import { hasMoreLines, parseYaml, type TYaml } from './wire.yaml.js';

const NOUN = 'The gemspec';

/** dependencies; the gem with the most has some 300 */
const MAX_DEPENDENCIES = 1000;
/** characters of the stored spec; the largest in public use have some 60,000 */
const MAX_SPEC = 256 * 1024;
/** all lines of a gemspec, those of its lists of files too; the lists are cut out of so many in 40 ms */
const MAX_LINES = 200_000;
/** RubyGems writes this date if the gemspec has none */
const NO_DATE = '1980-01-02';

type TFields = ReadonlyMap<string, TYaml>;

const textIn = (fields: TFields, name: string): string | null => {
  const value = fields.get(name);
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  throw invalid(`The field ${name} of the gemspec is no text`);
};

/** A list of texts, which old gems write as one text. Empty members are left out. */
const textsIn = (fields: TFields, ...names: string[]): string[] => {
  const name = names.find((one) => fields.has(one)) ?? '';
  const value = fields.get(name) ?? [];
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list)) throw invalid(`The field ${name} of the gemspec is no list of texts`);
  // gems of 2009 nest the list of authors
  const flat = (list as TYaml[]).flat() as TYaml[];
  return flat.filter((item): item is string => {
    if (item !== null && typeof item !== 'string')
      throw invalid(`The field ${name} of the gemspec is no list of texts`);
    return item !== null && item !== '';
  });
};

const metadataIn = (fields: TFields): IGemSpec['metadata'] => {
  const value = fields.get('metadata') ?? new Map<string, TYaml>();
  if (!(value instanceof Map)) throw invalid('The field metadata of the gemspec is no map of texts');
  return [...(value as TFields)].map(([key, text]) => {
    if (typeof text !== 'string' && text !== null) throw invalid('A value of metadata in the gemspec is no text');
    return [key, text ?? ''];
  });
};

const dependencyOf = (value: TYaml): IGemDependency => {
  if (!(value instanceof Map)) throw invalid('A dependency in the gemspec is no object');
  const fields = value as TFields;
  const name = textIn(fields, 'name') ?? '';
  if (!isDependencyName(name)) throw invalid(`${quoted(name)} is not a name of a gem, and a dependency has it`);
  const kind = (textIn(fields, 'type') ?? ':runtime').replace(/^:/, '');
  if (kind !== 'runtime' && kind !== 'development') {
    throw invalid(`The dependency on ${name} is neither of the type runtime nor development`);
  }
  const field = ['requirement', 'version_requirements', 'version_requirement'].find((one) => fields.get(one) != null);
  return { name, kind, requirements: requirementOf(field && fields.get(field), `dependency on ${name}`) };
};

const dependenciesIn = (fields: TFields): IGemDependency[] => {
  const value = fields.get('dependencies') ?? [];
  if (!Array.isArray(value)) throw invalid('The field dependencies of the gemspec is no list');
  if (value.length > MAX_DEPENDENCIES) throw invalid(`The gem has more than ${MAX_DEPENDENCIES} dependencies`);
  return (value as TYaml[]).map(dependencyOf);
};

const versionOf = (fields: TFields): string => {
  const text = versionIn(fields.get('version'));
  if (text === undefined) throw invalid('The gemspec has no version');
  if (isVersion(text)) return normalizeVersion(text);
  throw invalid(
    `${quoted(text)} is not a version as RubyGems defines it: numbers and letters between dots, as in 1.0.0.pre1`,
  );
};

/** The platform as the author wrote it: a text, or in gems of 2008 an object. */
const platformIn = (fields: TFields): string => {
  const value = fields.get('platform') ?? RUBY;
  if (typeof value === 'string') return value;
  if (!(value instanceof Map)) throw invalid('The field platform of the gemspec is no platform');
  const [cpu, os, version] = ['cpu', 'os', 'version'].map((name) => textIn(value as TFields, name));
  if (!os) throw invalid('The platform in the gemspec has no operating system');
  return platformText({ cpu: cpu ?? null, os, version: version ?? null });
};

/** The day in the gemspec. One that no calendar has, or that Marshal cannot write, counts as none. */
const dateIn = (fields: TFields): string => {
  const [day = ''] = /^(?:19|[2-9]\d)\d{2}-\d{2}-\d{2}/.exec(textIn(fields, 'date') ?? '') ?? [];
  const time = Date.parse(`${day}T00:00:00Z`);
  // JavaScript reads the 30th of February as the 1st of March
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day) ? day : NO_DATE;
};

const specOf = (fields: TFields): IGemSpec => {
  // no gem tool writes it, and RubyGems from 3.5 on takes it for the platform
  if (fields.has('new_platform')) throw invalid('The gemspec has the field new_platform: the platform is in platform');
  const name = assertGemName(textIn(fields, 'name') ?? '');
  const version = versionOf(fields);
  const originalPlatform = platformIn(fields);
  const platformParts = parsePlatform(originalPlatform);
  const rubygems = textIn(fields, 'rubygems_version') ?? '';
  return {
    name,
    version,
    platform: platformParts ? platformText(platformParts) : RUBY,
    platformParts,
    originalPlatform: originalPlatform === '' ? RUBY : originalPlatform,
    rubygemsVersion: isVersion(rubygems) ? rubygems : '0',
    date: dateIn(fields),
    summary: textIn(fields, 'summary') ?? '',
    description: textIn(fields, 'description'),
    email: textsIn(fields, 'email'),
    authors: textsIn(fields, 'authors', 'author'),
    homepage: textIn(fields, 'homepage'),
    licenses: textsIn(fields, 'licenses', 'license'),
    metadata: metadataIn(fields),
    requiredRubyVersion: requirementOf(fields.get('required_ruby_version'), 'field required_ruby_version'),
    requiredRubygemsVersion: requirementOf(fields.get('required_rubygems_version'), 'field required_rubygems_version'),
    dependencies: dependenciesIn(fields),
  };
};

/** Fields with the files of a gem, of which some gemspecs have 20,000: the registry does not use them. */
const FILE_LISTS = /^(?:files|test_files|extra_rdoc_files):$/;
/** A member of such a list that is one line, and can be nothing else. */
const FILE = /^- [\w./@+][^:#&*!|>'"%`{}[\],]*$/;

/** The text without the files: the parser takes 30 ms for 1,000 of them. */
const withoutFiles = (text: string): string => {
  let isList = false;
  const lines = text.split('\n');
  return lines
    .filter((line, at) => {
      if (!line.startsWith('- ')) isList = line.startsWith(' ') ? isList : FILE_LISTS.test(line);
      // a path with spaces can go on in the next line
      return !(isList && FILE.test(line) && lines[at + 1]?.startsWith(' ') !== true);
    })
    .join('\n');
};

/**
 * Reads the gemspec that `gem build` writes into `metadata.gz`.
 * @see the guides of RubyGems, "Specification reference"
 */
export const parseGemspec = (text: string): IGemSpec => {
  if (hasMoreLines(text, MAX_LINES)) throw invalid(`${NOUN} has more than ${MAX_LINES} lines`);
  const value = parseYaml(withoutFiles(text), NOUN);
  if (!(value instanceof Map)) throw invalid(`${NOUN} is no object`);
  const spec = specOf(value as TFields);
  if (JSON.stringify(spec).length > MAX_SPEC) {
    throw invalid(`The texts in the gemspec have more than ${MAX_SPEC} characters`);
  }
  return spec;
};
