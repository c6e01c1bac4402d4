import type { IIncomingContext, IRequestContext } from '../interfaces.core.js';

const isHeaders = (headers: IIncomingContext['headers']): headers is Headers =>
  typeof headers.forEach === 'function' && typeof headers.get === 'function';

const plainQuery = (query: URLSearchParams): IRequestContext['query'] => {
  const plain: IRequestContext['query'] = Object.create(null);
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    plain[name] = values.length > 1 ? values : values[0];
  }
  return plain;
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
    query: query instanceof URLSearchParams ? plainQuery(query) : query,
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
