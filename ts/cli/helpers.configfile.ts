import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isObject } from '../config/helpers.building.js';
import { problemsOf } from '../config/helpers.problems.js';
import { createTokenStore } from '../core/auth/tokenstores/create.js';
import { ConfigError } from '../core/classes.configerror.js';
import { CommandError, type TEnvironment } from './helpers.commandline.js';
import { fileSchema, type TFileConfig } from './helpers.fileschema.js';
import { substitute } from './helpers.substitution.js';

const parseJson = (text: string, file: string): unknown => {
  try {
    // some editors write a byte order mark at the beginning
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch (error) {
    // the engine's own message may quote the text, which may contain a secret
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    const line = position === undefined ? '' : ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw new CommandError(`${file} is not valid JSON${line}`);
  }
};

/** Problems of a valid configuration that `init()` would refuse. */
const unserved = (config: TFileConfig): ConfigError[] => {
  const problems: ConfigError[] = [];
  try {
    if (config.auth?.tokenStore)
      createTokenStore(config.auth.tokenStore, { for: 'the check of its kind only' } as never);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(error);
  }
  return problems;
};

export interface IReadConfig {
  config: TFileConfig;
  /** all problems; if there are any, `config` may have another type */
  problems: ConfigError[];
}

/**
 * Reads a configuration file and inserts environment variables.
 * @throws CommandError if the file contains no JSON object
 */
export const readConfigFile = async (file: string, env: TEnvironment): Promise<IReadConfig> => {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
  const parsed = parseJson(text, file);
  if (!isObject(parsed)) throw new CommandError(`${file} must hold one JSON object`);
  const substituted = substitute(parsed, env);
  const config = substituted.config as TFileConfig;
  const { problems } = substituted;
  const named = new Set(problems.map(({ field }) => field));
  // a text whose variable is missing has one problem, not two
  problems.push(...problemsOf(fileSchema, config).filter(({ field }) => !named.has(field)));
  if (problems.length === 0) problems.push(...unserved(config));
  return { config: problems.length === 0 ? withPlaces(config, dirname(file)) : config, problems };
};

/** Makes paths absolute: relative ones begin at the file's folder, wherever the command runs. */
const withPlaces = ({ $schema: _, ...config }: TFileConfig & { $schema?: string }, folder: string): TFileConfig => {
  const { storage, tls } = config;
  if (storage && 'directory' in storage) config.storage = { directory: resolve(folder, storage.directory) };
  if (tls) config.tls = { cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) };
  return config;
};
