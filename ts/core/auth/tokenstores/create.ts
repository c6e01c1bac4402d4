import { ConfigError } from '../../classes.configerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import type { IAuthConfig } from '../interfaces.auth.js';
import { BucketTokenStore } from './bucket.js';
import type { ITokenStore } from './interfaces.tokenstore.js';
import { MemoryTokenStore } from './memory.js';

/** @throws ConfigError for a store that this release does not have */
export const createTokenStore = (
  kind: IAuthConfig['tokenStore'],
  storage: Pick<RegistryStorage, 'read' | 'update' | 'delete' | 'list' | 'logger'>,
): ITokenStore => {
  if (kind === 'memory') return new MemoryTokenStore();
  if (kind === 'bucket') return new BucketTokenStore(storage);
  const known = kind === 'redis' || kind === 'database';
  const problem = known ? `"${kind}" comes with a later release` : `${JSON.stringify(kind)} is not known`;
  throw new ConfigError('auth.tokenStore', `${problem}; use "bucket" (the registry's own storage) or "memory"`);
};
