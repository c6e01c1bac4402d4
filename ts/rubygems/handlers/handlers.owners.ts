import type { IPackageOwner } from '../../core/auth/classes.packageowners.js';
import { invalid } from '../../core/base/helpers.errors.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IGemParts } from '../interfaces.parts.js';
import type { IGemDocument } from '../interfaces.rubygems.js';
import { documentKey } from '../keys.rubygems.js';
import { renderOwners } from '../wire/wire.owners.js';
import { gemOf } from './handlers.index.js';
import { readFields } from './handlers.yank.js';

/** The gem in the path; throws `notFound` if there is none. */
const existingGem = async (call: RegistryCall): Promise<string> => {
  const gem = gemOf(call);
  if (!(await call.storage.read<IGemDocument>(documentKey(gem)))) throw call.absent(gem);
  return gem;
};

const ownersOf = async (call: RegistryCall, gems: IGemParts): Promise<IPackageOwner[]> =>
  gems.owners.list(await existingGem(call));

/** GET /api/v1/gems/{gem}/owners.yaml: `gem owner`. Owners are users with the scope to write this very gem. */
export const listOwnersYaml = async (call: RegistryCall, gems: IGemParts): Promise<IResponse> =>
  respond(200, renderOwners(await ownersOf(call, gems)), { 'Content-Type': 'text/yaml; charset=utf-8' });

/** GET /api/v1/gems/{gem}/owners.json. */
export const listOwners = async (call: RegistryCall, gems: IGemParts): Promise<object> =>
  (await ownersOf(call, gems)).map(({ userId, id }) => ({ id, handle: userId, role: 'owner' }));

/** The user that is to be added or removed, whom `gem owner` calls by an address: here it is a user's name. */
const changeOwner = async (
  call: RegistryCall,
  gems: IGemParts,
  change: (gem: string, users: string[]) => Promise<void>,
): Promise<{ gem: string; user: string }> => {
  await gems.owners.authorizeChange(call.token, gemOf(call));
  const gem = await existingGem(call);
  const field = await readFields(call, ['email', 'owner']);
  const user = field('email') ?? field('owner');
  if (user === undefined) throw invalid('The field email is missing: it is the name of a user of this registry');
  await change(gem, [user]);
  return { gem, user };
};

/** POST /api/v1/gems/{gem}/owners. `gem owner --add` prints the answer. */
export const addOwner = async (call: RegistryCall, gems: IGemParts): Promise<string> => {
  const { gem, user } = await changeOwner(call, gems, (name, users) => gems.owners.add(name, users));
  return `Owner added successfully: ${user} may now push and yank versions of ${gem}\n`;
};

/** DELETE /api/v1/gems/{gem}/owners. */
export const removeOwner = async (call: RegistryCall, gems: IGemParts): Promise<string> => {
  const { gem, user } = await changeOwner(call, gems, (name, users) => gems.owners.remove(name, users));
  return `Owner removed successfully: ${user} is no longer an owner of ${gem}\n`;
};
