import type { ICredentials } from '../../core/auth/interfaces.auth.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { parseAuthorization, respond } from '../../core/pipeline/helpers.http.js';

/** bytes */
const MAX_BODY = 64 * 1024;

const WRONG = 'Wrong user name or password';

/**
 * Returns the user's id; null if name and password do not match, or the account may not be created. A request with an
 * e-mail address creates an account (`npm adduser` sends one, `npm login` does not).
 */
export const logIn = async (call: RegistryCall, given: ICredentials, email?: string): Promise<string | null> => {
  const credentials = { ...given, from: call.address };
  const userId = await call.auth.authenticate(credentials);
  if (userId !== null || email === undefined) return userId;
  try {
    return await call.auth.register(credentials, email === '' ? {} : { email });
  } catch (error) {
    // the same answer for a name that is taken and for a registry without self-registration: neither reveals which
    // users exist
    if (RegistryError.is(error, 'forbidden') || RegistryError.is(error, 'alreadyExists')) return null;
    throw error;
  }
};

const refused = (adding: boolean): RegistryError => {
  const hint = adding ? '; new accounts are made by the administrator of this registry unless it says otherwise' : '';
  return new RegistryError('unauthenticated', WRONG + hint, { headers: { 'WWW-Authenticate': 'Basic realm="npm"' } });
};

/**
 * PUT /-/user/org.couchdb.user:{user}, with or without /-rev/{revision}: exchanges a name and password for a token. The
 * form with a revision also sends them as Basic; both forms have them in the body.
 */
export const couchLogin = async (call: RegistryCall): Promise<IResponse> => {
  const name = call.params.user as string;
  const body = await call.body.json({ limit: MAX_BODY });
  if (!isRecord(body)) throw new RegistryError('invalid', 'The body is not a JSON object');
  if (body.name !== undefined && body.name !== name) {
    throw new RegistryError('invalid', 'The name in the body is not the name in the URL');
  }
  const presented = parseAuthorization(call.header('authorization'));
  const basic = presented?.kind === 'basic' && presented.username === name ? presented.password : undefined;
  const password = body.password ?? basic;
  if (typeof password !== 'string' || password === '') throw new RegistryError('invalid', 'The password is missing');
  const email = typeof body.email === 'string' ? body.email : undefined;
  const userId = await logIn(call, { username: name, password }, email);
  if (userId === null) throw refused(email !== undefined);
  const token = await call.auth.createNpmToken(userId);
  return respond(201, { ok: true, id: `org.couchdb.user:${userId}`, rev: '1', token });
};
