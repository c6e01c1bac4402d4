import { RegistryError } from '../../core/classes.registryerror.js';

/** characters of a project's name; the longest in public use have some 80 */
const MAX_NAME = 150;

/** @see https://packaging.python.org/en/latest/specifications/name-normalization/ */
const VALID = /^(?:[a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$/i;

/** Words that are paths of this registry: the pages of a project with this name could not be reached. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(['simple', 'legacy', 'packages', 'pypi', 'integrity']);

/** Lower case, with one hyphen for each run of `-`, `_` and `.`; all spellings of a name are one project. */
export const normalizeName = (name: string): string => name.replace(/[-_.]+/g, '-').toLowerCase();

export const isName = (name: string): boolean => name.length <= MAX_NAME && VALID.test(name);

/** The normalised name of the project that a client asks for; throws `notFound` for what no project can be called. */
export const assertReadableName = (name: string): string => {
  if (isName(name)) return normalizeName(name);
  throw new RegistryError('notFound', 'There is no such project in this index');
};

/** The normalised name of a project that is uploaded to; throws `invalid` with a sentence for the uploader. */
export const assertNewName = (name: string): string => {
  if (!isName(name)) {
    throw new RegistryError(
      'invalid',
      `The name of a project consists of at most ${MAX_NAME} ASCII letters, digits, ".", "-" and "_", and begins and ends with a letter or digit`,
    );
  }
  const normalized = normalizeName(name);
  if (RESERVED_NAMES.has(normalized)) {
    throw new RegistryError('invalid', `No project can be called "${normalized}": it is a path of this index`);
  }
  return normalized;
};
