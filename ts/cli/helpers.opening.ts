import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SmartRegistry } from '../classes.smartregistry.js';
import type { ILogger } from '../core/interfaces.core.js';
import { isDirectoryStore } from '../core/objectstore/directory/files/helpers.presence.js';
import type { IRegistryConfig } from '../interfaces.config.js';
import type { TCliConfig } from './helpers.cliconfig.js';
import { CommandError } from './helpers.commandline.js';
import { administrationLogger } from './helpers.log.js';

const SECRET_KEY = 'auth/secret.json';

interface ISecretDocument {
  jwtSecret: string;
  createdAt: string;
}

const newSecret = (): string => randomBytes(48).toString('base64url');

const open = async (config: IRegistryConfig): Promise<SmartRegistry> => {
  const registry = new SmartRegistry(config);
  try {
    await registry.init();
  } catch (error) {
    await registry.destroy();
    throw error;
  }
  return registry;
};

/**
 * Creates a directory that only its owner may read, because the store holds secrets and hashes. Node's own `recursive`
 * loops for ever if a directory cannot be made although its parent exists (ENOENT in `/proc`).
 */
const makeDirectory = async (directory: string): Promise<void> => {
  const make = () => mkdir(directory, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw error;
    await makeDirectory(dirname(directory));
    await make();
  }
};

const prepareDirectory = async ({ storage }: TCliConfig): Promise<void> => {
  if (!('directory' in storage)) return;
  try {
    await makeDirectory(resolve(storage.directory));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`The storage directory ${storage.directory} cannot be created: ${code}`);
  }
};

/**
 * Throws if there is no store: a store that a command created in the wrong place would look like one without users and
 * packages.
 * @returns the configuration, changed so that no bucket is created
 */
const requireStore = async (config: TCliConfig): Promise<TCliConfig> => {
  const { storage } = config;
  if ('bucketName' in storage) return { ...config, storage: { ...storage, createBucket: false } };
  if (!('directory' in storage) || (await isDirectoryStore(storage.directory))) return config;
  throw new CommandError(
    `There is no store in ${resolve(storage.directory)}: set it with --data or --config, or create one with "smartregistry serve"`,
  );
};

const openWithAnySecret = ({ storage, auth, ...rest }: TCliConfig, logger: ILogger): Promise<SmartRegistry> =>
  open({ ...rest, storage, auth: { ...auth, jwtSecret: auth.jwtSecret || newSecret() }, logger });

/**
 * Opens only users and tokens: no protocols, and a temporary secret, because no stored data depend on it.
 * @throws CommandError if tokens are not stored
 */
export const openForAdministration = async (config: TCliConfig, about: 'users' | 'tokens'): Promise<SmartRegistry> => {
  const { auth } = config;
  if (about === 'tokens' && auth.tokenStore === 'memory') {
    throw new CommandError('config.auth.tokenStore is "memory": only the serving process knows its tokens');
  }
  const { storage } = await requireStore(config);
  return openWithAnySecret({ storage, auth }, administrationLogger);
};

/**
 * The secret of a store whose configuration has none: the first process makes it, and all processes use it from then
 * on, so that a token signed by one is valid at the others.
 */
const sharedSecret = async ({ storage, auth }: TCliConfig, logger: ILogger): Promise<string> => {
  const registry = await openWithAnySecret({ storage, auth }, logger);
  try {
    const document = { jwtSecret: newSecret(), createdAt: new Date().toISOString() };
    const { value } = await registry
      .getStorage()
      .update<ISecretDocument>(SECRET_KEY, (current) => (current ? undefined : document));
    if (!value?.jwtSecret) throw new CommandError(`The store's ${SECRET_KEY} contains no secret`);
    return value.jwtSecret;
  } finally {
    await registry.destroy();
  }
};

/**
 * Opens all protocols of the configuration. Without a configured secret it uses a temporary one, because no stored data
 * depend on it.
 */
export const openForMaintenance = async (config: TCliConfig, logger: ILogger): Promise<SmartRegistry> => {
  return openWithAnySecret(await requireStore(config), logger);
};

/** The registry for `serve`. Creates the store if there is none. */
export const openForService = async (config: TCliConfig, logger: ILogger): Promise<SmartRegistry> => {
  await prepareDirectory(config);
  const jwtSecret = config.auth.jwtSecret ?? (await sharedSecret(config, logger));
  // a configuration without `users` has no users, so the id of a user that was removed from it is deleted
  return open({ ...config, auth: { users: [], ...config.auth, jwtSecret }, logger });
};
