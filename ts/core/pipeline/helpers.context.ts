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
    query: query instanceof URLSearchParams ? queryOf(query) : query,
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
