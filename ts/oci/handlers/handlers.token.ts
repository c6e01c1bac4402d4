import type { IAuthToken, TPresentedCredential } from '../../core/auth/interfaces.auth.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { parseAuthorization, respond } from '../../core/pipeline/helpers.http.js';
import type { IOciParts } from '../interfaces.parts.js';
import { parseScopes } from '../wire/wire.scopes.js';

/** bytes; a hundred long scopes have 30 KB */
const MAX_FORM = 64 * 1024;
/** seconds; each use renews them, so only a client that was not used for 90 days must log in again */
const REFRESH_LIFETIME = 90 * 24 * 3600;

const refused = (message: string): RegistryError =>
  new RegistryError('unauthenticated', message, { headers: { 'WWW-Authenticate': 'Basic realm="oci"' } });

interface ITokenRequest {
  /** null: an anonymous caller */
  caller: IAuthToken | null;
  scopes: string[];
  /** returned so that the client need not keep the password */
  refreshToken?: string;
}

const callerOf = async (call: RegistryCall, oci: IOciParts, credential: TPresentedCredential): Promise<IAuthToken> => {
  const presented = credential.kind === 'basic' ? { ...credential, from: call.address } : credential;
  const caller = (await call.auth.verify(presented, 'oci'))?.token;
  if (!caller) throw refused('Wrong user name, password or token');
  if (oci.tokens.isSession(caller)) throw refused('A token of this endpoint cannot be exchanged for another one');
  const { tokenId } = caller;
  // a registry whose store is read-only still issues tokens
  if (tokenId !== undefined) call.storage.runBehind('Prolonging a refresh token', call.auth.prolongToken(tokenId));
  return caller;
};

/**
 * The refresh token. A presented token is used again, whatever its provider reports about it, because a new one would
 * have all rights of its user. For a password, a new token of the registry is made.
 */
const refreshTokenFor = async (
  call: RegistryCall,
  caller: IAuthToken,
  credential: TPresentedCredential,
): Promise<string> => {
  const secret = credential.kind === 'token' ? credential.token : credential.password || credential.username;
  const isToken = credential.kind === 'token' || caller.tokenId !== undefined;
  if (isToken || (await call.auth.validateToken(secret, 'oci'))) return secret;
  return call.auth.createToken(caller.userId, 'oci', {
    name: 'container client',
    expiresIn: REFRESH_LIFETIME,
    sliding: true,
  });
};

const issue = async (oci: IOciParts, request: ITokenRequest): Promise<IResponse> => {
  const { caller, refreshToken } = request;
  const issued = await oci.tokens.issue(caller, parseScopes(request.scopes));
  const body = {
    token: issued.token,
    access_token: issued.token,
    token_type: 'Bearer',
    expires_in: issued.expiresIn,
    issued_at: issued.issuedAt.toISOString(),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  };
  return respond(200, body, { 'Cache-Control': 'no-store' });
};

/**
 * GET /token: exchanges Basic credentials, or none, for a JWT with the allowed part of the requested scopes.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export const getToken = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const { token } = call.context;
  const credential: TPresentedCredential | null =
    token === undefined ? parseAuthorization(call.header('authorization')) : { kind: 'token', token };
  const caller = credential && (await callerOf(call, oci, credential));
  const stays = caller && call.query('offline_token') === 'true';
  const refreshToken = stays ? await refreshTokenFor(call, caller, credential) : undefined;
  return issue(oci, { caller, scopes: call.queryAll('scope'), refreshToken });
};

const formOf = async (call: RegistryCall): Promise<URLSearchParams> => {
  const { parsed } = call.body;
  if (parsed === undefined) return new URLSearchParams(await call.body.text({ limit: MAX_FORM }));
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(parsed as Record<string, unknown>)) {
    // only texts are fields: an object may not be convertible to a text
    for (const one of [value].flat()) if (typeof one === 'string') form.append(name, one);
  }
  return form;
};

/**
 * POST /token: like GET, with the credentials in a form (`grant_type` `password` or `refresh_token`).
 * @see https://distribution.github.io/distribution/spec/auth/oauth/
 */
export const postToken = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const form = await formOf(call);
  const grant = form.get('grant_type');
  const scopes = form.getAll('scope');
  if (grant === 'refresh_token') {
    const token = form.get('refresh_token') ?? '';
    return issue(oci, { caller: await callerOf(call, oci, { kind: 'token', token }), scopes, refreshToken: token });
  }
  if (grant !== 'password') {
    throw new RegistryError('invalid', 'grant_type is neither password nor refresh_token', { wireCode: 'UNSUPPORTED' });
  }
  const credential = {
    kind: 'basic' as const,
    username: form.get('username') ?? '',
    password: form.get('password') ?? '',
  };
  const caller = await callerOf(call, oci, credential);
  const stays = form.get('access_type') === 'offline';
  const refreshToken = stays ? await refreshTokenFor(call, caller, credential) : undefined;
  return issue(oci, { caller, scopes, refreshToken });
};
