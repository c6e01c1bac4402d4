import * as v from 'valibot';
import { normalizeScopes } from '../core/auth/helpers.scopes.js';
import type { IAuthConfig, IUserConfig } from '../core/auth/interfaces.auth.js';
import { flag, isObject, listOf, maybe, nonEmptyText, placeOf, strict, text } from './helpers.building.js';

const TOKEN_STORES = ['memory', 'redis', 'database', 'bucket'] as const;

/** Token stores that are servers; each has its settings in the field of its name. */
const SERVERS = {
  redis: { protocols: ['redis:', 'rediss:'], example: 'redis://localhost:6379' },
  database: { protocols: ['postgres:', 'postgresql:'], example: 'postgres://user:password@localhost/registry' },
};

/** The URL may have a password, so no message contains it. */
const urlOf = ({ protocols, example }: (typeof SERVERS)[keyof typeof SERVERS]) => {
  const message = `must be a URL such as "${example}"`;
  return v.pipe(
    v.string(message),
    v.check((value) => {
      // `pg` also takes a user without a host: the host of a socket is a query parameter
      const url = value.replace('@/', '@localhost/');
      return URL.canParse(url) && protocols.includes(new URL(url).protocol);
    }, message),
  );
};

const SCOPE = 'must be a scope such as "npm:package:*:read"';
/** Several actions may share a text: `oci:repository:*:pull,push`. */
const isScope = (text: string): boolean => {
  try {
    return normalizeScopes([text], 'scopes').length > 0;
  } catch {
    return false;
  }
};

/** A text that is not a scope would silently grant nothing. */
const scope = v.pipe(v.string(SCOPE), v.check(isScope, SCOPE));
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
  redis: maybe(strict<TTokens<'redis'>>()({ url: urlOf(SERVERS.redis) })),
  database: maybe(strict<TTokens<'database'>>()({ url: urlOf(SERVERS.database) })),
};

const fields = strict<IAuthConfig>('an object with jwtSecret and tokenStore')(authEntries);

/** Adds a check to a schema of `auth`: a token store that is a server has its settings. */
const withServer = <T extends v.GenericSchema<Partial<IAuthConfig>>>(schema: T) =>
  v.pipe(
    schema,
    v.rawCheck(({ dataset, addIssue }) => {
      const settings: Partial<IAuthConfig> = isObject(dataset.value) ? dataset.value : {};
      const kind = settings.tokenStore;
      if ((kind !== 'redis' && kind !== 'database') || settings[kind] !== undefined) return;
      const { example } = SERVERS[kind];
      addIssue({
        message: `is missing: tokenStore "${kind}" needs it, such as { url: "${example}" }`,
        path: placeOf(dataset.value, kind),
      });
    }),
  );

export const auth = withServer(fields);
/** of a file, where everything has a default */
export const authOfFiles = withServer(v.partial(fields));
