import type { IAuthToken } from './interfaces.auth.js';

/** Known by identity: nothing that a request contains can be in this set. */
const operators = new WeakSet<IAuthToken>();

/**
 * The token of the person who runs the registry and can write its store anyway. It has every right with every provider,
 * and belongs to no account.
 * @param userId the name that is recorded as the author of a change
 */
export const operatorToken = (userId: string): IAuthToken => {
  const token: IAuthToken = Object.freeze({ userId, scopes: Object.freeze(['*:*:*:*']) as string[] });
  operators.add(token);
  return token;
};

/** Whether `operatorToken` made this very object. */
export const isOperator = (token: IAuthToken | null): token is IAuthToken => token !== null && operators.has(token);
