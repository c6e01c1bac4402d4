import { createHash } from 'node:crypto';
import { streamToBuffer } from '../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../ts/core/classes.registryerror.js';
import type { IPublishPlan, RegistryStorage } from '../../ts/core/classes.registrystorage.js';
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

export const toyPlan = (
  name: string,
  version: string,
  artifacts: IPublishPlan<IToyDocument>['artifacts'],
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
): IPublishPlan<IToyDocument> => ({
  packageName: name,
  version,
  artifacts,
  document: {
    key: documentKey(name),
    apply: (current, placed, stamp) => {
      if (current?.versions.some((entry) => entry.version === version)) {
        throw new RegistryError('alreadyExists', `${name} ${version} exists`);
      }
      const { key, digests } = placed[0]!;
      const added = { version, key, sha256: digests.sha256!, writeId: stamp.id };
      return { name, revision: (current?.revision ?? 0) + 1, versions: [...(current?.versions ?? []), added] };
    },
    writeId: (current) => current.versions.find((entry) => entry.version === version)?.writeId,
  },
  catalog,
});

export const publishToy = async (
  storage: RegistryStorage,
  name: string,
  version: string,
  bytes: Uint8Array,
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
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
  return storage.publish(toyPlan(name, version, [artifact], catalog));
};

export const removeToy = (
  storage: RegistryStorage,
  name: string,
  version: string,
  catalog?: PackageCatalog<IToyDocument, TToyEntry>,
): Promise<IToyDocument> =>
  storage.remove<IToyDocument>({
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
    artifacts: (before, after) => {
      const left = new Set(after.versions.map(({ key }) => key));
      return (before?.versions ?? []).map(({ key }) => key).filter((key) => !left.has(key));
    },
    catalog,
  });

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

/** Everything that a sweep removes, as if a day had passed. */
export const sweepAll = async (storage: RegistryStorage): Promise<void> => {
  await storage.sweep({ olderThanMs: 0 });
  const named = async (key: string): Promise<boolean> => {
    const [folder] = /^toy\/packages\/[^/]+\//.exec(key) ?? [''];
    if (key === `${folder}doc.json`) return true;
    const document = await storage.read<IToyDocument>(`${folder}doc.json`);
    return document?.value.versions.some((entry) => entry.key === key) ?? false;
  };
  await storage.sweepOrphans('toy/packages/', named, { olderThanMs: 0 });
};
