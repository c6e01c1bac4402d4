import { createHash } from 'node:crypto';
import { streamToBuffer } from '../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import type {
  IArtifactPlan,
  ICommitPlan,
  ISweepOptions,
  RegistryStorage,
} from '../../ts/core/classes.registrystorage.js';
import { PackageCatalog } from '../../ts/core/listing/classes.packagecatalog.js';
import type { IObjectStore } from '../../ts/core/objectstore/interfaces.objectstore.js';

/** A protocol of the tests' own, just enough to go through the write protocol. */
export interface IToyVersion {
  version: string;
  key: string;
  sha256: string;
  writeId: string;
}

export interface IToyDocument {
  name: string;
  revision: number;
  versions: IToyVersion[];
}

export type TToyEntry = { versions: string[] };

export const documentKey = (name: string): string => `toy/packages/${encodeURIComponent(name)}/doc.json`;
const toyNameOf = (key: string): string | undefined => {
  const [, segment] = /^toy\/packages\/([^/]+)\/doc\.json$/.exec(key) ?? [];
  return segment === undefined ? undefined : decodeURIComponent(segment);
};
export const artifactKey = (name: string, version: string): string =>
  `toy/packages/${encodeURIComponent(name)}/files/${version}.bin`;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const toyCatalog = (storage: RegistryStorage): PackageCatalog<IToyDocument, TToyEntry> =>
  new PackageCatalog<IToyDocument, TToyEntry>(storage, {
    prefix: 'toy/catalog',
    documentKey,
    documents: { prefix: 'toy/packages/', nameOf: toyNameOf },
    entry: (_name, doc) => (doc.versions.length > 0 ? { versions: doc.versions.map(({ version }) => version) } : null),
    revision: (doc) => doc.revision,
  });

/** With `replaces`, a version that is there gets other bytes, as a Maven SNAPSHOT does. */
export const toyPlan = (
  name: string,
  version: string,
  artifacts: IArtifactPlan[],
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
  replaces = false,
): ICommitPlan<IToyDocument> => ({
  packageName: name,
  version,
  place: artifacts,
  document: {
    key: documentKey(name),
    apply: (current, placed, stamp) => {
      const others = current?.versions.filter((entry) => entry.version !== version) ?? [];
      if (!replaces && others.length < (current?.versions.length ?? 0)) {
        throw new RegistryError('alreadyExists', `${name} ${version} exists`);
      }
      const { key, digests } = placed[0]!;
      const added = { version, key, sha256: digests.sha256!, writeId: stamp.id };
      return { name, revision: (current?.revision ?? 0) + 1, versions: [...others, added] };
    },
    applied: (current, stamp) => current.versions.some((entry) => entry.writeId === stamp.id),
  },
  ...(replaces && { drop: keysGone }),
  catalog,
});

const keysOf = (document: IToyDocument | null): string[] => document?.versions.map(({ key }) => key) ?? [];
const keysGone = (before: IToyDocument | null, after: IToyDocument | null): string[] =>
  keysOf(before).filter((key) => !keysOf(after).includes(key));

export const publishToy = async (
  storage: RegistryStorage,
  name: string,
  version: string,
  bytes: Uint8Array,
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
  replaces = false,
): Promise<IToyDocument> => {
  // as a stream, so that it is treated as an upload
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  const staged = await storage.stage(body, { hashes: ['sha256'] });
  const artifact = { staged, key: artifactKey(name, version), contentType: 'application/octet-stream' };
  return (await storage.commit(toyPlan(name, version, [artifact], catalog, replaces)))!;
};

export const removeToy = async (
  storage: RegistryStorage,
  name: string,
  version: string,
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
): Promise<IToyDocument> => {
  const document = await storage.commit<IToyDocument>({
    packageName: name,
    version,
    document: {
      key: documentKey(name),
      apply: (current) => {
        if (!current?.versions.some((entry) => entry.version === version)) {
          throw new RegistryError('notFound', `${name} ${version} does not exist`);
        }
        const versions = current.versions.filter((entry) => entry.version !== version);
        return { ...current, revision: current.revision + 1, versions };
      },
    },
    drop: keysGone,
    catalog,
  });
  return document!;
};

export const allKeys = async (store: IObjectStore, prefix = ''): Promise<string[]> => {
  const keys: string[] = [];
  for await (const item of store.list({ prefix })) if ('key' in item) keys.push(item.key);
  return keys;
};

/** What a reader can see: the version's bytes, or null where the document does not have it. Throws where it lies. */
export const readToy = async (store: IObjectStore, name: string, version: string): Promise<Buffer | null> => {
  const found = await store.get(documentKey(name));
  if (!found || found === 'notModified') return null;
  const doc = JSON.parse((await streamToBuffer(found.body)).toString()) as IToyDocument;
  const entries = doc.versions.filter((entry) => entry.version === version);
  if (entries.length > 1) throw new Error(`${version} is listed ${entries.length} times`);
  const [entry] = entries;
  if (!entry) return null;
  const artifact = await store.get(entry.key);
  if (!artifact || artifact === 'notModified') throw new Error(`the document names ${entry.key}, which is not there`);
  const bytes = await streamToBuffer(artifact.body);
  if (sha256(bytes) !== entry.sha256) throw new Error(`${entry.key} has other bytes than the document says`);
  return bytes;
};

export const sweepToys = (storage: RegistryStorage, options: ISweepOptions = { olderThanMs: 0 }): Promise<number> =>
  storage.sweepPackages<IToyDocument>({
    prefix: 'toy/packages/',
    ownerOf: (key) => key.replace(/^(toy\/packages\/[^/]+\/).*$/, '$1doc.json'),
    named: keysOf,
    ...options,
  });

/** Everything that a sweep removes, as if a day had passed. */
export const sweepAll = async (storage: RegistryStorage): Promise<void> => {
  await storage.sweep({ olderThanMs: 0 });
  await sweepToys(storage);
};
