import { RegistryError } from '../../../classes.registryerror.js';

const FORBIDDEN = ['', '.', '..'];

/** Checks the key rules of `IObjectStore` before anything is sent: a client library would resolve `..` in the URL. */
export const checkKey = (key: string): void => {
  const wellFormed = !/\p{Surrogate}/u.test(key);
  if (wellFormed && !key.includes('\0') && !key.split('/').some((segment) => FORBIDDEN.includes(segment))) return;
  throw new RegistryError(
    'invalid',
    'The name cannot be stored: it has an empty or "." segment or forbidden characters',
  );
};
