import { spawnSync } from 'node:child_process';
import { findTool, type ITool } from '../tools.js';

/** The Rubies at hand; those with RubyGems 3.5 and later load files with a loader that knows few classes. */
export const rubies = (): ITool[] => (['ruby', 'ruby-3.6', 'ruby-4'] as const).flatMap((name) => findTool(name) ?? []);

/** The beginning of each script: `load` is the loader that this version of RubyGems uses, `out` prints the result. */
const HEAD = `
require 'json'; require 'time'; require 'rubygems'; require 'zlib'; require 'stringio'
begin; require 'rubygems/safe_marshal'; rescue LoadError; end
BYTES = $stdin.binmode.read
SAFE = !!defined?(Gem::SafeMarshal)
def load(bytes) = SAFE ? Gem::SafeMarshal.safe_load(bytes) : Marshal.load(bytes)
def out(value) = print(JSON.generate([SAFE, value]))
`;

/** Runs a script on these bytes and returns what it gave to `out`, and whether the new loader was used. */
export const runRuby = (
  { command: [file, ...first] }: ITool,
  script: string,
  input: Uint8Array,
): [boolean, unknown] => {
  const { status, stdout, stderr } = spawnSync(file, [...first, '-e', HEAD + script], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`ruby ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as [boolean, unknown];
};
