import { createHash } from 'node:crypto';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import type { IObjectStore } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import type { IClientRequest, IProtocolDescription } from '../protocol/description.js';
import type { IAnswer as ISuiteAnswer } from '../registry.js';
import { ABSENT, PRESENT, type TEffects } from './history.js';
import type { IFaultOperation, IProtocolModel } from './interfaces.js';
import type { IAnswer, Replica } from './replica.js';
import { allKeys } from './world.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const asSuiteAnswer = (answer: IAnswer): ISuiteAnswer => ({
  ...answer,
  json: () => JSON.parse(answer.text) as Record<string, unknown>,
});

/** The name of a version in the history of a case; its value is the sha256 of the artifact. */
export const versionThing = ({ protocol, names }: IProtocolDescription, version: string): string =>
  `${protocol}:${names[0]}@${version}`;

/** Sends the request of a client; `effects` is what it makes true. */
export const sendAs = (
  by: Replica,
  { method, path, headers, body }: IClientRequest,
  effects: TEffects = {},
): Promise<IAnswer> => by.send(method, path, { headers, body }, effects);

/** Uploads a version of the package of the case. */
export const publishBy = async (
  by: Replica,
  about: IProtocolDescription,
  version: string,
  filler?: string,
): Promise<number> => {
  const thing = versionThing(about, version);
  const value = sha256(await about.artifactOf(about.names[0], version, filler));
  const since = by.world.history.now;
  const { status } = await sendAs(by, await about.publish(about.names[0], version, filler), { [thing]: value });
  // "exists" is a promise as well
  if (status === about.existsStatus) by.world.history.observed({ [thing]: PRESENT }, since);
  return status;
};

/** Removes a version by `about.remove`. */
export const removeBy = async (by: Replica, about: IProtocolDescription, version: string): Promise<number> => {
  const effects = { [versionThing(about, version)]: ABSENT };
  const send = async (request: IClientRequest) =>
    asSuiteAnswer(await sendAs(by, request, request.method === 'GET' ? {} : effects));
  return (await about.remove!(send, about.names[0], version)).status;
};

const metadataOf = async (by: Replica, about: IProtocolDescription): Promise<string[] | string> => {
  const answer = await by.get(about.metadata(about.names[0]));
  if (answer.status === 404) return [];
  return answer.status === 200
    ? about.versionsIn(asSuiteAnswer(answer))
    : `broken: metadata ${answer.status} ${answer.text.slice(0, 100)}`;
};

const download = async (by: Replica, about: IProtocolDescription, version: string): Promise<string> => {
  const { status, bytes } = await by.get(about.artifact(about.names[0], version));
  return status === 200 ? sha256(bytes) : `broken: listed, but its artifact is ${status}`;
};

const keysIn = (protocol: string, text: string): string[] =>
  [...text.matchAll(new RegExp(`"(${protocol}/[^"]+)"`, 'g'))].map(([, key]) => key as string);

/**
 * Keys of a protocol that no document names.
 * @param isDocument which keys are documents, which may stay as tombstones, or made once for good
 * @param namedIn the keys that a document or tombstone with this text names; default: all that stand in it in full
 */
export const unnamedKeys = async (
  store: IObjectStore,
  protocol: string,
  isDocument: (key: string) => boolean,
  namedIn = (text: string): string[] => keysIn(protocol, text),
): Promise<string[]> => {
  const keys = (await allKeys(store)).filter((key) => key.startsWith(`${protocol}/`));
  const named = new Set<string>();
  for (const key of keys.filter(isDocument)) {
    const found = await store.get(key);
    if (!found || found === 'notModified') continue;
    // a tombstone of a document need not be JSON
    const text = (await streamToBuffer(found.body)).toString();
    for (const each of namedIn(text)) named.add(each);
  }
  return keys.filter(
    (key) =>
      !named.has(key) &&
      !isDocument(key) &&
      // what listings are made of, but none of the notes of writes under way
      !(key.startsWith(`${protocol}/catalog/`) && !key.startsWith(`${protocol}/catalog/pending/`)),
  );
};

export interface IPackageModelOptions {
  /** keys of documents, which may stay as tombstones, and of what is made once for good */
  isDocument(key: string): boolean;
  /** things that may get other bytes by design, as Composer's `dev-*`; default: none */
  isReplaceable?(thing: string): boolean;
}

/** How the state of a protocol of packages is looked at; a model may override single members. */
export const packageModel = (about: IProtocolDescription, options: IPackageModelOptions): IProtocolModel => {
  const { isDocument, isReplaceable = () => false } = options;
  const { protocol, names } = about;
  const [name] = names;
  return {
    protocol,

    async observe(by, thing) {
      const versions = await metadataOf(by, about);
      if (typeof versions === 'string') return versions;
      const version = thing.slice(`${protocol}:${name}@`.length);
      return versions.includes(version) ? download(by, about, version) : ABSENT;
    },

    async contradictions(by, world) {
      const versions = await metadataOf(by, about);
      if (typeof versions === 'string') return [versions];
      const found: string[] = [];
      for (const version of versions) {
        const seen = await download(by, about, version);
        if (seen.startsWith('broken')) found.push(`${name} ${version} is ${seen}`);
      }
      for (const thing of world.history.things(`${protocol}:${name}@`).filter((one) => !isReplaceable(one))) {
        if (world.history.doubles(thing).length > 0) found.push(`${thing} was acknowledged with different bytes`);
      }
      if (new Set(versions).size < versions.length) found.push(`a version is listed twice: ${versions.join(' ')}`);
      return found;
    },

    async lagging(by) {
      const versions = await metadataOf(by, about);
      const found: string[] = [];
      for (const { path, names: named } of about.listings) {
        const answer = await by.get(path);
        if (answer.status !== 200) found.push(`${path} is ${answer.status} ${answer.text.slice(0, 100)}`);
        else if (named(asSuiteAnswer(answer), name) !== versions.length > 0) {
          found.push(`${path} does not agree with the package, which has ${versions.length} versions`);
        }
      }
      return found;
    },

    leftovers: (_world, store) => unnamedKeys(store, protocol, isDocument),
  };
};

/** The operations that every protocol of packages has; a protocol adds its own to the list. */
export const packageOperations = (about: IProtocolDescription): IFaultOperation[] => {
  const { protocol, existsStatus } = about;
  const config = { [protocol]: { enabled: true, ...about.config } };
  const version = (n: number): string => about.version(n);
  const publish = (n: number, filler?: string) => (by: Replica) => publishBy(by, about, version(n), filler);
  const two = async (by: Replica): Promise<void> => {
    await publish(1)(by);
    await publish(2)(by);
  };
  const writes = { 'other version': publish(3), 'same version': publish(9, 'other bytes') };
  const refused = { again: [existsStatus], refusals: [existsStatus] };
  const operations: Omit<IFaultOperation, 'protocol'>[] = [
    {
      name: `${protocol}: publish, first version`,
      prepare: async () => {},
      run: publish(9),
      interfere: writes,
      ...refused,
    },
    { name: `${protocol}: publish, next version`, prepare: two, run: publish(9), interfere: writes, ...refused },
  ];
  if (about.remove) {
    operations.push({
      name: `${protocol}: remove version`,
      prepare: two,
      run: (by) => removeBy(by, about, version(2)),
      interfere: { 'other version': publish(3), 'same version': (by) => removeBy(by, about, version(2)) },
      again: [404],
      refusals: [404, 409],
    });
  }
  return operations.map((operation) => ({ ...operation, protocol, config }));
};
