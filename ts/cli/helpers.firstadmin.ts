import { randomBytes } from 'node:crypto';
import type { SmartRegistry } from '../classes.smartregistry.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { TCliConfig } from './helpers.cliconfig.js';
import type { TEnvironment } from './helpers.commandline.js';

const SETUP_KEY = 'auth/setup.json';
const ADMIN = 'admin';

interface ISetupDocument {
  adminCreatedAt: string;
}

/**
 * On the first start of a store: the user `admin`, with every right. Later starts leave users alone, also where `admin`
 * has been removed since. A configuration with users of its own needs none.
 * @returns the password that was made up, to be shown once; undefined where there is nothing to show
 */
export const createFirstAdmin = async (
  registry: SmartRegistry,
  config: TCliConfig,
  env: TEnvironment,
): Promise<string | undefined> => {
  if (config.auth.users?.length) return undefined;
  const storage = registry.getStorage();
  if (await storage.read<ISetupDocument>(SETUP_KEY)) return undefined;
  const given = env.SMARTREGISTRY_ADMIN_PASSWORD;
  const password = given || randomBytes(15).toString('base64url');
  let created = true;
  try {
    await registry.getAuthManager().users.create({ username: ADMIN, password }, { scopes: ['*:*:*:*'] });
  } catch (error) {
    // another process on this store was faster, or somebody ran `user add admin`: that password counts, not ours
    if (!RegistryError.is(error, 'alreadyExists')) throw error;
    created = false;
  }
  const adminCreatedAt = new Date().toISOString();
  await storage.update<ISetupDocument>(SETUP_KEY, (current) => (current ? undefined : { adminCreatedAt }));
  return created && !given ? password : undefined;
};
