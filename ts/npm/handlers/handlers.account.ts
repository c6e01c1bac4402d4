import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { existing } from '../helpers.document.js';
import type { INpmDocument } from '../interfaces.npm.js';
import { documentKey } from '../keys.npm.js';
import { packageOf } from './handlers.packument.js';

/** GET /-/whoami. */
export const whoami = async (call: RegistryCall): Promise<object> => ({ username: call.userId });

/** GET /-/user/org.couchdb.user:{user}: requested by `npm owner add` and in the second step of a couch login. */
export const getUser = async (call: RegistryCall): Promise<object> => {
  const name = call.params.user as string;
  const profile = await call.auth.getUser(name);
  if (!profile) throw new RegistryError('notFound', 'There is no such user');
  return {
    _id: `org.couchdb.user:${profile.userId}`,
    name: profile.userId,
    email: profile.email ?? '',
    type: 'user',
    roles: [],
    date: profile.createdAt?.toISOString(),
  };
};

/** GET /-/npm/v1/user: `npm profile get`. */
export const getProfile = async (call: RegistryCall): Promise<object> => {
  const profile = await call.auth.getUser(call.userId as string);
  const created = profile?.createdAt?.toISOString();
  return {
    name: call.userId,
    email: profile?.email ?? '',
    email_verified: false,
    tfa: false,
    fullname: '',
    created,
    updated: created,
  };
};

/** bytes */
const MAX_BODY = 16 * 1024;

const passwordsOf = (value: unknown): { old: string; new: string } => {
  const { old: before, new: after } = isRecord(value) ? value : {};
  if (typeof before === 'string' && typeof after === 'string') return { old: before, new: after };
  throw new RegistryError('invalid', 'password is not an object of two texts, old and new');
};

/**
 * POST /-/npm/v1/user: `npm profile set`. Only the password can be changed. npm sends the rest of the profile
 * unchanged, with null for an empty text.
 */
export const setProfile = async (call: RegistryCall): Promise<object> => {
  const body = await call.body.json({ limit: MAX_BODY });
  if (!isRecord(body)) throw new RegistryError('invalid', 'The profile is not an object');
  const profile = (await getProfile(call)) as Record<string, unknown>;
  const { password, ...rest } = body;
  const isSame = (field: string): boolean => (rest[field] ?? '') === (profile[field] ?? '');
  if (password === undefined || !Object.keys(rest).every(isSame)) {
    throw new RegistryError('unprocessable', 'Only the password of a profile can be changed here');
  }
  const passwords = passwordsOf(password);
  try {
    await call.auth.users.changePassword(call.userId as string, passwords.old, passwords.new, call.address);
  } catch (error) {
    // on 401 npm tells users to log in, and on 501 it retries
    if (RegistryError.is(error, 'unauthenticated')) throw new RegistryError('forbidden', error.message);
    if (RegistryError.is(error, 'unsupported')) throw new RegistryError('unprocessable', error.message);
    throw error;
  }
  return profile;
};

const documentOf = async (call: RegistryCall): Promise<INpmDocument> => {
  const name = packageOf(call);
  return existing((await call.storage.read<INpmDocument>(documentKey(name)))?.value, name);
};

/** Whether anonymous callers may read the package. */
const isPublic = async (call: RegistryCall): Promise<boolean> => {
  const { name } = await documentOf(call);
  return call.auth.authorize(null, `${call.protocol}:package:${name}`, 'read');
};

/** GET /-/package/{package}/visibility, requested by npm. */
export const getVisibility = async (call: RegistryCall): Promise<object> => ({ public: await isPublic(call) });

/** GET /-/package/{package}/access, requested by pnpm 12. */
export const getAccess = async (call: RegistryCall): Promise<object> => ({
  access: (await isPublic(call)) ? 'public' : 'restricted',
});

/** GET /-/package/{package}/collaborators. */
export const getCollaborators = async (call: RegistryCall): Promise<object> => {
  const { maintainers } = await documentOf(call);
  return Object.fromEntries(maintainers.map(({ name }) => [name, 'write']));
};

/** POST /-/package/{package}/access: refused with a message that the command line prints. */
export const setAccess = async (): Promise<never> => {
  throw new RegistryError('unprocessable', 'Scopes of users and tokens decide who may read a package');
};
