import { invalid } from '../../core/base/helpers.errors.js';
import { parseYaml, type TYaml } from './wire.yaml.js';

const NOUN = 'checksums.yaml of the gem';

/** The hash functions of checksums that are compared, as the file calls them. SHA1 of gems from 2013 is passed over. */
export const ALGORITHMS = ['SHA256', 'SHA512'] as const;

/** file -> algorithm -> hex */
export type TDigests = ReadonlyMap<string, Readonly<Record<(typeof ALGORITHMS)[number], string>>>;

/** Files that must be in a gem. */
const REQUIRED = ['metadata.gz', 'data.tar.gz'];

const tableOf = (value: TYaml | undefined): ReadonlyMap<string, TYaml> => {
  if (value === undefined) return new Map();
  if (value instanceof Map) return value as ReadonlyMap<string, TYaml>;
  throw invalid(`${NOUN} has something else than checksums by file`);
};

/**
 * Compares the checksums inside a gem with those of the received files, as `gem install` does. Throws `invalid` if one
 * differs, or if a file has none.
 */
export const assertChecksums = (text: string, digests: TDigests): void => {
  const algorithms = tableOf(parseYaml(text, NOUN));
  const checked = new Set<string>();
  for (const algorithm of ALGORITHMS) {
    for (const [file, expected] of tableOf(algorithms.get(algorithm))) {
      const found = digests.get(file);
      if (!found) throw invalid(`${NOUN} names ${file.slice(0, 100)}, which the gem does not have`);
      if (expected !== found[algorithm]) {
        throw invalid(
          `The ${algorithm} of ${file} in the gem is not the one in its checksums.yaml: the gem is damaged`,
        );
      }
      checked.add(file);
    }
  }
  const hasOnlyOld = ALGORITHMS.every((algorithm) => !algorithms.has(algorithm)) && algorithms.has('SHA1');
  const missing = hasOnlyOld ? undefined : REQUIRED.find((file) => !checked.has(file));
  if (missing !== undefined) throw invalid(`${NOUN} has no SHA256 and no SHA512 of ${missing}`);
};
