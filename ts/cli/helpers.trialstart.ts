import { SmartRegistry } from '../classes.smartregistry.js';
import { ConfigError } from '../core/classes.configerror.js';
import type { IObjectStore } from '../core/objectstore/interfaces.objectstore.js';
import type { TFileConfig } from './helpers.fileschema.js';

/** Nothing is in it, and nothing that is put there stays. */
const EMPTY_STORE: IObjectStore = {
  conditionalWrites: true,
  head: async () => null,
  get: async () => null,
  put: async () => ({ etag: '"none"' }),
  compose: async () => ({ etag: '"none"' }),
  delete: async () => undefined,
  async *list() {},
};

/** What only `init()` finds in a configuration: settings that are right one by one, and do not go together. */
export const refusedAtStart = async (config: TFileConfig): Promise<ConfigError[]> => {
  const { host: _host, port: _port, tls: _tls, auth, ...settings } = config;
  const registry = new SmartRegistry({
    ...settings,
    auth: { jwtSecret: 'of this trial only', ...auth, tokenStore: 'memory' },
    storage: { objectStore: EMPTY_STORE },
    logger: false,
  });
  try {
    await registry.init();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [error];
    throw error;
  } finally {
    await registry.destroy();
  }
};
