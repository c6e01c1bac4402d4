import { createHash } from 'node:crypto';
import { attachmentOf, publishOf, tarball } from '../npm/packages.js';
import { ABSENT, ANY, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { IAnswer, Replica } from './replica.js';

export const NAME = 'a';
export const versionThing = (name: string, version: string): string => `npm:${name}@${version}`;
export const tagThing = (name: string, tag: string): string => `npm:${name}#${tag}`;
export const deprecationThing = (name: string, version: string): string => `npm:${name}!${version}`;

const bodies = new Map<string, { body: string; sha1: string }>();
/** over what is kept in memory while it is received, so that it is staged in the store */
const LARGE = 300 * 1024;

/** What npm sends, made once for each of these. `filler`: other bytes for the same version. */
const publication = async (version: string, filler: string, tag: string): Promise<{ body: string; sha1: string }> => {
  const key = `${version} ${filler} ${tag}`;
  let made = bodies.get(key);
  if (!made) {
    const noise = filler === 'large' ? Buffer.from(Array.from({ length: LARGE }, (_, at) => (at * at * 31) >> 3)) : '';
    const files = { 'package/filler': filler, ...(noise && { 'package/noise': incompressible(noise) }) };
    const bytes = await tarball({ name: NAME, version }, files);
    const document = await publishOf(NAME, version, { bytes, tag });
    const sha1 = createHash('sha1')
      .update(Buffer.from(attachmentOf(bytes).data, 'base64'))
      .digest('hex');
    made = { body: JSON.stringify(document), sha1 };
    bodies.set(key, made);
  }
  return made;
};

/** gzip must not make it small again */
const incompressible = (seed: Buffer): Buffer => {
  const blocks: Buffer[] = [];
  let block: Buffer = createHash('sha256').update(seed).digest();
  for (let size = 0; size < LARGE; size += block.length) {
    block = createHash('sha256').update(block).digest();
    blocks.push(block);
  }
  return Buffer.concat(blocks);
};

export const publish = async (by: Replica, version: string, filler = 'one', tag = 'latest'): Promise<number> => {
  const { body, sha1 } = await publication(version, filler, tag);
  const headers = { 'content-type': 'application/json' };
  const effects = { [versionThing(NAME, version)]: sha1, [tagThing(NAME, tag)]: version };
  const since = by.world.history.now;
  const { status, text } = await by.send('PUT', `/npm/${NAME}`, { body, headers }, effects);
  // "exists" is a promise as well; of a version that was unpublished it says that it is not there
  const isThere = status === 403 && !text.includes('unpublished');
  if (isThere) by.world.history.observed({ [versionThing(NAME, version)]: PRESENT }, since);
  return status;
};

interface IPackument {
  _rev: string;
  'dist-tags': Record<string, string>;
  versions: Record<string, { dist: { tarball: string; shasum: string }; deprecated?: string }>;
}

const packument = async (by: Replica): Promise<{ status: number; document: IPackument }> => {
  const { status, text } = await by.get(`/npm/${NAME}?write=true`);
  return { status, document: status === 200 ? (JSON.parse(text) as IPackument) : (null as never) };
};

const json = { 'content-type': 'application/json' };

/** As npm does: reads the document, takes the version out of it, and has the tarball deleted. */
export const unpublishVersion = async (by: Replica, version: string): Promise<number> => {
  const { status, document } = await packument(by);
  if (status !== 200) return status;
  if (!Object.hasOwn(document.versions, version)) return 404;
  if (Object.keys(document.versions).length === 1) return unpublishAll(by);
  const { [version]: gone, ...versions } = document.versions;
  const tags = Object.entries(document['dist-tags']);
  const left = Object.fromEntries(tags.filter(([, to]) => to !== version));
  left.latest ??= Object.keys(versions).at(-1) as string;
  const effects: Record<string, string> = {
    [versionThing(NAME, version)]: ABSENT,
    [deprecationThing(NAME, version)]: ANY,
  };
  for (const [tag] of tags) effects[tagThing(NAME, tag)] = ANY;
  const body = JSON.stringify({ ...document, versions, 'dist-tags': left });
  const changed = await by.send('PUT', `/npm/${NAME}/-rev/${document._rev}`, { body, headers: json }, effects);
  if (changed.status >= 300) return changed.status;
  const after = await packument(by);
  if (after.status !== 200) return after.status;
  const file = new URL(gone?.dist.tarball ?? '').pathname;
  // of a version that somebody has published again meanwhile this takes back the version
  for (const tag of Object.keys(after.document['dist-tags'])) effects[tagThing(NAME, tag)] = ANY;
  return (await by.send('DELETE', `${file}/-rev/${after.document._rev}`, {}, effects)).status;
};

export const unpublishAll = async (by: Replica): Promise<number> => {
  const { status, document } = await packument(by);
  if (status !== 200) return status;
  const effects: Record<string, string> = {};
  for (const version of Object.keys(document.versions)) {
    effects[versionThing(NAME, version)] = ABSENT;
    effects[deprecationThing(NAME, version)] = ANY;
  }
  for (const tag of Object.keys(document['dist-tags'])) effects[tagThing(NAME, tag)] = ANY;
  return (await by.send('DELETE', `/npm/${NAME}/-rev/${document._rev}`, {}, effects)).status;
};

export const setTag = async (by: Replica, tag: string, version: string): Promise<number> =>
  (await setTagAnswer(by, tag, version)).status;

const setTagAnswer = (by: Replica, tag: string, version: string): Promise<IAnswer> =>
  by.send(
    'PUT',
    `/npm/-/package/${NAME}/dist-tags/${tag}`,
    { body: JSON.stringify(version), headers: json },
    { [tagThing(NAME, tag)]: version },
  );

const removeTag = async (by: Replica, tag: string): Promise<number> =>
  (await by.send('DELETE', `/npm/-/package/${NAME}/dist-tags/${tag}`, {}, { [tagThing(NAME, tag)]: ABSENT })).status;

export const deprecate = async (by: Replica, version: string, message: string): Promise<number> => {
  const { status, document } = await packument(by);
  if (status !== 200) return status;
  const manifest = document.versions[version];
  if (!manifest) return 404;
  const body = JSON.stringify({
    ...document,
    versions: { ...document.versions, [version]: { ...manifest, deprecated: message } },
  });
  const effects = { [deprecationThing(NAME, version)]: message };
  return (await by.send('PUT', `/npm/${NAME}`, { body, headers: json }, effects)).status;
};

const two = async (by: Replica): Promise<void> => {
  await publish(by, '1.0.0');
  await publish(by, '2.0.0');
};

const writes = {
  'dist-tag': (by: Replica) => setTag(by, 'stable', '1.0.0'),
  'other version': (by: Replica) => publish(by, '3.0.0', 'one', 'next'),
};
const publishes = { ...writes, 'same version': (by: Replica) => publish(by, '9.0.0', 'other bytes') };
const again = { 'same version again': (by: Replica) => publish(by, '2.0.0', 'other bytes', 'again') };
const REPUBLISH = { npm: { enabled: true, allowRepublish: true } };

const operations: Omit<IFaultOperation, 'protocol'>[] = [
  {
    name: 'publish, first version',
    prepare: async () => {},
    run: (by: Replica) => publish(by, '9.0.0'),
    // the first version becomes the latest in any case
    interfere: { 'other version': (by) => publish(by, '3.0.0'), 'same version': publishes['same version'] },
    again: [403],
    refusals: [403],
  },
  {
    name: 'publish, next version',
    prepare: two,
    run: (by: Replica) => publish(by, '9.0.0'),
    interfere: { ...publishes, 'unpublish all': unpublishAll },
    again: [403],
    refusals: [403],
  },
  {
    name: 'publish, large',
    prepare: two,
    run: (by: Replica) => publish(by, '9.0.0', 'large'),
    interfere: { 'dist-tag': publishes['dist-tag'], 'same version': publishes['same version'] },
    again: [403],
    refusals: [403],
  },
  {
    name: 'publish again (allowRepublish)',
    config: REPUBLISH,
    prepare: async (by: Replica) => {
      await two(by);
      await unpublishVersion(by, '2.0.0');
    },
    run: (by: Replica) => publish(by, '2.0.0', 'other bytes'),
    interfere: { 'dist-tag': writes['dist-tag'], 'same version': (by: Replica) => publish(by, '2.0.0', 'third bytes') },
    afterwards: async (by: Replica) => {
      await unpublishVersion(by, '2.0.0');
      await publish(by, '2.0.0', 'fourth bytes');
    },
    again: [403],
    refusals: [403],
  },
  {
    name: 'unpublish version',
    config: REPUBLISH,
    prepare: two,
    run: (by: Replica) => unpublishVersion(by, '2.0.0'),
    interfere: { ...writes, ...again, deprecate: (by: Replica) => deprecate(by, '1.0.0', 'old') },
    again: [404],
    refusals: [404, 409],
  },
  {
    name: 'unpublish package',
    config: REPUBLISH,
    prepare: two,
    run: unpublishAll,
    interfere: { ...writes, ...again },
    again: [404],
    refusals: [404, 409],
  },
  {
    name: 'dist-tag add',
    prepare: two,
    run: (by: Replica) => setTag(by, 'beta', '1.0.0'),
    interfere: { ...writes, 'unpublish all': unpublishAll, 'same tag': (by: Replica) => setTag(by, 'beta', '2.0.0') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'dist-tag rm',
    prepare: async (by: Replica) => {
      await two(by);
      await setTag(by, 'beta', '1.0.0');
    },
    run: (by: Replica) => removeTag(by, 'beta'),
    interfere: { ...writes, 'same tag': (by: Replica) => setTag(by, 'beta', '2.0.0') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'deprecate',
    prepare: two,
    run: (by: Replica) => deprecate(by, '1.0.0', 'use 2.0.0'),
    interfere: { ...writes, 'same version': (by: Replica) => unpublishVersion(by, '1.0.0') },
    again: [404],
    refusals: [400, 404, 409],
  },
];

export const npmOperations: IFaultOperation[] = operations.map((operation) => ({ ...operation, protocol: 'npm' }));
