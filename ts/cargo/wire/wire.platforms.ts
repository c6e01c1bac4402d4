import { invalid } from '../../core/base/helpers.errors.js';
import { quoted } from './wire.names.js';

/** A space, or one of the parts that a `cfg(…)` has. */
const TOKEN = / |"[^"]*"|(?:r#)?[A-Za-z_][A-Za-z0-9_]*|[(),=]/y;
const NAME = /^(?:r#)?[A-Za-z_]/;
/** The name of a target, such as `x86_64-unknown-linux-gnu`. */
const NAMED = /^[\p{Alphabetic}\p{N}_.-]*$/u;
/** `all`, `any` and `not` within each other */
const MAX_DEPTH = 128;

/** The tokens of an expression without its spaces; undefined if it has something else. */
const tokensOf = (text: string): string[] | undefined => {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) return undefined;
    if (token !== ' ') tokens.push(token);
  }
  return tokens;
};

/** Whether this is an expression of `cfg`: `unix`, `feature = "x"`, `all(…)`, `any(…)`, `not(…)`. */
const isExpression = (text: string): boolean => {
  const tokens = tokensOf(text);
  if (!tokens) return false;
  let at = 0;
  const takes = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at += 1;
    return true;
  };
  const reads = (depth: number): boolean => {
    const token = tokens[at] ?? '';
    if (depth > MAX_DEPTH || !NAME.test(token)) return false;
    at += 1;
    if (token === 'not') return takes('(') && reads(depth + 1) && takes(')');
    if (token !== 'all' && token !== 'any') return !takes('=') || (tokens[at++] ?? '').startsWith('"');
    if (!takes('(')) return false;
    while (!takes(')')) {
      if (!reads(depth + 1)) return false;
      if (!takes(',')) return takes(')');
    }
    return true;
  };
  return reads(0) && at === tokens.length;
};

/**
 * The platform of a dependency: the name of a target or `cfg(…)`. Cargo skips a line of the index with another one.
 * @see https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#platform-specific-dependencies
 */
export const assertPlatform = (platform: string): string => {
  const [, expression] = /^cfg\((.*)\)$/s.exec(platform) ?? [];
  if (expression === undefined ? NAMED.test(platform) : isExpression(expression)) return platform;
  throw invalid(`${quoted(platform)} is not a valid platform: a target or \`cfg(…)\` is`);
};
