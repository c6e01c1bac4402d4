import { invalid } from '../../core/base/helpers.errors.js';
import type { IGemPlatform } from '../interfaces.rubygems.js';

/** The platform of gems without compiled content. */
export const RUBY = 'ruby';

/** A platform is a part of file names and of lines of the index. */
const PLATFORM = /^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$/;

/**
 * How RubyGems reads the part behind the processor; the first that matches counts. What a row has no group for has no
 * version.
 */
const SYSTEMS: readonly [pattern: RegExp, os: string][] = [
  [/aix-?(\d+)?/, 'aix'],
  [/cygwin/, 'cygwin'],
  [/darwin-?(\d+)?/, 'darwin'],
  [/^macruby-?(\d+(?:\.\d+)*)?/, 'macruby'],
  [/freebsd-?(\d+)?/, 'freebsd'],
  [/^(?:java|jruby)$/, 'java'],
  [/^java-?(\d+(?:\.\d+)*)?/, 'java'],
  [/^dalvik-?(\d+)?$/, 'dalvik'],
  [/^dotnet$/, 'dotnet'],
  [/^dotnet-?(\d+(?:\.\d+)*)?/, 'dotnet'],
  [/linux-?(\w+)?/, 'linux'],
  [/mingw32/, 'mingw32'],
  [/mingw-?(\w+)?/, 'mingw'],
];

const MORE_SYSTEMS: readonly [pattern: RegExp, os: string][] = [
  [/netbsdelf/, 'netbsdelf'],
  [/openbsd-?(\d+\.\d+)?/, 'openbsd'],
  [/solaris-?(\d+\.\d+)?/, 'solaris'],
  [/wasi/, 'wasi'],
];

const systemIn = (text: string, systems: typeof SYSTEMS): Omit<IGemPlatform, 'cpu'> | undefined => {
  for (const [pattern, os] of systems) {
    const match = pattern.exec(text);
    if (match) return { os, version: match[1] ?? null };
  }
  return undefined;
};

const systemOf = (text: string): Omit<IGemPlatform, 'cpu'> => {
  const found = systemIn(text, SYSTEMS);
  if (found) return found;
  const [, windows, runtime] = /(mswin\d+)(?:[_-](\d+))?/.exec(text) ?? [];
  if (windows !== undefined) return { os: windows, version: runtime ?? null };
  const more = systemIn(text, MORE_SYSTEMS);
  if (more) return more;
  const [, named, version] = /^(\w+_platform)-?(\d+)?/.exec(text) ?? [];
  return named === undefined ? { os: 'unknown', version: null } : { os: named, version: version ?? null };
};

/** A platform as `Gem::Platform#to_s` writes it, e.g. `x86_64-linux` and `java1.8`; it is a part of file names. */
export const platformText = ({ cpu, os, version }: IGemPlatform): string =>
  [cpu, os, version].filter((part) => part !== null && part !== '').join(cpu === null ? '' : '-');

/**
 * Splits a platform as `Gem::Platform.new` does: `i686-linux` is `x86-linux`. Null for `ruby`. Throws `invalid` for a
 * text that is no platform.
 */
export const parsePlatform = (text: string): IGemPlatform | null => {
  if (text === '' || text === RUBY) return null;
  if (!PLATFORM.test(text)) {
    throw invalid('The platform of the gem is not of letters, digits, ".", "-", "_" and "+", or it is too long');
  }
  const plain = text.replace(/-+$/, '');
  const dash = plain.indexOf('-');
  const first = dash < 0 ? plain : plain.slice(0, dash);
  const processor = /i\d86/.test(first) ? 'x86' : first;
  const system = systemOf(dash < 0 ? first : plain.slice(dash + 1));
  if (dash >= 0) return { cpu: processor, ...system };
  // a name without a processor, such as `java`; only Windows of 32 bits says which it means
  return { cpu: /^mswin.*32$/.test(system.os) ? 'x86' : null, ...system };
};

/** A platform as file names have it: `i686-linux` is `x86-linux`. Throws `invalid` as `parsePlatform` does. */
export const canonicalPlatform = (text: string): string => {
  const parts = parsePlatform(text);
  return parts ? platformText(parts) : RUBY;
};
