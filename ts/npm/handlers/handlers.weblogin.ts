import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { INpmParts } from '../interfaces.parts.js';
import { isOwnForm, loginDone, loginForm, loginOver, PAGE_HEADERS } from '../wire/wire.loginpage.js';
import { logIn } from './handlers.login.js';

/** bytes */
const MAX_BODY = 16 * 1024;
const RETRY_AFTER_S = 2;

const hostOf = (url: string): string => new URL(url).host;

const html = (status: number, body: string): IResponse => respond(status, body, PAGE_HEADERS);
const over = (): IResponse => html(404, loginOver('This login has ended. Start it again on your command line.'));

/** POST /-/v1/login: two addresses, one for the browser and one for the command line to poll. */
export const beginLogin = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const body = call.body.exists ? await call.body.json({ limit: MAX_BODY }) : {};
  const { id, secret } = npm.logins.begin(isRecord(body) && body.create === true);
  const { publicUrl } = call;
  return { loginUrl: `${publicUrl}/-/v1/login/${id}`, doneUrl: `${publicUrl}/-/v1/done/${secret}` };
};

/** GET /-/v1/login/{login}: the form. */
export const showLogin = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const login = await npm.logins.find(call.params.login as string);
  if (!login) return over();
  if (login.isDone) return html(200, loginDone());
  return html(200, loginForm({ host: hostOf(call.publicUrl), create: login.create }));
};

const fieldsOf = async (call: RegistryCall): Promise<Record<string, string>> => {
  const { parsed } = call.body;
  const source = isRecord(parsed)
    ? Object.entries(parsed)
    : [...new URLSearchParams(await call.body.text({ limit: MAX_BODY }))];
  return Object.fromEntries(source.filter((field): field is [string, string] => typeof field[1] === 'string'));
};

/** POST /-/v1/login/{login}: the submitted form. */
export const submitLogin = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const { publicUrl } = call;
  const headers = { site: call.header('sec-fetch-site'), origin: call.header('origin'), host: call.header('host') };
  if (!isOwnForm({ ...headers, publicUrl })) return html(403, loginOver('This form was sent from another site.'));
  const id = call.params.login as string;
  const login = await npm.logins.find(id);
  if (!login) return over();
  if (login.isDone) return html(200, loginDone());
  const { username = '', password = '', email = '' } = await fieldsOf(call);
  const form = { host: hostOf(publicUrl), create: login.create, username: username.slice(0, 200) };
  let userId: string | null = null;
  try {
    if (username !== '' && password !== '')
      userId = await logIn(call, { username, password }, login.create ? email : undefined);
  } catch (thrown) {
    if (!RegistryError.is(thrown, 'invalid') && !RegistryError.is(thrown, 'rateLimited')) throw thrown;
    const page = html(thrown.status, loginForm({ ...form, error: thrown.message }));
    return { ...page, headers: { ...page.headers, ...thrown.headers } };
  }
  if (userId !== null) return (await npm.logins.approve(id, userId)) ? html(200, loginDone()) : over();
  const wrong = login.create
    ? 'That did not work: the name is taken, or accounts are made by the administrator.'
    : 'Wrong user name or password.';
  return html(401, loginForm({ ...form, error: wrong }));
};

/** GET /-/v1/done/{secret}: 202 until the form was submitted, then the token, once. */
export const collectLogin = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const headers = { 'Cache-Control': 'no-store' };
  const waiting = (): IResponse => respond(202, {}, { ...headers, 'Retry-After': String(RETRY_AFTER_S) });
  if (call.method === 'HEAD') return waiting(); // a HEAD must not use up the answer
  const found = await npm.logins.collect(call.params.secret as string);
  if (found === null) throw new RegistryError('notFound', 'This login has ended; start it again', { headers });
  if (found === 'waiting') return waiting();
  return respond(200, { token: await call.auth.createNpmToken(found.userId) }, headers);
};
