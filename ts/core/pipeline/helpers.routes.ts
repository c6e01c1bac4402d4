import { RegistryError } from '../classes.registryerror.js';
import type { IResponse } from '../interfaces.core.js';
import type { RegistryCall } from './classes.registrycall.js';
import type { TAccess, TParams } from './interfaces.pipeline.js';

/** A row of a protocol's table of routes. */
export interface IRoute {
  /** upper case; a GET row also handles HEAD */
  method: string;
  /**
   * Literal ASCII segments and parameters: `{name}` is one raw segment, `{name+}` one or more, `{name:regex}` a fragment of a
   * regular expression (no capturing groups) matched against the raw, still encoded path.
   */
  path: string;
  access: TAccess;
  /**
   * parameters may have backslashes, as user names have (`DOMAIN\\user`); default: refused, because some systems use
   * them as path separators
   */
  allowBackslash?: boolean;
  /** Handles a request that the access of the row allows. */
  handle(call: RegistryCall): Promise<IResponse | object | string | Uint8Array>;
}

/** Makes rows whose handlers also get the parts of their registry. */
export const rowsWith =
  <TParts>(parts: TParts) =>
  (
    method: string,
    path: string,
    access: TAccess,
    handle: (call: RegistryCall, parts: TParts) => ReturnType<IRoute['handle']>,
  ): IRoute => ({ method, path, access, handle: (call) => handle(call, parts) });

interface ICompiledRoute {
  route: IRoute;
  pattern: RegExp;
  names: string[];
}

export interface IRouteMatch {
  route: IRoute;
  params: TParams;
}

const PARAMETER = /\{([A-Za-z]\w*)(\+|:[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}/g;
const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Converts literal text of a path into an expression. A client may percent-encode characters such as `@` and `:`
 * without need (as `encodeURIComponent` does, and Java's `URLEncoder` with `~`); it means the same path (RFC 3986
 * section 2.2).
 */
const literal = (text: string): string =>
  text.replace(/[^A-Za-z0-9/_-]/g, (character) => {
    const plain = escapeRegExp(character);
    const hex = character.charCodeAt(0).toString(16).padStart(2, '0');
    const digits = hex.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    return character === '.' ? plain : `(?:${plain}|%${digits})`;
  });

const fragment = (kind: string | undefined): string => {
  if (kind === undefined) return '[^/]+';
  return kind === '+' ? '.+' : kind.slice(1);
};

/** Turns `/a/{b}/{c+}` into an anchored expression with one group for each parameter. */
export const compilePath = (path: string): { pattern: RegExp; names: string[] } => {
  const names: string[] = [];
  let source = '';
  let end = 0;
  for (const match of path.matchAll(PARAMETER)) {
    source += `${literal(path.slice(end, match.index))}(${fragment(match[2])})`;
    names.push(match[1] as string);
    end = match.index + match[0].length;
  }
  return { pattern: new RegExp(`^${source}${literal(path.slice(end))}$`), names };
};

const FORBIDDEN = /[\u0000-\u001f\u007f\\]/;
const FORBIDDEN_EXCEPT_BACKSLASH = /[\u0000-\u001f\u007f]/;

/**
 * Decodes one parameter exactly once (RFC 3986 section 2.4). Text that could lead a key or a file name elsewhere is
 * refused afterwards, so `%2e%2e`, `%00` and `\` are found in every spelling.
 */
export const decodeParameter = (raw: string, allowBackslash = false): string => {
  let value = raw;
  if (raw.includes('%')) {
    try {
      value = decodeURIComponent(raw);
    } catch (cause) {
      throw new RegistryError('invalid', 'The path holds a percent-encoding that is not valid UTF-8', { cause });
    }
  }
  if ((allowBackslash ? FORBIDDEN_EXCEPT_BACKSLASH : FORBIDDEN).test(value))
    throw new RegistryError('invalid', 'The path holds a character that is not allowed');
  for (const segment of value.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw new RegistryError('invalid', 'The path holds an empty, "." or ".." segment');
    }
  }
  return value;
};

/** The raw path without doubled slashes and without a query, if it has one. */
export const normalizePath = (raw: string): string => {
  const query = raw.indexOf('?');
  const path = query < 0 ? raw : raw.slice(0, query);
  const rooted = path.startsWith('/') ? path : `/${path}`;
  return rooted.includes('//') ? rooted.replace(/\/{2,}/g, '/') : rooted;
};

/**
 * The meaning of a trailing slash if no row has it: `'same'` = the resource without it, `'notFound'` = a folder, which
 * has no content (Maven's clients take 404 for absent and 400 for a fault).
 */
export type TTrailingSlash = 'same' | 'notFound';

/** A protocol's routes, compiled once. Rows are tried in their order. */
export class RouteTable {
  private readonly compiled: ICompiledRoute[];
  private readonly folders: ICompiledRoute[];

  constructor(
    public readonly routes: IRoute[],
    private readonly trailingSlash: TTrailingSlash = 'same',
  ) {
    this.compiled = routes.map((route) => ({ route, ...compilePath(route.path) }));
    this.folders = this.compiled.filter(({ route }) => route.path.endsWith('/'));
  }

  /** Whether any row, of whatever method, is for this path. */
  public knows(path: string): boolean {
    const bare = path === '/' ? path : path.replace(/\/$/, '');
    return this.compiled.some(({ pattern }) => pattern.test(path) || pattern.test(bare));
  }

  /** Throws `methodNotAllowed` (with `Allow`) for a path known under another method, `notFound` otherwise. */
  public match(method: string, path: string): IRouteMatch {
    let found: IRouteMatch | undefined;
    if (path === '/' || !path.endsWith('/')) {
      found = find(this.compiled, method, path);
    } else {
      found = find(this.folders, method, path);
      if (!found && this.trailingSlash === 'same') found = find(this.compiled, method, path.slice(0, -1));
    }
    if (found) return found;
    throw new RegistryError('notFound', 'There is nothing at this path');
  }
}

/** Undefined if no row matches the path. */
const find = (rows: ICompiledRoute[], method: string, path: string): IRouteMatch | undefined => {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const allowed = new Set<string>();
  for (const { route, pattern, names } of rows) {
    if (route.method !== wanted && route.method !== method && allowed.has(route.method)) continue;
    const found = pattern.exec(path);
    if (!found) continue;
    if (route.method === wanted || route.method === method) {
      const params: TParams = Object.create(null);
      names.forEach((name, index) => {
        params[name] = decodeParameter(found[index + 1] as string, route.allowBackslash);
      });
      return { route, params };
    }
    allowed.add(route.method);
    if (route.method === 'GET') allowed.add('HEAD');
  }
  if (allowed.size === 0) return undefined;
  throw new RegistryError('methodNotAllowed', `${method} is not possible here`, {
    headers: { Allow: [...allowed].sort().join(', ') },
  });
};
