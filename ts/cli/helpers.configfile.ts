import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isObject } from '../config/helpers.building.js';
import { problemsOf } from '../config/helpers.problems.js';
import type { ConfigError } from '../core/classes.configerror.js';
import { CommandError, type TEnvironment } from './helpers.commandline.js';
import { fileSchema, type TFileConfig } from './helpers.fileschema.js';
import { substitute } from './helpers.substitution.js';

/** Characters that V8 quotes on each side of the one it does not expect. */
const QUOTED = 10;

/** Where JSON.parse stopped; undefined if its message gives no position and what it quotes does not tell. */
const stoppedAt = (message: string, text: string): number | undefined => {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  const [, token, cut, quote = '', rest] =
    /^Unexpected token '([\s\S]+?)', (\.\.\.)?"([\s\S]*)"(\.\.\.)? is not valid JSON$/.exec(message) ?? [];
  if (token === undefined || text.indexOf(quote) !== text.lastIndexOf(quote)) return undefined;
  const found = cut ? text.indexOf(quote) + QUOTED : rest && quote.length - QUOTED;
  return typeof found === 'number' && text.startsWith(token, found) ? found : undefined;
};

const parseJson = (content: string, file: string): unknown => {
  // some editors write a byte order mark at the beginning
  const text = content.replace(/^\ufeff/, '');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // the engine's own message may quote the text, which may contain a secret
    const { message } = error as Error;
    if (message.startsWith('Unexpected end')) throw new CommandError(`${file} is not valid JSON: it ends too early`);
    const position = stoppedAt(message, text);
    const line = position === undefined ? '' : ` (line ${text.slice(0, position).split('\n').length})`;
    throw new CommandError(`${file} is not valid JSON${line}`);
  }
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
  return { config: problems.length === 0 ? withPlaces(config, dirname(file)) : config, problems };
};

/** Makes paths absolute: relative ones begin at the file's folder, wherever the command runs. */
const withPlaces = ({ $schema: _, ...config }: TFileConfig & { $schema?: string }, folder: string): TFileConfig => {
  const { storage, tls } = config;
  if (storage && 'directory' in storage) config.storage = { directory: resolve(folder, storage.directory) };
  if (tls) config.tls = { cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) };
  return config;
};
