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
 * The user's id; null where name and password do not belong together, or the account may not be made. Who wants an
 * account sends an e-mail address (`npm adduser` asks for one, `npm login` does not).
 */
export const logIn = async (call: RegistryCall, given: ICredentials, email?: string): Promise<string | null> => {
  const credentials = { ...given, from: call.address };
  const userId = await call.auth.authenticate(credentials);
  if (userId !== null || email === undefined) return userId;
  try {
    return await call.auth.register(credentials, email === '' ? {} : { email });
  } catch (error) {
    // the same answer for a name that is taken and for a registry that is closed: neither says who is there
    if (RegistryError.is(error, 'forbidden') || RegistryError.is(error, 'alreadyExists')) return null;
    throw error;
  }
};

const refused = (adding: boolean): RegistryError => {
  const hint = adding ? '; new accounts are made by the administrator of this registry unless it says otherwise' : '';
  return new RegistryError('unauthenticated', WRONG + hint, { headers: { 'WWW-Authenticate': 'Basic realm="npm"' } });
};

/**
 * PUT /-/user/org.couchdb.user:{user}, with or without /-rev/{revision}: a name and its password for a token. The form
 * with a revision sends them as Basic, too; the body holds them in both.
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
