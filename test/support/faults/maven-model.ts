import { namedKeys } from '../../../ts/maven/helpers.document.js';
import type { IMavenDocument } from '../../../ts/maven/interfaces.maven.js';
import { ABSENT } from './history.js';
import type { IProtocolModel } from './interfaces.js';
import { ARTIFACT, FOLDER, fileThing, GROUP_FOLDER, PREFIX, sha1 } from './maven-operations.js';
import { unnamedKeys } from './package-model.js';
import type { Replica } from './replica.js';

const valuesOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) => text as string);

/** The versions in the metadata, whose sum must be that of the very bytes. */
const versionsOf = async (by: Replica): Promise<string[] | string> => {
  const { status, text, bytes } = await by.get(`${FOLDER}/maven-metadata.xml`);
  if (status === 404) return [];
  if (status !== 200) return `broken: metadata ${status} ${text.slice(0, 100)}`;
  const sum = await by.get(`${FOLDER}/maven-metadata.xml.sha1`);
  if (sum.text !== sha1(bytes)) return `broken: the sum of the metadata is ${sum.status} ${sum.text}`;
  return valuesOf(text, 'version');
};

/** sha1 of a file as it is served. */
const download = async (by: Replica, path: string): Promise<string> => {
  const { status, text, bytes } = await by.get(`${FOLDER}/${path}`);
  if (status === 404) return ABSENT;
  if (status !== 200) return `broken: ${status} ${text.slice(0, 100)}`;
  const sum = await by.get(`${FOLDER}/${path}.sha1`);
  return sum.text === sha1(bytes) ? sum.text : `broken: its sum is ${sum.status} ${sum.text.slice(0, 100)}`;
};

/** A tombstone has no versions. */
const namedIn = (text: string): string[] =>
  namedKeys({ versions: {}, ...(JSON.parse(text) as Partial<IMavenDocument>) } as IMavenDocument);

const pathOf = (thing: string): string => thing.slice(fileThing('').length);

export const mavenModel: IProtocolModel = {
  protocol: 'maven',

  observe: (by, thing) => download(by, pathOf(thing)),

  async contradictions(by, world) {
    const versions = await versionsOf(by);
    if (typeof versions === 'string') return [versions];
    const found: string[] = [];
    const there = new Set<string>();
    for (const thing of world.history.things(fileThing(''))) {
      const path = pathOf(thing);
      const [version = ''] = path.split('/');
      if (!(await download(by, path)).startsWith(ABSENT)) there.add(version);
      if (!path.includes('-SNAPSHOT') && world.history.doubles(thing).length > 0) {
        found.push(`${thing} was acknowledged with different bytes`);
      }
    }
    const [listed, stored] = [[...versions].sort(), [...there].sort()].map((each) => each.join(' '));
    if (listed !== stored) found.push(`the metadata list ${listed}, and there are files of ${stored}`);
    return found;
  },

  async lagging(by, world) {
    const { status, text } = await by.get(`${GROUP_FOLDER}/maven-metadata.xml`);
    if (status !== 200 && status !== 404) return [`the metadata of the group are ${status} ${text.slice(0, 100)}`];
    const at = status === 200 ? valuesOf(text, 'artifactId').indexOf(ARTIFACT) : -1;
    const seen = at < 0 ? ABSENT : (valuesOf(text, 'prefix')[at] as string);
    if (world.history.allows(PREFIX, seen)) return [];
    return [`the prefix is ${seen}, allowed: ${world.history.allowed(PREFIX).join(' or ')}`];
  },

  leftovers: (_world, store) => unnamedKeys(store, 'maven', (key) => key.startsWith('maven/metadata/'), namedIn),
};
