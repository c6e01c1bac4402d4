import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SmartRegistry } from '../classes.smartregistry.js';
import type { ILogger } from '../core/interfaces.core.js';
import type { IRegistryConfig } from '../interfaces.config.js';
import type { TCliConfig } from './helpers.cliconfig.js';
import { CommandError } from './helpers.commandline.js';

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
 * Users and tokens only: no protocols, and a secret of its own, which nothing that is stored depends on.
 * @throws CommandError where tokens would not outlive this process
 */
export const openForAdministration = async (config: TCliConfig, about: 'users' | 'tokens'): Promise<SmartRegistry> => {
  const { storage, auth } = config;
  if (about === 'tokens' && auth.tokenStore === 'memory') {
    throw new CommandError('config.auth.tokenStore is "memory": only the serving process knows its tokens');
  }
  await prepareDirectory(config);
  return open({ storage, auth: { ...auth, jwtSecret: auth.jwtSecret || newSecret() } });
};

/**
 * The secret of a store whose configuration names none: made by whoever comes first, and the same for every process
 * from then on, so that a token which one signed is good at the others.
 */
const sharedSecret = async (config: TCliConfig): Promise<string> => {
  const registry = await openForAdministration(config, 'users');
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
  await prepareDirectory(config);
  return open({ ...config, auth: { ...config.auth, jwtSecret: config.auth.jwtSecret || newSecret() }, logger });
};

/** The registry as `serve` runs it. */
export const openForService = async (config: TCliConfig, logger: ILogger): Promise<SmartRegistry> => {
  // only to have the configuration checked before anything is made for it
  new SmartRegistry({ ...config, auth: { ...config.auth, jwtSecret: config.auth.jwtSecret ?? newSecret() } });
  await prepareDirectory(config);
  const jwtSecret = config.auth.jwtSecret ?? (await sharedSecret(config));
  // a configuration without `users` has none, so a user who was taken out of it is gone
  return open({ ...config, auth: { users: [], ...config.auth, jwtSecret }, logger });
};
