import { isReadAction } from '../../core/auth/helpers.scopes.js';
import type { ITokenInfo } from '../../core/auth/interfaces.auth.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { parseTokenRequest, renderToken } from '../wire/wire.tokens.js';

/** bytes */
const MAX_BODY = 64 * 1024;

const owner = (call: RegistryCall): string => call.userId as string;

/**
 * A read-only token must not create or revoke tokens that may write. That holds for a token with `readonly`, and for
 * one whose scopes (`npm token create` with package names) are read-only.
 */
const refuseReadOnly = (call: RegistryCall): void => {
  const { readonly, scopes = [] } = call.token ?? {};
  const onlyReads = scopes.every((scope) => isReadAction(scope.slice(scope.lastIndexOf(':') + 1)));
  if (readonly || onlyReads) throw new RegistryError('forbidden', 'A read-only token cannot manage tokens');
};

const ownTokens = async (call: RegistryCall): Promise<ITokenInfo[]> => {
  try {
    return await call.auth.listTokens(owner(call));
  } catch (error) {
    // npm retries if the status is 500 or more
    if (RegistryError.is(error, 'unsupported')) throw new RegistryError('unprocessable', error.message);
    throw error;
  }
};

/** GET /-/npm/v1/tokens: the caller's own tokens, on one page. */
export const listTokens = async (call: RegistryCall): Promise<object> => {
  const tokens = (await ownTokens(call)).filter(({ protocol }) => protocol === 'npm');
  tokens.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  return { objects: tokens.map(renderToken), total: tokens.length, urls: {} };
};

/** POST /-/npm/v1/tokens: requires the password, so that a stolen token cannot create others. */
export const createToken = async (call: RegistryCall): Promise<IResponse> => {
  refuseReadOnly(call);
  const { password, ...options } = parseTokenRequest(await call.body.json({ limit: MAX_BODY }));
  const userId = await call.auth.authenticate({ username: owner(call), password, from: call.address });
  if (userId !== owner(call)) throw new RegistryError('unauthenticated', 'The password is wrong');
  const secret = await call.auth.createToken(userId, 'npm', options);
  const token = await call.auth.validateToken(secret, 'npm');
  const created = new Date().toISOString();
  return respond(200, {
    token: secret,
    key: token?.tokenId ?? secret,
    cidr_whitelist: [],
    readonly: token?.readonly ?? false,
    created,
    updated: created,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(token?.expiresAt === undefined ? {} : { expires: token.expiresAt.toISOString() }),
  });
};

const unknown = (): RegistryError => new RegistryError('notFound', 'There is no such token of yours');

const revoke = async (call: RegistryCall): Promise<IResponse> => {
  if (!(await call.auth.revokeTokenOf(owner(call), call.params.token as string))) throw unknown();
  return respond(200, { ok: true });
};

/** DELETE /-/npm/v1/tokens/token/{key}: the key from the list, or the secret itself. */
export const deleteToken = (call: RegistryCall): Promise<IResponse> => {
  refuseReadOnly(call);
  return revoke(call);
};

/**
 * DELETE /-/user/token/{token}: `npm logout`. A caller that has the secret may revoke the token, read-only or not. A
 * key from the list is not a secret, so it is not accepted here.
 */
export const logout = async (call: RegistryCall): Promise<IResponse> => {
  if (!(await call.auth.validateToken(call.params.token as string, call.protocol))) throw unknown();
  return revoke(call);
};
