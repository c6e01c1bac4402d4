import type { ITokenInfo, ITokenOptions } from '../../core/auth/interfaces.auth.js';
import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { assertName } from './wire.names.js';

/**
 * `/-/npm/v1/tokens`: the requests and answers of npm's command line.
 * @see https://github.com/npm/registry/blob/main/docs/user/authentication.md
 */
export interface ITokenRequest extends ITokenOptions {
  password: string;
}

const DAY = 24 * 60 * 60;

const texts = (value: unknown, field: string): string[] => {
  if (value === undefined || value === null) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.length > 200 || !list.every((item) => typeof item === 'string'))
    throw invalid(`${field} is not a list of names`);
  return list as string[];
};

/**
 * A name that has no special meaning in a scope. Old packages may have a `*` in their name, which is a glob in a scope.
 */
const nameForScope = (name: string): string => {
  if (name.includes('*')) throw invalid(`A token cannot be limited to a name with a star: ${name.slice(0, 256)}`);
  return assertName(name);
};

/** Names of packages for scopes; npm's command line has no globs. */
const namesOf = (body: Record<string, unknown>): string[] => {
  if (body.packages_all === true) return ['*'];
  const packages = texts(body.packages, 'packages').map(nameForScope);
  const scopes = texts(body.scopes, 'scopes').map((scope) => {
    const bare = scope.replace(/^@/, '');
    nameForScope(`@${bare}/x`);
    return `@${bare}/*`;
  });
  return [...packages, ...scopes];
};

const actionOf = (permission: unknown): string | null => {
  if (permission === undefined || permission === null || permission === 'read-write') return '*';
  if (permission === 'read-only') return 'read';
  if (permission === 'no-access') return null;
  throw invalid('packages_and_scopes_permission must be read-only, read-write or no-access');
};

/** Every requested restriction is kept or refused, never ignored: the token would have more rights than intended. */
export const parseTokenRequest = (source: unknown): ITokenRequest => {
  if (!isRecord(source)) throw invalid('The body is not a JSON object');
  const { password, readonly, name, description, expires } = source;
  if (typeof password !== 'string') throw invalid('The password is missing');
  if (texts(source.cidr_whitelist, 'cidr_whitelist').length > 0) {
    throw invalid('Tokens of this registry cannot be limited to addresses (cidr_whitelist)');
  }
  if (texts(source.orgs, 'orgs').length > 0) throw invalid('This registry has no organisations (orgs)');
  const request: ITokenRequest = { password, readonly: readonly === true ? true : undefined };
  const label = [name, description].find((text) => typeof text === 'string' && text !== '');
  if (label !== undefined) request.name = label as string;
  if (expires !== undefined && expires !== null) {
    if (typeof expires !== 'number' || !Number.isInteger(expires) || expires < 1) {
      throw invalid('expires must be a number of days');
    }
    request.expiresIn = expires * DAY;
  }
  const names = namesOf(source);
  const action = actionOf(source.packages_and_scopes_permission);
  if (action === null) request.scopes = [];
  else if (names.length > 0) request.scopes = names.map((packageName) => `npm:package:${packageName}:${action}`);
  else if (action === 'read') request.readonly = true;
  return request;
};

export const renderToken = (info: ITokenInfo): object => ({
  token: info.hint,
  key: info.id,
  cidr_whitelist: null,
  readonly: info.readonly,
  created: info.createdAt.toISOString(),
  updated: info.createdAt.toISOString(),
  // npm 11 prints "name undefined" where there is none
  name: info.name ?? '-',
  ...(info.expiresAt === undefined ? {} : { expires: info.expiresAt.toISOString() }),
});
