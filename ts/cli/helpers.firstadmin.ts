import { randomBytes } from 'node:crypto';
import type { SmartRegistry } from '../classes.smartregistry.js';
import { RegistryError } from '../core/classes.registryerror.js';
import type { ILogger } from '../core/interfaces.core.js';
import type { TCliConfig } from './helpers.cliconfig.js';
import type { TEnvironment } from './helpers.commandline.js';

const SETUP_KEY = 'auth/setup.json';
const ADMIN = 'admin';

interface ISetupDocument {
  adminCreatedAt: string;
}

/** Warns that the variable has no effect: an operator might believe that the password was changed. */
const warnOfOldPassword = async (registry: SmartRegistry, given: string, logger: ILogger): Promise<void> => {
  const { users } = registry.getAuthManager();
  if (!(await users.get(ADMIN))) {
    const again = 'to make it again: smartregistry user add admin --admin';
    logger.warn(`SMARTREGISTRY_ADMIN_PASSWORD has no effect: the user admin was removed; ${again}`);
  } else if (!(await registry.getAuthManager().authenticate({ username: ADMIN, password: given }))) {
    const change = 'to change it: smartregistry user passwd admin';
    logger.warn(`SMARTREGISTRY_ADMIN_PASSWORD has no effect: the user admin has another password already; ${change}`);
  }
};

/**
 * On the first start of a store, creates the user `admin` with all rights. Later starts do not change users, even if
 * `admin` was removed since. If the configuration has users, no admin is created.
 * @returns the generated password, to be shown once; undefined if there is none to show
 */
export const createFirstAdmin = async (
  registry: SmartRegistry,
  config: TCliConfig,
  env: TEnvironment,
  logger: ILogger,
): Promise<string | undefined> => {
  const given = env.SMARTREGISTRY_ADMIN_PASSWORD;
  if (config.auth.users?.length) {
    if (given) logger.warn('SMARTREGISTRY_ADMIN_PASSWORD has no effect: the users are those of config.auth.users');
    return undefined;
  }
  const storage = registry.getStorage();
  const isFirst = !(await storage.read<ISetupDocument>(SETUP_KEY));
  const password = given || randomBytes(15).toString('base64url');
  const created = isFirst && (await createAdmin(registry, password));
  if (isFirst) {
    const adminCreatedAt = new Date().toISOString();
    await storage.update<ISetupDocument>(SETUP_KEY, (current) => (current ? undefined : { adminCreatedAt }));
  }
  if (!created && given) await warnOfOldPassword(registry, given, logger);
  return created && !given ? password : undefined;
};

/** @returns false if another process on this store was faster, or somebody ran `user add admin` */
const createAdmin = async (registry: SmartRegistry, password: string): Promise<boolean> => {
  try {
    await registry.getAuthManager().users.create({ username: ADMIN, password }, { scopes: ['*:*:*:*'] });
    return true;
  } catch (error) {
    if (!RegistryError.is(error, 'alreadyExists')) throw error;
    return false;
  }
};
