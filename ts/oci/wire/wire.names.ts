import { RegistryError } from '../../core/classes.registryerror.js';

/** distribution-spec, "Pulling manifests": `<name>`, at most 255 characters including the host that clients prepend. */
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const MAX_REPOSITORY = 255;
/** distribution-spec, "Pulling manifests": `<reference>` as a tag. */
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Below the base path the API is mounted with and without `/v2`, so a repository with that name would be ambiguous. */
export const isRepository = (name: string): boolean =>
  name.length <= MAX_REPOSITORY && REPOSITORY.test(name) && name !== 'v2' && !name.startsWith('v2/');

export const assertRepository = (name: string): string => {
  if (isRepository(name)) return name;
  throw new RegistryError('invalid', 'This is not the name of a repository', {
    wireCode: 'NAME_INVALID',
    detail: { name: name.slice(0, 300) },
  });
};

export const isTag = (text: string): boolean => TAG.test(text);

export const assertTag = (text: string): string => {
  if (isTag(text)) return text;
  throw new RegistryError(
    'invalid',
    'A tag has up to 128 letters, digits and ._- and begins with a letter, digit or _',
    {
      wireCode: 'MANIFEST_INVALID',
      detail: { tag: text.slice(0, 200) },
    },
  );
};
