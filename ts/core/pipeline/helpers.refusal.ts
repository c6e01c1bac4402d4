import { isReadAction } from '../auth/helpers.scopes.js';
import type { IAuthToken } from '../auth/interfaces.auth.js';
import type { AuthManager } from '../classes.authmanager.js';
import { RegistryError } from '../classes.registryerror.js';
import type { TRegistryProtocol } from '../interfaces.core.js';

/** The caller of a request, as `RegistryCall` has it. */
interface ICaller {
  auth: Pick<AuthManager, 'holdsSome'>;
  protocol: TRegistryProtocol;
  token: IAuthToken | null;
  userId: string | undefined;
}

/** The error for a name that is not in this registry, or that the caller must not know of. */
export const absentName = (name: string): RegistryError =>
  new RegistryError('notFound', `${name} is not in this registry`);

/**
 * The error for a caller without the right. With `hidesNames`, a name that must not be read is absent for a caller that
 * may read another one, because its client would not ask the next repository after a 401 or 403. A caller that may read
 * nothing gets 401, so that its client asks for credentials.
 */
export const refusalOf = async (
  { auth, protocol, token, userId }: ICaller,
  right: { type: string; name: string; action: string },
  hidesNames: boolean,
): Promise<RegistryError> => {
  const { type, name, action } = right;
  if (hidesNames && isReadAction(action) && (await auth.holdsSome(token, protocol, type, action))) {
    return absentName(name);
  }
  if (!userId) return new RegistryError('unauthenticated', 'Authentication is required', { detail: right });
  return new RegistryError('forbidden', `This token does not allow ${action} on ${type} ${name}`, { detail: right });
};
