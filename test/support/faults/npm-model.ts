import { createHash } from 'node:crypto';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { signingKeysKey } from '../../../ts/npm/keys.npm.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { NAME } from './npm-operations.js';
import type { Replica } from './replica.js';
import { allKeys, type World } from './world.js';

interface IServed {
  'dist-tags': Record<string, string>;
  versions: Record<string, { deprecated?: string; dist: { tarball: string; shasum: string; integrity: string } }>;
}

const read = async (by: Replica): Promise<IServed | null | string> => {
  const { status, text } = await by.get(`/npm/${NAME}`);
  if (status === 404) return null;
  return status === 200 ? (JSON.parse(text) as IServed) : `broken: packument ${status} ${text.slice(0, 100)}`;
};

/** sha1 of the version's bytes as they are served. */
const download = async (by: Replica, { versions }: IServed, version: string): Promise<string> => {
  const dist = versions[version]?.dist;
  if (!dist) return ABSENT;
  const { status, bytes } = await by.get(new URL(dist.tarball).pathname);
  if (status !== 200) return `broken: listed, but its tarball is ${status}`;
  const sha1 = createHash('sha1').update(bytes).digest('hex');
  const sha512 = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  return sha1 === dist.shasum && sha512 === dist.integrity ? sha1 : 'broken: its tarball has other bytes';
};

export const npmModel: IProtocolModel = {
  protocol: 'npm',

  async observe(by, thing) {
    const served = await read(by);
    if (served === null) return ABSENT;
    if (typeof served === 'string') return served;
    const rest = thing.slice(`npm:${NAME}`.length + 1);
    if (thing.includes('@')) return download(by, served, rest);
    if (thing.includes('#')) return served['dist-tags'][rest] ?? ABSENT;
    // of a version that is gone nothing is said
    return served.versions[rest]?.deprecated ?? ABSENT;
  },

  async contradictions(by, world) {
    const served = await read(by);
    if (served === null) return [];
    if (typeof served === 'string') return [served];
    const found: string[] = [];
    for (const thing of world.history.things(`npm:${NAME}@`)) {
      if (world.history.doubles(thing).length > 0) found.push(`${thing} was acknowledged with different bytes`);
    }
    for (const version of Object.keys(served.versions)) {
      const seen = await download(by, served, version);
      if (seen.startsWith('broken')) found.push(`${NAME}@${version} is ${seen}`);
    }
    for (const [tag, version] of Object.entries(served['dist-tags'])) {
      if (!Object.hasOwn(served.versions, version))
        found.push(`the tag ${tag} points to ${version}, which is not there`);
    }
    if (Object.keys(served.versions).length === 0) found.push('a package without a version is served');
    return found;
  },

  async lagging(by) {
    const served = await read(by);
    const { status, text } = await by.get(`/npm/-/v1/search?text=${NAME}`);
    if (status !== 200) return [`search is ${status} ${text.slice(0, 100)}`];
    const { objects } = JSON.parse(text) as { objects: { package: { name: string; version: string } }[] };
    const hit = objects.find(({ package: { name } }) => name === NAME)?.package.version;
    const latest = served && typeof served === 'object' ? served['dist-tags'].latest : undefined;
    return hit === latest ? [] : [`search has ${NAME}@${hit}, the packument ${latest}`];
  },

  async leftovers(_world: World, store: IObjectStore) {
    const keys = (await allKeys(store)).filter((key) => key.startsWith('npm/'));
    const named = new Set<string>();
    for (const key of keys.filter((name) => name.endsWith('/index.json'))) {
      const found = await store.get(key);
      if (!found || found === 'notModified') continue;
      // a tombstone of a document need not be JSON
      for (const [, name] of (await streamToBuffer(found.body)).toString().matchAll(/"(npm\/packages\/[^"]+)"/g)) {
        named.add(name as string);
      }
    }
    return keys.filter(
      (key) =>
        !named.has(key) &&
        // made by the first publish that needs it, for good
        key !== signingKeysKey &&
        // documents and their tombstones
        !/^npm\/packages\/.+\/index\.json$/.test(key) &&
        // what listings are made of, but none of the notes of writes under way
        !(key.startsWith('npm/catalog/') && !key.startsWith('npm/catalog/pending/')),
    );
  },
};
