import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { availableProtocols } from '../classes.smartregistry.js';
import type { IAuthConfig } from '../core/auth/interfaces.auth.js';
import type { IProtocolConfig } from '../core/interfaces.core.js';
import type { IRegistryConfig } from '../interfaces.config.js';
import { CommandError, type TEnvironment, UsageError } from './helpers.commandline.js';
import { substitute } from './helpers.substitution.js';

/** What a configuration file holds: an `IRegistryConfig` of which almost everything has a default here. */
export type TFileConfig = Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IAuthConfig> };

/** All that is needed to open the registry, except perhaps a secret. */
export type TCliConfig = Omit<IRegistryConfig, 'auth'> & {
  auth: Partial<IAuthConfig> & Pick<IAuthConfig, 'tokenStore'>;
};

const DEFAULT_DATA = './data';

/** Settings of `IRegistryConfig` besides the protocols' own blocks. */
const SETTINGS = new Set(['storage', 'auth', 'trustProxy', 'limits']);
const CODE_ONLY = new Set(['authProvider', 'storageHooks', 'upstreamProvider', 'registries', 'logger']);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A misspelt setting would otherwise do nothing, silently. */
const checkNames = (config: Record<string, unknown>): void => {
  const protocols: string[] = availableProtocols();
  for (const [name, value] of Object.entries(config)) {
    if (CODE_ONLY.has(name)) throw new CommandError(`config.${name} holds code: it can be set from a program only`);
    if (SETTINGS.has(name) || protocols.includes(name)) continue;
    // switched off, it does not matter whether this release knows it
    if (isObject(value) && value.enabled === false) continue;
    throw new CommandError(
      `config.${name} is not a setting; the protocols of this release are ${protocols.join(', ')}`,
    );
  }
};

const parseJson = (text: string, file: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // the engine's own message may quote the text, and with it a secret
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    const line = position === undefined ? '' : ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw new CommandError(`${file} is not valid JSON${line}`);
  }
};

const readConfigFile = async (file: string, env: TEnvironment): Promise<TFileConfig> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
  const config = substitute(parseJson(text, file), env);
  if (!isObject(config)) throw new CommandError(`${file} must hold one JSON object`);
  checkNames(config);
  const { storage, auth } = config;
  if (auth !== undefined && !isObject(auth)) throw new CommandError('config.auth must be an object');
  if (isObject(storage) && typeof storage.directory === 'string') {
    // the file says where things are, wherever it is used from
    return { ...config, storage: { directory: resolve(dirname(file), storage.directory) } };
  }
  return config as TFileConfig;
};

const withProtocols = (config: TFileConfig): TFileConfig => {
  const blocks = config as Record<string, IProtocolConfig | undefined>;
  const available = availableProtocols();
  if (available.some((protocol) => blocks[protocol] !== undefined)) return config;
  return { ...Object.fromEntries(available.map((protocol) => [protocol, { enabled: true }])), ...config };
};

/**
 * The configuration that `--config` and `--data` (or their variables, or the defaults) describe: without a file, a
 * directory and every protocol there is.
 * @throws UsageError, CommandError
 */
export const loadConfig = async (
  options: { data?: string; config?: string },
  env: TEnvironment,
): Promise<TCliConfig> => {
  const file = options.config ?? (env.SMARTREGISTRY_CONFIG || undefined);
  const given = file === undefined ? {} : await readConfigFile(resolve(file), env);
  if (options.data !== undefined && given.storage !== undefined) {
    throw new UsageError(`--data and config.storage of ${file} both say where to store: choose one`);
  }
  const directory = resolve(options.data ?? (env.SMARTREGISTRY_DATA || DEFAULT_DATA));
  const { storage = { directory }, auth, ...rest } = withProtocols(given);
  // tokens must outlive the process, and be the same in every process
  return { ...rest, storage, auth: { tokenStore: 'bucket', ...auth } };
};
