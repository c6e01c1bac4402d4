import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { digestOf } from '../oci/samples.js';
import { ABSENT, PRESENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { blobThing, MANIFESTS, manifestThing, REFERRERS, SUBJECT } from './oci-operations.js';
import type { Replica } from './replica.js';
import { allKeys, type World } from './world.js';

/** What is served at this path: its digest if that is right, and that of the header too. */
const served = async (by: Replica, path: string): Promise<string> => {
  const { status, bytes, headers, text } = await by.get(`/v2/${path}`);
  if (status === 404) return ABSENT;
  if (status !== 200) return `broken: ${path} is ${status} ${text.slice(0, 100)}`;
  const digest = digestOf(bytes);
  const named = headers['Docker-Content-Digest'] ?? digest;
  return named === digest ? digest : `broken: ${path} is named ${named} and has the digest ${digest}`;
};

const partsOf = new Map(
  MANIFESTS.map(({ digest, config, layers }) => [digest, [config.digest, ...layers.map((layer) => layer.digest)]]),
);

/** Repositories that anything was done to. */
const repositories = (world: World): string[] => [
  ...new Set(world.history.things('oci:').map((thing) => thing.slice('oci:'.length).split(' ')[0] as string)),
];

const tagsOf = async (by: Replica, repository: string): Promise<string[] | null> => {
  const { status, text } = await by.get(`/v2/${repository}/tags/list`);
  return status === 200 ? (JSON.parse(text) as { tags: string[] }).tags : null;
};

export const ociModel: IProtocolModel = {
  protocol: 'oci',

  async observe(by, thing) {
    const [repository, kind, name] = thing.slice('oci:'.length).split(' ') as [string, string, string];
    const path = kind === 'blob' ? `${repository}/blobs/${name}` : `${repository}/manifests/${name}`;
    const seen = await served(by, path);
    if (kind === 'tag' || seen === ABSENT || seen.startsWith('broken')) return seen;
    return seen === name ? PRESENT : `broken: ${thing} has the digest ${seen}`;
  },

  async contradictions(by, world) {
    const found: string[] = [];
    for (const repository of repositories(world)) {
      for (const tag of (await tagsOf(by, repository)) ?? []) {
        const seen = await served(by, `${repository}/manifests/${tag}`);
        if (!seen.startsWith('sha256:')) found.push(`${repository}:${tag} is listed and is ${seen}`);
      }
      for (const [digest, parts] of partsOf) {
        if ((await served(by, `${repository}/manifests/${digest}`)) === ABSENT) continue;
        for (const part of parts) {
          const seen = await served(by, `${repository}/blobs/${part}`);
          // somebody may have deleted it by its name
          if (seen !== part && !world.history.allowed(blobThing(repository, part)).includes(ABSENT)) {
            found.push(`${repository} has the manifest ${digest} and its blob ${part} is ${seen}`);
          }
        }
      }
    }
    return found;
  },

  async lagging(by, world) {
    const found: string[] = [];
    const { text } = await by.get('/v2/_catalog');
    const listed = (JSON.parse(text) as { repositories: string[] }).repositories;
    for (const repository of repositories(world)) {
      const isThere = (await tagsOf(by, repository)) !== null;
      if (listed.includes(repository) !== isThere) found.push(`_catalog and tags/list disagree about ${repository}`);
      const answer = await by.get(`/v2/${repository}/referrers/${SUBJECT}`);
      const { manifests } = JSON.parse(answer.text) as { manifests: { digest: string }[] };
      for (const digest of REFERRERS) {
        const has = (await served(by, `${repository}/manifests/${digest}`)) !== ABSENT;
        const names = manifests.some((entry) => entry.digest === digest);
        if (has !== names) found.push(`${repository}: the referrer ${digest} is ${has ? 'not ' : ''}listed`);
      }
    }
    return found;
  },

  mayBeSwept(thing, world) {
    const [repository, kind, name] = thing.slice('oci:'.length).split(' ') as [string, string, string];
    if (kind !== 'blob') return false;
    return ![...partsOf].some(([digest, parts]) => {
      const mayBeThere = world.history.allowed(manifestThing(repository, digest));
      return parts.includes(name) && !mayBeThere.includes(ABSENT);
    });
  },

  async leftovers(world: World, store: IObjectStore) {
    const keys = (await allKeys(store)).filter((key) => key.startsWith('oci/') || key.startsWith('staging/'));
    const links = keys.filter((key) => key.startsWith('oci/links/'));
    const isLinked = (key: string): boolean => {
      const [hex] = key.split('/').slice(-1)[0]!.split('.') as [string];
      return links.some((link) => link.includes(hex));
    };
    return keys.filter((key) => {
      // manifests stand for themselves; the others are documents (guards among them), or their tombstones
      if (/^oci\/(manifests|tags|referrers|copies|layout\.json$)/.test(key)) return false;
      if (key.includes('~')) return true;
      // swept by an age of the configuration, which comes only where the clock moves
      if (key.startsWith('oci/uploads/')) return world.movesClock;
      if (key.startsWith('oci/blobs/')) return !isLinked(key);
      return !key.startsWith('oci/links/');
    });
  },
};
