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
 * The store holds secrets and hashes: a directory that we make is its owner's alone. Node's own `recursive` tries for
 * ever where a directory cannot be made although the one above is there (ENOENT in `/proc`).
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
    throw new CommandError(`The storage directory ${storage.directory} cannot be made: ${code}`);
  }
};

/**
 * A store that a command would make in the wrong place looks like one without users and packages.
 * @returns the configuration, with which no bucket is made
 */
const requireStore = async (config: TCliConfig): Promise<TCliConfig> => {
  const { storage } = config;
  if ('bucketName' in storage) return { ...config, storage: { ...storage, createBucket: false } };
  if (!('directory' in storage) || (await isDirectoryStore(storage.directory))) return config;
  throw new CommandError(
    `There is no store in ${resolve(storage.directory)}: --data or --config says where it is, "smartregistry serve" makes one`,
  );
};

const openWithAnySecret = ({ storage, auth, ...rest }: TCliConfig, logger: ILogger): Promise<SmartRegistry> =>
  open({ ...rest, storage, auth: { ...auth, jwtSecret: auth.jwtSecret || newSecret() }, logger });

/**
 * Users and tokens only: no protocols, and a secret of its own, which nothing that is stored depends on.
 * @throws CommandError where tokens would not outlive this process
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
 * The secret of a store whose configuration names none: made by whoever comes first, and the same for every process
 * from then on, so that a token which one signed is good at the others.
 */
const sharedSecret = async ({ storage, auth }: TCliConfig, logger: ILogger): Promise<string> => {
  const registry = await openWithAnySecret({ storage, auth }, logger);
  try {
    const document = { jwtSecret: newSecret(), createdAt: new Date().toISOString() };
    const { value } = await registry
      .getStorage()
      .update<ISecretDocument>(SECRET_KEY, (current) => (current ? undefined : document));
    if (!value?.jwtSecret) throw new CommandError(`The store's ${SECRET_KEY} holds no secret`);
    return value.jwtSecret;
  } finally {
    await registry.destroy();
  }
};

/**
 * Opens all protocols of the configuration. If it has no secret a new one will do: nothing that is stored depends on
 * it.
 */
export const openForMaintenance = async (config: TCliConfig, logger: ILogger): Promise<SmartRegistry> => {
  return openWithAnySecret(await requireStore(config), logger);
};

/** The registry as `serve` runs it. Makes the store if there is none. */
export const openForService = async (config: TCliConfig, logger: ILogger): Promise<SmartRegistry> => {
  await prepareDirectory(config);
  const jwtSecret = config.auth.jwtSecret ?? (await sharedSecret(config, logger));
  // a configuration without `users` has none, so a user who was taken out of it is gone
  return open({ ...config, auth: { users: [], ...config.auth, jwtSecret }, logger });
};
