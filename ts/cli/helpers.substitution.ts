import { fieldOf } from '../config/helpers.problems.js';
import { kindsOf } from '../config/helpers.walk.js';
import { ConfigError } from '../core/classes.configerror.js';
import type { TEnvironment } from './helpers.commandline.js';
import { fileSchema } from './helpers.fileschema.js';

/** Converts a variable's text into the type of the field. */
const typed = (text: string, kinds: Set<string>): unknown => {
  if (kinds.has('number') && /^\d+$/.test(text)) return Number(text);
  if (kinds.has('boolean') && /^(true|false)$/.test(text)) return text === 'true';
  return text;
};

export interface ISubstituted {
  config: unknown;
  /** variables that are not set, and texts with a malformed variable */
  problems: ConfigError[];
}

/**
 * Replaces `${NAME}` in every text of a configuration by the environment variable; `$${` means `${` itself. It runs
 * after parsing, so a value cannot add further fields. A text with a problem is not changed.
 */
export const substitute = (root: unknown, env: TEnvironment): ISubstituted => {
  const problems: ConfigError[] = [];

  const inText = (text: string, path: string[]): unknown => {
    if (!text.includes('${')) return text;
    const before = problems.length;
    const result = text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (match, name: string | undefined) => {
      if (name === undefined) return '${';
      const field = fieldOf(path);
      if (!/^[A-Za-z_]\w*$/.test(name) || !match.endsWith('}')) {
        problems.push(new ConfigError(field, 'has a "${" without a variable\'s name: write "$${" for the characters'));
      } else if (env[name] === undefined) {
        problems.push(new ConfigError(field, `needs the environment variable ${name}, which is not set`));
      }
      return env[name] ?? match;
    });
    return problems.length > before ? text : typed(result, kindsOf(fileSchema, root, path));
  };

  const inValue = (value: unknown, path: string[]): unknown => {
    if (typeof value === 'string') return inText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => inValue(item, [...path, String(index)]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inValue(item, [...path, name])]));
  };

  return { config: inValue(root, []), problems };
};
