import type { IGemEntry, IGemSpec, IListedBuild } from '../interfaces.rubygems.js';
import { MarshalWriter, RubyHash, RubyShared, RubySymbol } from './wire.marshal.js';
import { rubyVersion } from './wire.quick.js';

/** One line of a specs file. */
export interface ISpecTuple {
  name: string;
  version: string;
  platform: string;
}

/** Which builds a specs file lists: `specs` the releases, `latest` the newest release of each platform. */
export type TSpecsKind = 'specs' | 'latest' | 'prerelease';

/** How versions compare; given by the caller, so that this file knows only the format. */
export interface IVersionRules {
  compare(one: string, other: string): number;
  isPrerelease(version: string): boolean;
}

/** Bytes that are written before they are handed out: less than a millisecond of work. */
const PIECE = 32 * 1024;
/** Gems that are looked through between two pieces. */
const GEMS = 256;

/** Writes tuples; equal platforms are one object, because clients hold the whole file in memory. */
class SpecsWriter extends MarshalWriter {
  private readonly platforms = new Map<string, RubyShared>();

  public tuple(name: string | RubyShared, version: string, platform: string): void {
    let shared = this.platforms.get(platform);
    if (!shared) {
      shared = new RubyShared(platform);
      this.platforms.set(platform, shared);
    }
    this.beginArray(3);
    this.value(name);
    this.value(rubyVersion(version));
    this.value(shared);
  }
}

/** A specs file of few gems, not compressed. */
export const renderSpecs = (tuples: readonly ISpecTuple[]): Buffer => {
  const writer = new SpecsWriter();
  writer.beginArray(tuples.length);
  for (const { name, version, platform } of tuples) writer.tuple(name, version, platform);
  return writer.taken();
};

/** The newest build of each platform. */
const newestOf = (builds: readonly IListedBuild[], { compare }: IVersionRules): readonly IListedBuild[] => {
  if (builds.length < 2) return builds;
  const newest = new Map<string, IListedBuild>();
  for (const build of builds) {
    const best = newest.get(build.platform);
    if (!best || compare(build.version, best.version) > 0) newest.set(build.platform, build);
  }
  return [...newest.values()];
};

/**
 * The builds of a gem that such a file lists. Content-addressed builds are in none: clients that read these files look
 * for the file under the name of its platform (the public registry leaves them out too, its pull request 6674).
 */
export const buildsFor = (
  kind: TSpecsKind,
  builds: readonly IListedBuild[],
  rules: IVersionRules,
): readonly IListedBuild[] => {
  const listed = builds.filter(
    ({ slug, version }) => slug === undefined && rules.isPrerelease(version) === (kind === 'prerelease'),
  );
  return kind === 'latest' ? newestOf(listed, rules) : listed;
};

/**
 * A specs file of all gems, not compressed, in pieces. Others may run between two pieces: the number of tuples comes
 * first, so all gems are looked through before the first byte (then the pieces are empty).
 */
export function* specsPieces(
  kind: TSpecsKind,
  gems: readonly { readonly name: string; readonly entry: IGemEntry }[],
  rules: IVersionRules,
): Generator<Buffer, void, undefined> {
  const writer = new SpecsWriter();
  let count = 0;
  for (const [at, { entry }] of gems.entries()) {
    count += buildsFor(kind, entry.builds, rules).length;
    if (at % GEMS === 0) yield Buffer.alloc(0);
  }
  writer.beginArray(count);
  for (const { name, entry } of gems) {
    const shared = new RubyShared(name);
    for (const { version, platform } of buildsFor(kind, entry.builds, rules)) writer.tuple(shared, version, platform);
    if (writer.size >= PIECE) yield writer.taken();
  }
  yield writer.taken();
}

const dependencyHash = ({ name, version, platform, dependencies }: IGemSpec): RubyHash =>
  new RubyHash([
    [new RubySymbol('name'), name],
    [new RubySymbol('number'), version],
    [new RubySymbol('platform'), platform],
    [
      new RubySymbol('dependencies'),
      dependencies
        .filter(({ kind }) => kind === 'runtime')
        .map((dependency) => [dependency.name, dependency.requirements.join(', ')]),
    ],
  ]);

/**
 * `api/v1/dependencies?gems=…`: each build with its runtime dependencies. In pieces, because 50 gems with 200 versions
 * each take a second.
 */
export function* dependencyPieces(specs: readonly IGemSpec[]): Generator<Buffer, void, undefined> {
  const writer = new MarshalWriter();
  writer.beginArray(specs.length);
  for (const spec of specs) {
    writer.value(dependencyHash(spec));
    if (writer.size >= PIECE) yield writer.taken();
  }
  yield writer.taken();
}
