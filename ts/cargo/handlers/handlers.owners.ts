import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { knownAs } from '../helpers.document.js';
import type { ICargoDocument } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.cargo.js';
import { crateOf } from './handlers.download.js';

/** bytes of a body with names of users */
const MAX_BODY = 64 * 1024;
/** users of one request: each is a write */
const MAX_USERS = 100;

/** The crate in the path; throws `notFound` if there is none. */
const existingCrate = async (call: RegistryCall): Promise<string> => {
  const wanted = crateOf(call);
  const document = knownAs((await call.storage.read<ICargoDocument>(documentKey(wanted)))?.value, wanted);
  if (!document) throw call.absent(wanted.toLowerCase());
  return document.name;
};

const usersIn = async (call: RegistryCall): Promise<string[]> => {
  const body = await call.body.json<unknown>({ limit: MAX_BODY });
  const users: unknown = isRecord(body) ? (body.users ?? body.owners) : undefined;
  const isList = Array.isArray(users) && users.length > 0 && users.every((user) => typeof user === 'string');
  if (!isList) throw new RegistryError('invalid', 'The body is not of the form {"users": ["name"]}');
  if (users.length > MAX_USERS) throw new RegistryError('invalid', `The body has more than ${MAX_USERS} users`);
  return [...new Set(users as string[])];
};

/**
 * GET /api/v1/crates/{crate}/owners. Owners are users with the scope to write this very crate.
 * @see https://doc.rust-lang.org/cargo/reference/registry-web-api.html#owners
 */
export const listOwners = async (call: RegistryCall, cargo: ICargoParts): Promise<object> => {
  const name = await existingCrate(call);
  const owners = await cargo.owners.list(name.toLowerCase());
  return { users: owners.map(({ userId, id }) => ({ id, login: userId, name: null })) };
};

/** PUT and DELETE /api/v1/crates/{crate}/owners. cargo fails without `msg`, and prints it. */
const changeOwners = async (
  call: RegistryCall,
  cargo: ICargoParts,
  change: (name: string, users: string[]) => Promise<void>,
): Promise<{ name: string; users: string }> => {
  const right = crateOf(call).toLowerCase();
  await cargo.owners.authorizeChange(call.token, right);
  const name = await existingCrate(call);
  const users = await usersIn(call);
  await change(right, users);
  return { name, users: users.join(', ') };
};

export const addOwners = async (call: RegistryCall, cargo: ICargoParts): Promise<object> => {
  const { name, users } = await changeOwners(call, cargo, (crate, wanted) => cargo.owners.add(crate, wanted));
  return { ok: true, msg: `${users} may now publish and yank versions of ${name}` };
};

export const removeOwners = async (call: RegistryCall, cargo: ICargoParts): Promise<object> => {
  const { name, users } = await changeOwners(call, cargo, (crate, wanted) => cargo.owners.remove(crate, wanted));
  return { ok: true, msg: `${users} removed from the owners of ${name}` };
};
