import { intersectScopes, parseScope, parseScopes, scopeToText } from '../../core/auth/helpers.scopes.js';

/** One line of a token's `access` claim (distribution token specification, "JSON Web Token Implementation"). */
export interface IOciAccess {
  type: string;
  name: string;
  actions: string[];
}

const OCI = parseScope('oci:*:*:*');

/**
 * Converts `oci:repository:a/b:pull`, … into `[{ type: 'repository', name: 'a/b', actions: ['pull'] }]`; scopes of
 * other protocols are omitted.
 */
export const scopesToAccess = (scopes: readonly string[]): IOciAccess[] => {
  const lines = new Map<string, IOciAccess>();
  for (const scope of parseScopes(scopes)) {
    const oci = OCI && intersectScopes(scope, OCI);
    if (!oci) continue;
    const [type, name, action] = [oci.type.text, oci.name.text, oci.action.text];
    const line = lines.get(`${type}:${name}`) ?? { type, name, actions: [] };
    lines.set(`${type}:${name}`, line);
    if (!line.actions.includes(action)) line.actions.push(action);
  }
  return [...lines.values()];
};

/** The reverse conversion. Malformed lines grant nothing. */
export const accessToScopes = (access: unknown): string[] => {
  if (!Array.isArray(access)) return [];
  const scopes = access.flatMap((line: Partial<IOciAccess> | null) => {
    if (typeof line !== 'object' || line === null || !Array.isArray(line.actions)) return [];
    return line.actions.map((action: unknown) => parseScope(`oci:${line.type}:${line.name}:${action}`));
  });
  return [...new Set(scopes.filter((scope) => scope !== null).map(scopeToText))];
};
