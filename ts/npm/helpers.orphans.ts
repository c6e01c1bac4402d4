import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { INpmDocument } from './interfaces.npm.js';
import { documentKey, ownerOf } from './keys.npm.js';

/** Is this key a document, or an artifact that the document of its package names? */
export const isNamed = async (storage: RegistryStorage, key: string): Promise<boolean> => {
  const { name, isDocument } = ownerOf(key);
  if (isDocument) return true;
  const document = (await storage.read<INpmDocument>(documentKey(name)))?.value;
  const artifacts = Object.values(document?._registry.artifacts ?? {});
  return artifacts.some((artifact) => artifact.key === key || artifact.provenance?.key === key);
};
