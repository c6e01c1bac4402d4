import { CommandError, type TEnvironment } from './helpers.commandline.js';

/** A variable is always text; these fields of the configuration are not. */
const NUMBERS = /^(storage\.port|limits\.\w+)$/;
const BOOLEANS = /(^|\.)(enabled|useSsl|trustProxy|allow[A-Z]\w*|selfRegistration|defaultReadOnly)$|\.features\./;

const typed = (text: string, field: string): unknown => {
  if (NUMBERS.test(field) && /^\d+$/.test(text)) return Number(text);
  if (BOOLEANS.test(field) && /^(true|false)$/.test(text)) return text === 'true';
  return text;
};

const substituteText = (text: string, env: TEnvironment, field: string): unknown => {
  if (!text.includes('${')) return text;
  const result = text.replace(/\$\$\{|\$\{([^}]*)\}?/g, (match, name: string | undefined) => {
    if (name === undefined) return '${';
    if (!/^[A-Za-z_]\w*$/.test(name) || !match.endsWith('}')) {
      throw new CommandError(`config.${field} has a "\${" without a variable's name: write "$\${" for the characters`);
    }
    const value = env[name];
    if (value === undefined)
      throw new CommandError(`config.${field} needs the environment variable ${name}, which is not set`);
    return value;
  });
  return typed(result, field);
};

/**
 * Replaces `${NAME}` in every text of a configuration by the environment's variable; `$${` stands for `${` itself.
 * Done after parsing, so that no value can break out of its text.
 * @throws CommandError naming the field and the variable that is not set
 */
export const substitute = (value: unknown, env: TEnvironment, field = ''): unknown => {
  if (typeof value === 'string') return substituteText(value, env, field);
  if (Array.isArray(value)) return value.map((item, index) => substitute(item, env, `${field}[${index}]`));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    substitute(item, env, field === '' ? name : `${field}.${name}`),
  ]);
  return Object.fromEntries(entries) as unknown;
};
