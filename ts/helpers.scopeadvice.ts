import { globMatches, parseScopes } from './core/auth/helpers.scopes.js';
import { PROTOCOLS, type TBuiltInProtocol } from './helpers.config.js';
import type { IRegistryConfig } from './interfaces.config.js';

/** What routes ask for, by protocol and type. */
const RIGHTS: Readonly<Record<TBuiltInProtocol, Readonly<Record<string, readonly string[]>>>> = {
  npm: { package: ['read', 'write', 'delete'] },
  oci: { repository: ['pull', 'push', 'delete'] },
  maven: { artifact: ['read', 'write', 'delete'] },
  cargo: { crate: ['read', 'write', 'delete'] },
  composer: { package: ['read', 'write', 'delete'] },
  pypi: { package: ['read', 'write', 'delete'] },
  rubygems: { gem: ['read', 'write', 'delete'] },
};

/** What no name in a scope has, by protocol: the protocol asks for the rights of a name in its canonical spelling. */
const NEVER_IN_NAMES: Readonly<Record<string, { pattern: RegExp; rule: string }>> = {
  maven: { pattern: /\//, rule: 'artifacts are GROUP:ARTIFACT, with dots in the group' },
  cargo: { pattern: /[A-Z]/, rule: 'crates are in lower case' },
  // `composer:package:acme*:read` is a vendor, and more
  composer: { pattern: /[A-Z]|^[^/*]*$/, rule: 'packages are VENDOR/PACKAGE, in lower case' },
  pypi: { pattern: /[A-Z_.]/, rule: 'projects are in lower case, with "-" instead of "_" and "."' },
};

/** Well-formed scopes that no route of this release asks for: `oci:repository:x:read`, where the action is `pull`. */
export const scopeAdvice = (scopes: readonly string[] = []): string[] =>
  scopes.flatMap((text) => {
    const [scope] = parseScopes([text]);
    if (!scope) return [];
    const [protocol = '', , ...rest] = text.split(':');
    const spelling = Object.hasOwn(NEVER_IN_NAMES, protocol) ? NEVER_IN_NAMES[protocol] : undefined;
    if (spelling?.pattern.test(rest.slice(0, -1).join(':'))) {
      return [`The scope "${text}" grants nothing: in scopes, the names of ${spelling.rule}`];
    }
    const protocols = PROTOCOLS.filter((name) => globMatches(scope.protocol, name));
    const isUseful = protocols.some((name) =>
      Object.entries(RIGHTS[name]).some(
        ([type, actions]) =>
          globMatches(scope.type, type) && actions.some((action) => globMatches(scope.action, action)),
      ),
    );
    if (isUseful) return [];
    const known = protocols.flatMap((name) =>
      Object.entries(RIGHTS[name]).map(([type, actions]) => `${name}:${type}:NAME:${actions.join('|')}`),
    );
    const instead = known.length > 0 ? `there is ${known.join(', ')}` : `protocols are ${PROTOCOLS.join(', ')}`;
    return [`The scope "${text}" grants nothing: ${instead}`];
  });

type TScoped = { auth?: Pick<IRegistryConfig['auth'], 'anonymousScopes' | 'users'> | undefined } & Pick<
  IRegistryConfig,
  'authProvider' | 'registries'
>;

/** The same for a configuration. Protocols of a host's own and its own `authProvider` have rules of their own. */
export const configAdvice = ({ auth, authProvider, registries = [] }: TScoped): string[] => {
  if (authProvider) return [];
  const scopes = [...(auth?.anonymousScopes ?? []), ...(auth?.users ?? []).flatMap(({ scopes = [] }) => scopes)];
  return scopeAdvice(
    scopes.filter((text) =>
      parseScopes([text]).every(({ protocol }) => !registries.some((own) => globMatches(protocol, own.protocol))),
    ),
  );
};
