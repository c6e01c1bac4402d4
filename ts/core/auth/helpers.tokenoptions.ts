import { RegistryError } from '../classes.registryerror.js';
import type { TRegistryProtocol } from '../interfaces.core.js';
import { globMatches, normalizeScopes, parseScopes } from './helpers.scopes.js';
import type { IAuthConfig, ITokenOptions } from './interfaces.auth.js';

const MAX_SECONDS = 100 * 365 * 24 * 60 * 60;
const MAX_NAME_LENGTH = 200;

/** `auth.{protocol}Tokens` of the configuration. Of an eighth protocol the block may be there too. */
export const tokenSettings = (
  config: IAuthConfig,
  protocol: TRegistryProtocol,
): Readonly<{ enabled?: boolean } & Record<string, unknown>> => {
  const field = `${protocol}Tokens`;
  const block = Object.hasOwn(config, field) ? (config as unknown as Record<string, unknown>)[field] : undefined;
  return (block as Record<string, unknown> | undefined) ?? {};
};

/** A block that is missing means enabled. */
export const areTokensEnabled = (config: IAuthConfig, protocol: TRegistryProtocol): boolean =>
  tokenSettings(config, protocol).enabled !== false;

/**
 * Only what is given, checked.
 * @throws RegistryError `invalid`
 */
export const checkTokenOptions = (options: ITokenOptions, protocol: TRegistryProtocol): ITokenOptions => {
  const { scopes, readonly, expiresIn, sliding, name } = options;
  const checked: ITokenOptions = {};
  if (scopes !== undefined) {
    const list = normalizeScopes(scopes, 'scopes');
    const stray = parseScopes(list).findIndex((scope) => !globMatches(scope.protocol, protocol));
    if (stray >= 0)
      throw new RegistryError('invalid', `scopes: ${list[stray]} has no effect in a token for ${protocol}`);
    checked.scopes = [...list];
  }
  if (readonly !== undefined) checked.readonly = readonly;
  if (expiresIn !== undefined) {
    if (!(expiresIn > 0 && expiresIn <= MAX_SECONDS)) {
      throw new RegistryError('invalid', `expiresIn: must be a number of seconds from 1 to ${MAX_SECONDS}`);
    }
    checked.expiresIn = expiresIn;
    if (sliding !== undefined) checked.sliding = sliding;
  }
  if (name !== undefined) checked.name = name.slice(0, MAX_NAME_LENGTH);
  return checked;
};
