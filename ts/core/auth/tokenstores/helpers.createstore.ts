import { ConfigError } from '../../classes.configerror.js';
import type { RegistryStorage } from '../../classes.registrystorage.js';
import type { IAuthConfig } from '../interfaces.auth.js';
import { BucketTokenStore } from './classes.buckettokenstore.js';
import { MemoryTokenStore } from './classes.memorytokenstore.js';
import { DatabaseTokenStore } from './database/classes.databasetokenstore.js';
import type { ITokenStore } from './interfaces.tokenstore.js';
import { RedisTokenStore } from './redis/classes.redistokenstore.js';

export interface ITokenStoreDependencies {
  storage: Pick<RegistryStorage, 'read' | 'update' | 'delete' | 'list' | 'logger'>;
  now(): Date;
}

/**
 * The token store of a configuration. The packages of `redis` and `database` load at its `init`.
 * @throws ConfigError if the kind is not known, or lacks its settings
 */
export const createTokenStore = (
  config: Pick<IAuthConfig, 'tokenStore' | 'redis' | 'database'>,
  { storage, now }: ITokenStoreDependencies,
): ITokenStore => {
  const { tokenStore: kind, redis, database } = config;
  if (kind === 'memory') return new MemoryTokenStore();
  if (kind === 'bucket') return new BucketTokenStore(storage);
  if (kind === 'redis') return new RedisTokenStore(settingsOf(kind, redis), { now, logger: storage.logger });
  if (kind === 'database') return new DatabaseTokenStore(settingsOf(kind, database), { logger: storage.logger });
  throw new ConfigError('auth.tokenStore', `${JSON.stringify(kind)} is not known`);
};

const settingsOf = <T>(kind: string, settings: T | undefined): T => {
  if (settings) return settings;
  throw new ConfigError(`auth.${kind}`, `is missing: tokenStore "${kind}" needs its url`);
};
