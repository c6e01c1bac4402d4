import { resolve } from 'node:path';
import { availableProtocols } from '../classes.smartregistry.js';
import type { IAuthConfig } from '../core/auth/interfaces.auth.js';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { IRegistryConfig } from '../interfaces.config.js';
import { type TEnvironment, UsageError } from './helpers.commandline.js';
import { readConfigFile } from './helpers.configfile.js';
import type { IServeSettings, TFileConfig } from './helpers.fileschema.js';

/** A complete configuration, except perhaps for the secret. */
export type TCliConfig = Omit<IRegistryConfig, 'auth'> & {
  auth: Partial<IAuthConfig> & Pick<IAuthConfig, 'tokenStore'>;
};

export interface IServeConfig {
  config: TCliConfig;
  server: IServeSettings;
}

const DEFAULT_DATA = './data';

const withProtocols = (config: TFileConfig): TFileConfig => {
  const blocks = config as Record<string, IProtocolConfig | undefined>;
  const available = availableProtocols();
  if (available.some((protocol) => blocks[protocol] !== undefined)) return config;
  return { ...Object.fromEntries(available.map((protocol) => [protocol, { enabled: true }])), ...config };
};

const readFileOf = async (file: string, env: TEnvironment): Promise<TFileConfig> => {
  const { config, problems } = await readConfigFile(resolve(file), env);
  const [first] = problems;
  if (first) throw first.among(problems);
  return config;
};

/** Options of every command that works on a store. */
export interface IStoreOptions {
  data?: string;
  config?: string;
}

/** Like `loadConfig`, with the file's settings for the server. */
export const loadServeConfig = async (options: IStoreOptions, env: TEnvironment): Promise<IServeConfig> => {
  const file = options.config ?? (env.SMARTREGISTRY_CONFIG || undefined);
  const { host, port, tls, ...given } = file === undefined ? {} : await readFileOf(file, env);
  if (options.data !== undefined && given.storage !== undefined) {
    throw new UsageError(`--data and config.storage of ${file} both set the storage: choose one`);
  }
  const directory = resolve(options.data ?? (env.SMARTREGISTRY_DATA || DEFAULT_DATA));
  const { storage = { directory }, auth, ...rest } = withProtocols(given);
  // tokens must outlive the process, and be equal in every process
  const config = { ...rest, storage, auth: { tokenStore: 'bucket' as const, ...auth } };
  return { config, server: { host, port, tls } };
};

/**
 * The configuration of `--config` and `--data` (or their variables, or the defaults): without a file, a directory and
 * every available protocol.
 * @throws UsageError, CommandError, ConfigError
 */
export const loadConfig = async (options: IStoreOptions, env: TEnvironment): Promise<TCliConfig> =>
  (await loadServeConfig(options, env)).config;
