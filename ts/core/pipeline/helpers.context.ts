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

/** Each field by its name: the compiler refuses a copy that lacks one. */
type TEveryField = { [K in keyof Required<IRequestContext>]: IRequestContext[K] };

/**
 * Converts the objects of the fetch standard in a context into plain ones. The fields are named, and the signal is
 * copied as a getter, because hosts make it on demand.
 */
export const plainContext = (context: IIncomingContext): IRequestContext => {
  const { headers, query } = context;
  const areHeaders = isHeaders(headers);
  if (!areHeaders && !(query instanceof URLSearchParams)) return context as IRequestContext;
  const plain: TEveryField = {
    method: context.method,
    path: context.path,
    headers: areHeaders ? Object.fromEntries(headers.entries()) : headers,
    query: query instanceof URLSearchParams ? plainQuery(query) : query,
    body: context.body,
    token: context.token,
    actor: context.actor,
    baseUrl: context.baseUrl,
    prefix: context.prefix,
    // the registry writes into it, so it is the caller's own object
    trace: context.trace,
    get signal() {
      return context.signal;
    },
  };
  return plain;
};
