import * as v from 'valibot';
import { ConfigError } from '../core/classes.configerror.js';
import type { TSchema } from './helpers.building.js';
import { unknownNames } from './helpers.walk.js';

/** `['users', '0', 'name']` -> `users[0].name` */
export const fieldOf = (path: readonly string[]): string =>
  path.reduce((field, key) => (/^\d+$/.test(key) ? `${field}[${key}]` : field === '' ? key : `${field}.${key}`), '');

/**
 * All problems of a value, unknown names first: a missing field is often a misspelt one. No message contains a value,
 * which may be a secret.
 */
export const problemsOf = (schema: TSchema, value: unknown): ConfigError[] => {
  const problems = unknownNames(schema, value).map(
    ({ path, hint }) => new ConfigError(fieldOf(path), `is unknown${hint}`),
  );
  for (const issue of v.safeParse(schema, value).issues ?? []) {
    // only reports the first unknown name, and without advice
    if (issue.type === 'strict_object' && issue.expected === 'never') continue;
    const path = (issue.path ?? []).map(({ key }) => String(key));
    problems.push(new ConfigError(fieldOf(path), issue.message));
  }
  return problems;
};

/** @throws ConfigError with the first problem as its message, and all of them in `problems` */
export const requireValid = (schema: TSchema, value: unknown): void => {
  const problems = problemsOf(schema, value);
  const [first] = problems;
  if (first) throw first.among(problems);
};
