import { RegistryError } from '../../core/classes.registryerror.js';

/** Characters of a whole name: more than any public package has, and each listing contains all names. */
const MAX_NAME = 200;

/** Composer's own rule. @see https://getcomposer.org/schema.json, `name` */
const NAME = /^[a-z0-9](?:[_.-]?[a-z0-9])*\/[a-z0-9](?:(?:[_.]|-{1,2})?[a-z0-9])*$/;

/** Whether a lower-case text is a name that a package can have. */
export const isPackageName = (name: string): boolean => name.length <= MAX_NAME && NAME.test(name);

/** The name as it is stored: Composer asks for every package in lower case. */
export const normalizeName = (name: string): string => name.toLowerCase();

/** Returns the stored name; throws `invalid` for a name that no package can have. */
export const assertNewName = (name: string): string => {
  const normalized = normalizeName(name);
  if (isPackageName(normalized)) return normalized;
  throw new RegistryError(
    'invalid',
    'A package name is vendor/package: lower-case letters and digits, with single ".", "_" or "-" between them',
  );
};
