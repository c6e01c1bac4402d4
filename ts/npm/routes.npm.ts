/**
 * A package name in a raw path. A scope is followed by `/`, `%2f` or `%2F`. Names do not begin with a hyphen, so paths
 * below `/-/` are never names.
 */
export const NAME = '{name:(?:@|%40)(?:(?!%2[fF])[^/])+(?:/|%2[fF])[^/]+|(?![-@]|%40)[^/]+}';
