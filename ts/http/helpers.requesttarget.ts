import type { IRequestContext } from '../core/interfaces.core.js';

export interface IRequestTarget {
  /** raw, as on the wire */
  path: string;
  /** the part before the path that a host application has removed */
  prefix?: string;
  query: IRequestContext['query'];
}

/** Repeated names become arrays. The object has no prototype, so a parameter called `__proto__` is just a name. */
export const parseQuery = (text: string): IRequestContext['query'] => {
  const query: IRequestContext['query'] = Object.create(null);
  if (text === '') return query;
  for (const [name, value] of new URLSearchParams(text)) {
    const known = query[name];
    if (known === undefined) query[name] = value;
    else query[name] = Array.isArray(known) ? [...known, value] : [known, value];
  }
  return query;
};

/** Some clients send UTF-8 unescaped; node:http then returns its bytes as latin1 characters. */
const escapeRawBytes = (path: string): string =>
  path.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Splits a request target (RFC 9112 section 3.2) without decoding or resolving anything in it: `new URL` would silently
 * turn `/a/../b` into `/b` before the registry could refuse it.
 */
export const splitTarget = (target: string): IRequestTarget => {
  const origin = target.startsWith('/') ? null : /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target);
  const local = origin ? target.slice(origin[0].length) : target;
  const hash = local.indexOf('#');
  const visible = hash < 0 ? local : local.slice(0, hash);
  const mark = visible.indexOf('?');
  const path = escapeRawBytes(mark < 0 ? visible : visible.slice(0, mark));
  return { path: path === '' ? '/' : path, query: parseQuery(mark < 0 ? '' : visible.slice(mark + 1)) };
};

/**
 * The target of a request whose beginning a host application has removed: `original` is the whole. If the host has
 * rewritten the URL in another way, the rewritten one counts.
 */
export const cutTarget = (original: string, rest: string): IRequestTarget => {
  const target = splitTarget(rest);
  const { path: whole } = splitTarget(original);
  if (whole === target.path) return target;
  // Express leaves `/` of `/packages`
  if (target.path === '/' && !whole.endsWith('/')) return { ...target, prefix: whole };
  if (!whole.endsWith(target.path)) return target;
  return { ...target, prefix: whole.slice(0, -target.path.length) };
};
