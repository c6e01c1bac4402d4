import { expand, type TVersionData } from '../../../ts/composer/wire/wire.minifier.js';
import { sha1 } from '../composer/packages.js';
import { FILTER_THING, PACKAGE } from './composer-operations.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { unnamedKeys } from './package-model.js';
import type { Replica } from './replica.js';

interface IServed {
  packages: Record<string, TVersionData[]>;
  filter?: { malware?: { constraint: string }[] };
}

/** Both files; null if the package is absent, a text if something is wrong. */
const read = async (by: Replica): Promise<{ versions: TVersionData[]; filter: string } | null | string> => {
  const answers = await Promise.all(['', '~dev'].map((suffix) => by.get(`/composer/p2/${PACKAGE}${suffix}.json`)));
  const statuses = answers.map(({ status }) => status);
  if (statuses.every((status) => status === 404)) return null;
  if (statuses.some((status) => status !== 200)) return `broken: p2 is ${statuses.join(' and ')}`;
  const files = answers.map(({ text }) => JSON.parse(text) as IServed);
  const [main] = files as [IServed, IServed];
  return {
    versions: files.flatMap(({ packages }) => expand(packages[PACKAGE] ?? [])),
    filter: (main.filter?.malware ?? []).map(({ constraint }) => constraint).join(' || ') || ABSENT,
  };
};

/** sha1 of the version's bytes as they are served. */
const download = async (by: Replica, versions: TVersionData[], wanted: string): Promise<string> => {
  const version = versions.find((one) => one.version === wanted);
  if (!version) return ABSENT;
  const { url, reference, shasum } = version.dist as { url: string; reference: string; shasum: string };
  const { status, bytes } = await by.get(new URL(url).pathname);
  if (status !== 200) return `broken: listed, but its zip is ${status}`;
  const found = sha1(bytes);
  return found === reference && found === shasum ? found : 'broken: its zip has other bytes';
};

export const composerModel: IProtocolModel = {
  protocol: 'composer',

  async observe(by, thing) {
    const served = await read(by);
    if (served === null) return ABSENT;
    if (typeof served === 'string') return served;
    if (thing === FILTER_THING) return served.filter;
    return download(by, served.versions, thing.slice(thing.indexOf('@') + 1));
  },

  async contradictions(by) {
    const served = await read(by);
    if (served === null) return [];
    if (typeof served === 'string') return [served];
    const found: string[] = [];
    const { versions } = served;
    if (versions.length === 0) found.push('a package without a version is served');
    if (new Set(versions.map((one) => one.version_normalized)).size < versions.length) found.push('a version twice');
    for (const version of versions) {
      const seen = await download(by, versions, version.version as string);
      if (seen.startsWith('broken')) found.push(`${version.version} is ${seen}`);
      if (typeof version['published-time'] !== 'string') found.push(`${version.version} has no time`);
    }
    return found;
  },

  async lagging(by) {
    const served = await read(by);
    const isThere = served !== null && typeof served === 'object';
    const found: string[] = [];
    const root = JSON.parse((await by.get('/composer/packages.json')).text) as { 'available-packages'?: string[] };
    if ((root['available-packages'] ?? []).includes(PACKAGE) !== isThere) found.push('packages.json disagrees with p2');
    const search = JSON.parse((await by.get('/composer/search.json?q=acme')).text) as { total: number };
    if (search.total !== (isThere ? 1 : 0)) found.push(`search finds ${search.total}`);
    const summary = JSON.parse((await by.get('/composer/filter.json')).text) as {
      filter: { malware?: Record<string, string> };
    };
    const blocked = summary.filter.malware?.[PACKAGE] ?? ABSENT;
    const wanted = isThere ? served.filter : ABSENT;
    if (blocked !== wanted) found.push(`the summary blocks ${blocked}, p2 ${wanted}`);
    return found;
  },

  leftovers: (_world, store) => unnamedKeys(store, 'composer', (key) => key.endsWith('/metadata.json')),
};
