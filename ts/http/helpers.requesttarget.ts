import type { IRequestContext } from '../core/interfaces.core.js';
import { queryOf } from '../core/pipeline/helpers.context.js';

export interface IRequestTarget {
  /** raw, as on the wire */
  path: string;
  /** what a host application has cut off before it */
  prefix?: string;
  query: IRequestContext['query'];
}

export const parseQuery = (text: string): IRequestContext['query'] =>
  // most requests have none
  text === '' ? Object.create(null) : queryOf(new URLSearchParams(text));

/** Some clients send UTF-8 unescaped; node:http then hands over its bytes as latin1 characters. */
const escapeRawBytes = (path: string): string =>
  path.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Splits a request target (RFC 9112 section 3.2) without decoding or resolving anything in it: `new URL` would
 * silently turn `/a/../b` into `/b` before the registry could refuse it.
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
 * The target of a request of which a host application has cut off the beginning: `original` is the whole. A host that
 * has rewritten the URL otherwise means what it has written.
 */
export const cutTarget = (original: string, rest: string): IRequestTarget => {
  const target = splitTarget(rest);
  const { path: whole } = splitTarget(original);
  if (whole === target.path) return target;
  // of `/packages` Express leaves `/`
  if (target.path === '/' && !whole.endsWith('/')) return { ...target, prefix: whole };
  if (!whole.endsWith(target.path)) return target;
  return { ...target, prefix: whole.slice(0, -target.path.length) };
};
