import type { IVerifiedCaller } from '../auth/interfaces.auth.js';
import { RegistryError } from '../classes.registryerror.js';
import type { RegistryCall } from './classes.registrycall.js';
import type { INamedAccess, TAccess } from './interfaces.pipeline.js';

/**
 * The path for the log. Some protocols put a token into the path, as `npm logout` does: then it is the route's pattern.
 */
export const loggedPath = (call: RegistryCall): string =>
  Object.keys(call.params).some((name) => /token|secret/i.test(name)) ? call.route : call.path;

/** Names what is asked for: of one path a registry at the root has another part with each prefix. */
export const answerNameOf = ({ mount, path }: RegistryCall): string => `${mount}\n${path}`;

/** The name that a row's right is for. Throws `invalid` or `notFound` if the path has no valid name. */
export const nameOf = ({ name }: INamedAccess, { params }: RegistryCall): string =>
  typeof name === 'function' ? name(params) : (params[name] as string);

/** The right that a route needs, for a challenge; `undefined` if the row names none, or the path has no valid name. */
export const neededFor = (access: TAccess, call: RegistryCall): object | undefined => {
  if (typeof access !== 'object' || !('name' in access)) return undefined;
  const { type, action } = access;
  try {
    return { type, name: nameOf(access, call), action };
  } catch (error) {
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
};

/** Puts the caller into the report of the request. */
export const noteCaller = ({ context: { trace } }: RegistryCall, { token }: IVerifiedCaller): void => {
  if (!trace || !token) return;
  trace.userId = token.userId;
  if (token.tokenId !== undefined) trace.tokenId = token.tokenId;
};

/**
 * The error of a call. An abort or a time-out is the client's only if the signal of its request aborted. Otherwise
 * something that the call depends on gave up, such as an auth provider of the application's own.
 */
export const failureOf = (thrown: unknown, call: RegistryCall | null): RegistryError => {
  const error = RegistryError.from(thrown);
  if (error === thrown || error.kind !== 'timeout' || call?.signal?.aborted) return error;
  return new RegistryError('unavailable', 'The registry got no answer in time', { cause: thrown });
};
