import type { IAuthProvider } from './interfaces.auth.js';

/** The number of prototypes between `object` and the one that defines `name`; 0 = the object itself. */
const depthOf = (object: object, name: keyof IAuthProvider): number => {
  let depth = 0;
  for (let owner: object | null = object; owner; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, name)) return depth;
    depth++;
  }
  return Number.POSITIVE_INFINITY;
};

/**
 * Whether `permissions()` of a provider may replace calls of `authorize()`. It may not if a subclass (or an assignment
 * to the object) overrides only `authorize()`: the inherited `permissions()` would ignore that.
 */
export const decidesInBulk = (
  provider: IAuthProvider,
): provider is IAuthProvider & Required<Pick<IAuthProvider, 'permissions'>> =>
  typeof provider.permissions === 'function' && depthOf(provider, 'permissions') <= depthOf(provider, 'authorize');
