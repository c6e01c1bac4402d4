import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import type { Replica } from './replica.js';
import { GEM, OTHER, RIVAL } from './rubygems-operations.js';
import { allKeys, type World } from './world.js';

const GEMS = [GEM, OTHER, RIVAL];

const digest = (algorithm: string, bytes: Uint8Array | string): string =>
  createHash(algorithm).update(bytes).digest('hex');

/** A short text as Marshal writes it: names begin with the names of others. */
const marshalled = (text: string): Buffer => Buffer.from(`"${String.fromCharCode(text.length + 5)}${text}`);

interface ILine {
  slug: string;
  checksum: string;
}

interface IInfo {
  md5: string;
  lines: ILine[];
}

/** What `info/{gem}` says; a text if it is broken. A gem whose builds are all yanked is one without lines. */
const read = async (by: Replica, name: string): Promise<IInfo | string> => {
  const { status, text } = await by.get(`/rubygems/info/${name}`);
  if (status === 404) return { md5: '', lines: [] };
  if (status !== 200) return `broken: info is ${status} ${text.slice(0, 100)}`;
  const [head, ...rest] = text.split('\n');
  if (head !== '---' || rest.pop() !== '') return `broken: info is ${JSON.stringify(text.slice(0, 100))}`;
  const lines = rest.map((line) => ({
    slug: line.slice(0, line.indexOf(' ')),
    checksum: /[|,]checksum:([0-9a-f]{64})/.exec(line)?.[1] ?? 'none',
  }));
  return { md5: digest('md5', text), lines };
};

/** sha256 of a build as it is served. */
const download = async (by: Replica, name: string, { slug, checksum }: ILine): Promise<string> => {
  const { status, bytes } = await by.get(`/rubygems/gems/${name}-${slug}.gem`);
  if (status !== 200) return `broken: listed, but its gem is ${status}`;
  const quick = await by.get(`/rubygems/quick/Marshal.4.8/${name}-${slug}.gemspec.rz`);
  if (quick.status !== 200) return `broken: listed, but its gemspec is ${quick.status}`;
  return digest('sha256', bytes) === checksum ? checksum : 'broken: its gem has other bytes';
};

interface ILog {
  text: string;
  /** what is listed of each gem after the last line, and the md5 that stands last */
  gems: Map<string, { slugs: Set<string>; md5: string }>;
  /** sentences */
  wrong: string[];
}

/**
 * The log itself: the provider of these tests decides name by name, so by HTTP everybody gets a filtered file, which is in
 * another order and never appended to.
 */
const logOf = async ({ registry }: Replica): Promise<string> => {
  const { parts } = registry.getRegistry('rubygems') as unknown as {
    parts: { log: { current(): Promise<{ bytes: Buffer }> } };
  };
  return `${(await parts.log.current()).bytes}`;
};

/** `versions`, replayed line by line. */
const replay = async (by: Replica): Promise<ILog | string> => {
  const { status, text: filtered } = await by.get('/rubygems/versions');
  if (status !== 200) return `versions is ${status} ${filtered.slice(0, 100)}`;
  const text = await logOf(by);
  const wrong: string[] = [];
  const sorted = (lines: string): string => lines.split('\n').sort().join('\n');
  if (sorted(filtered) !== sorted(text)) wrong.push(`versions is ${filtered}, and the log ${text}`);
  const [first, second, ...lines] = text.split('\n');
  if (!/^created_at: \S+$/.test(first ?? '') || second !== '---') wrong.push(`versions begins with ${first} ${second}`);
  if (lines.pop() !== '') wrong.push('versions ends within a line');
  const gems: ILog['gems'] = new Map();
  for (const line of lines) {
    const [name = '', versions = '', md5 = ''] = line.split(' ');
    if (!/^[0-9a-f]{32}$/.test(md5)) wrong.push(`versions has the line ${JSON.stringify(line)}`);
    const gem = gems.get(name) ?? { slugs: new Set<string>(), md5 };
    gem.md5 = md5;
    for (const version of versions.split(',')) {
      const slug = version.replace(/^-/, '');
      const isYank = version.startsWith('-');
      if (gem.slugs.has(slug) !== isYank) wrong.push(`versions says ${version} of ${name} twice`);
      if (isYank) gem.slugs.delete(slug);
      else gem.slugs.add(slug);
    }
    gems.set(name, gem);
  }
  return { text, gems, wrong };
};

/** the head of the log, which names its segments */
const LOG = 'rubygems/versions';

/** the longest that was seen in a case: clients have it, and may append what follows */
const longest = new WeakMap<World, string>();

export const rubygemsModel: IProtocolModel = {
  protocol: 'rubygems',

  async observe(by, thing) {
    const [name, slug] = thing.slice('rubygems:'.length).split('@') as [string, string];
    const info = await read(by, name);
    if (typeof info === 'string') return info;
    const line = info.lines.find((one) => one.slug === slug);
    return line ? download(by, name, line) : ABSENT;
  },

  async contradictions(by, world) {
    const found: string[] = [];
    const files: string[] = [];
    for (const name of GEMS) {
      const info = await read(by, name);
      if (typeof info === 'string') return [info];
      files.push(...info.lines.map(({ slug }) => `${name}-${slug}`));
      for (const line of info.lines) {
        const seen = await download(by, name, line);
        if (seen.startsWith('broken')) found.push(`${name} ${line.slug} is ${seen}`);
      }
      if (new Set(info.lines.map(({ slug }) => slug)).size < info.lines.length) found.push('a build has two lines');
    }
    if (new Set(files).size < files.length) found.push(`two gems have one file name: ${files.join(' ')}`);
    for (const thing of world.history.things('rubygems:')) {
      if (world.history.doubles(thing).length > 0) found.push(`${thing} was acknowledged with different bytes`);
    }
    const log = await replay(by);
    if (typeof log === 'string') return [...found, log];
    found.push(...log.wrong);
    const before = longest.get(world) ?? '';
    if (!log.text.startsWith(before) && !before.startsWith(log.text)) {
      found.push(`versions is not append-only:\n${before}and then\n${log.text}`);
    }
    if (log.text.length > before.length) longest.set(world, log.text);
    return found;
  },

  async lagging(by) {
    const log = await replay(by);
    if (typeof log === 'string') return [log];
    const found: string[] = [];
    const names = (await by.get('/rubygems/names')).text.split('\n');
    const files = ['specs.4.8.gz', 'latest_specs.4.8.gz'];
    const specs = await Promise.all(files.map(async (file) => gunzipSync((await by.get(`/rubygems/${file}`)).bytes)));
    for (const name of GEMS) {
      const info = await read(by, name);
      if (typeof info === 'string') return [info];
      const listed = log.gems.get(name) ?? { slugs: new Set(), md5: '' };
      const slugs = info.lines.map(({ slug }) => slug);
      if ([...listed.slugs].sort().join(' ') !== slugs.sort().join(' ')) {
        found.push(`versions lists ${name} ${[...listed.slugs].join(' ')}, info ${slugs.join(' ')}`);
      }
      if (info.md5 !== listed.md5) found.push(`the last md5 of ${name} is ${listed.md5}, of its info ${info.md5}`);
      if (names.includes(name) !== slugs.length > 0) found.push(`names disagrees with the info of ${name}`);
      for (const [at, bytes] of specs.entries()) {
        if (bytes.includes(marshalled(name)) !== slugs.length > 0)
          found.push(`${files[at]} disagrees with the info of ${name}`);
      }
    }
    return found;
  },

  async leftovers(_world: World, store: IObjectStore) {
    const isDocument = (key: string): boolean => /^rubygems\/(info|filenames)\//.test(key) || key === LOG;
    const keys = (await allKeys(store)).filter((key) => key.startsWith('rubygems/'));
    const named = new Set<string>();
    for (const key of keys.filter(isDocument)) {
      const found = await store.get(key);
      if (!found || found === 'notModified') continue;
      // a tombstone of a document need not be JSON
      const text = (await streamToBuffer(found.body)).toString();
      for (const [, name] of text.matchAll(/"(rubygems\/[^"]+)"/g)) named.add(name as string);
      if (key === LOG) for (const [, id] of text.matchAll(/"id":"([^"]+)"/g)) named.add(`rubygems/log/${id}`);
    }
    return keys.filter(
      (key) =>
        !named.has(key) &&
        !isDocument(key) &&
        // the base of the listing
        !/^rubygems\/names($|\/)/.test(key) &&
        // what listings are made of, but none of the notes of writes under way
        !(key.startsWith('rubygems/catalog/') && !key.startsWith('rubygems/catalog/pending/')),
    );
  },
};
