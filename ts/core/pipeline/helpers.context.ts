import type { IIncomingContext, IRequestContext } from '../interfaces.core.js';

const isHeaders = (headers: IIncomingContext['headers']): headers is Headers =>
  typeof headers.forEach === 'function' && typeof headers.get === 'function';

/**
 * The parameters of a query by their names. Repeated names become lists. The object has no prototype, so a parameter called
 * `__proto__` is just a name. The work grows with the number of parameters, whatever their names are.
 */
export const queryOf = (parameters: Iterable<[name: string, value: string]>): IRequestContext['query'] => {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of parameters) {
    const known = query[name];
    if (known === undefined) query[name] = value;
    else if (typeof known === 'string') query[name] = [known, value];
    else known.push(value);
  }
  return query;
};

/**
 * Converts the objects of the fetch standard in a context into plain ones. The fields are named, and the signal is
 * copied as a getter, because hosts make it on demand.
 */
export const plainContext = (context: IIncomingContext): IRequestContext => {
  const { headers, query } = context;
  const areHeaders = isHeaders(headers);
  if (!areHeaders && !(query instanceof URLSearchParams)) return context as IRequestContext;
  const { method, path, body, token, actor, baseUrl, prefix } = context;
  return {
    method,
    path,
    headers: areHeaders ? Object.fromEntries(headers.entries()) : headers,
    query: query instanceof URLSearchParams ? queryOf(query) : query,
    body,
    ...(token !== undefined && { token }),
    ...(actor && { actor }),
    ...(baseUrl !== undefined && { baseUrl }),
    ...(prefix !== undefined && { prefix }),
    get signal() {
      return context.signal;
    },
  };
};
