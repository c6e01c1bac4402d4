import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { existing } from '../helpers.document.js';
import type { INpmDocument } from '../interfaces.npm.js';
import { documentKey } from '../keys.npm.js';
import { packageOf } from './handlers.packument.js';

/** GET /-/whoami. */
export const whoami = async (call: RegistryCall): Promise<object> => ({ username: call.userId });

/** GET /-/user/org.couchdb.user:{user}: `npm owner add` and the second round of a couch login ask for it. */
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

/** GET /-/npm/v1/user, which is `npm profile get`. */
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

const documentOf = async (call: RegistryCall): Promise<INpmDocument> => {
  const name = packageOf(call);
  return existing((await call.storage.read<INpmDocument>(documentKey(name)))?.value, name);
};

/** Public is what anybody may read without a token. */
const isPublic = async (call: RegistryCall): Promise<boolean> => {
  const { name } = await documentOf(call);
  return call.auth.authorize(null, `${call.protocol}:package:${name}`, 'read');
};

/** GET /-/package/{package}/visibility, as npm asks. */
export const getVisibility = async (call: RegistryCall): Promise<object> => ({ public: await isPublic(call) });

/** GET /-/package/{package}/access, as pnpm 12 asks. */
export const getAccess = async (call: RegistryCall): Promise<object> => ({
  access: (await isPublic(call)) ? 'public' : 'restricted',
});

/** GET /-/package/{package}/collaborators. */
export const getCollaborators = async (call: RegistryCall): Promise<object> => {
  const { maintainers } = await documentOf(call);
  return Object.fromEntries(maintainers.map(({ name }) => [name, 'write']));
};

/** POST /-/package/{package}/access: refused in words that the command line prints. */
export const setAccess = async (): Promise<never> => {
  throw new RegistryError('unprocessable', 'Who may read a package is decided by the scopes of users and tokens');
};
