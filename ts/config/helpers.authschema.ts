import * as v from 'valibot';
import { parseScope } from '../core/auth/helpers.scopes.js';
import type { IAuthConfig, IUserConfig } from '../core/auth/interfaces.auth.js';
import { flag, listOf, maybe, nonEmptyText, strict, text } from './helpers.building.js';

const TOKEN_STORES = ['memory', 'redis', 'database', 'bucket'] as const;

const SCOPE = 'must be a scope such as "npm:package:*:read"';
/** A text that is not a scope would silently grant nothing. */
const scope = v.pipe(
  v.string(SCOPE),
  v.check((value) => parseScope(value) !== null, SCOPE),
);
const scopes = listOf(scope, 'a list of scopes such as "npm:package:*:read"');

const user = strict<IUserConfig>()({
  username: nonEmptyText,
  password: nonEmptyText,
  email: maybe(text),
  scopes: maybe(scopes),
});

type TTokens<T extends keyof IAuthConfig> = NonNullable<IAuthConfig[T]> & object;
const tokens = strict<TTokens<'mavenTokens'>>('an object such as { enabled: true }')({ enabled: flag });

export const authEntries = {
  jwtSecret: nonEmptyText,
  tokenStore: v.picklist(TOKEN_STORES, `must be one of ${TOKEN_STORES.join(', ')}`),
  npmTokens: maybe(strict<TTokens<'npmTokens'>>()({ enabled: flag, defaultReadOnly: maybe(flag) })),
  ociTokens: maybe(
    strict<TTokens<'ociTokens'>>()({
      enabled: flag,
      realm: maybe(text),
      service: maybe(text),
      issuer: maybe(text),
    }),
  ),
  mavenTokens: maybe(tokens),
  cargoTokens: maybe(tokens),
  composerTokens: maybe(tokens),
  pypiTokens: maybe(tokens),
  rubygemsTokens: maybe(tokens),
  anonymousScopes: maybe(scopes),
  users: maybe(listOf(user)),
  selfRegistration: maybe(flag),
  redis: maybe(strict<TTokens<'redis'>>()({ url: nonEmptyText })),
  database: maybe(strict<TTokens<'database'>>()({ url: nonEmptyText })),
};

export const auth = strict<IAuthConfig>('an object with jwtSecret and tokenStore')(authEntries);
