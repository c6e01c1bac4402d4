import { createHash } from 'node:crypto';
import { content, descriptorOf, type IContent, type IImage, image, MANIFEST } from '../oci/samples.js';
import { ABSENT, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';
import { sweepOnce } from './world.js';

export const blobThing = (repository: string, digest: string): string => `oci:${repository} blob ${digest}`;
export const manifestThing = (repository: string, digest: string): string => `oci:${repository} manifest ${digest}`;
export const tagThing = (repository: string, tag: string): string => `oci:${repository} tag ${tag}`;

const blob = content('the bytes of a layer');
/** over what is kept in memory on the way */
const large = content(Buffer.alloc(300 * 1024, createHash('sha256').update('large').digest()));
const one = image('one');
const two = image('two');
const signature = image('signature', { subject: descriptorOf(MANIFEST, one), artifactType: 'application/x.signature' });
const another = image('another', { subject: descriptorOf(MANIFEST, one), artifactType: 'application/x.signature' });

/** All manifests that the operations push: what each of them names, and refers to. */
export const MANIFESTS = [one, two, signature, another];
export const SUBJECT = one.digest;
export const REFERRERS = [signature.digest, another.digest];

const postBlob = async (by: Replica, repository: string, pushed: IContent): Promise<number> => {
  const target = `/v2/${repository}/blobs/uploads/?digest=${pushed.digest}`;
  const effects = { [blobThing(repository, pushed.digest)]: PRESENT };
  return (await by.send('POST', target, { body: pushed.bytes }, effects)).status;
};

const pushBlob = async (by: Replica, repository: string, pushed: IContent): Promise<number> => {
  const { status, headers } = await by.send('POST', `/v2/${repository}/blobs/uploads/`);
  if (status !== 202) return status;
  const effects = { [blobThing(repository, pushed.digest)]: PRESENT };
  return (await by.send('PUT', `${headers.Location}?digest=${pushed.digest}`, { body: pushed.bytes }, effects)).status;
};

const pushInChunks = async (by: Replica, repository: string, { bytes, digest }: IContent): Promise<number> => {
  const begun = await by.send('POST', `/v2/${repository}/blobs/uploads/`);
  if (begun.status !== 202) return begun.status;
  const half = bytes.length >> 1;
  const parts: [number, number][] = [
    [0, half],
    [half, bytes.length],
  ];
  for (const [from, to] of parts) {
    const headers = { 'content-range': `${from}-${to - 1}` };
    const { status } = await by.send('PATCH', `${begun.headers.Location}`, { body: bytes.subarray(from, to), headers });
    if (status !== 202) return status;
  }
  const effects = { [blobThing(repository, digest)]: PRESENT };
  return (await by.send('PUT', `${begun.headers.Location}?digest=${digest}`, {}, effects)).status;
};

const mount = async (by: Replica, repository: string, from: string, { digest }: IContent): Promise<number> => {
  const target = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=${from}`;
  const recording = by.world.history.begin({ [blobThing(repository, digest)]: PRESENT });
  try {
    const { status } = await by.send('POST', target);
    // 202: nothing was mounted, and an upload has begun instead
    if (status === 201) recording.acknowledged();
    else if (status < 500) recording.refused();
    else recording.unknown();
    return status;
  } catch (error) {
    recording.unknown();
    throw error;
  }
};

const pushManifest = async (by: Replica, repository: string, reference: string, pushed: IImage): Promise<number> => {
  const tags = reference.includes(':') ? {} : { [tagThing(repository, reference)]: pushed.digest };
  const effects = { ...tags, [manifestThing(repository, pushed.digest)]: PRESENT };
  const headers = { 'content-type': pushed.mediaType };
  const target = `/v2/${repository}/manifests/${reference}`;
  return (await by.send('PUT', target, { body: pushed.bytes, headers }, effects)).status;
};

const pushImage = async (by: Replica, repository: string, reference: string, pushed: IImage): Promise<number> => {
  for (const part of [pushed.config, ...pushed.layers]) {
    const status = await postBlob(by, repository, part);
    if (status !== 201) return status;
  }
  return pushManifest(by, repository, reference, pushed);
};

const deleteBlob = async (by: Replica, repository: string, { digest }: IContent): Promise<number> => {
  const effects = { [blobThing(repository, digest)]: ABSENT };
  return (await by.send('DELETE', `/v2/${repository}/blobs/${digest}`, {}, effects)).status;
};

const deleteTag = async (by: Replica, repository: string, tag: string): Promise<number> => {
  const effects = { [tagThing(repository, tag)]: ABSENT };
  return (await by.send('DELETE', `/v2/${repository}/manifests/${tag}`, {}, effects)).status;
};

const deleteManifest = async (
  by: Replica,
  repository: string,
  { digest }: IContent,
  tags: string[],
): Promise<number> => {
  // tags that point elsewhere stay, so whether one of these goes depends on when it was moved
  const effects: Record<string, string> = { [manifestThing(repository, digest)]: ABSENT };
  const gone = by.world.history.begin(Object.fromEntries(tags.map((tag) => [tagThing(repository, tag), ABSENT])));
  try {
    return (await by.send('DELETE', `/v2/${repository}/manifests/${digest}`, {}, effects)).status;
  } finally {
    gone.unknown();
  }
};

const collect = async (by: Replica): Promise<number> => {
  try {
    await sweepOnce(by);
    return 200;
  } catch (error) {
    by.world.note(by.name, 'warn', 'a collector failed', String(error));
    return 503;
  }
};

const sweep = (by: Replica): Promise<unknown> => collect(by);
const blobWrites = {
  'same blob': (by: Replica) => postBlob(by, 'r', blob),
  'same blob elsewhere': (by: Replica) => postBlob(by, 'q', blob),
  collector: sweep,
};
const tagged = (by: Replica) => pushImage(by, 'r', 'v1', one);
const elsewhere = (by: Replica) => pushImage(by, 'q', 'v1', one);
const manifestWrites = {
  'other tag': (by: Replica) => pushImage(by, 'r', 'other', two),
  'same tag': (by: Replica) => pushImage(by, 'r', 'v1', two),
  'delete manifest': (by: Replica) => deleteManifest(by, 'r', one, ['v1', 'v2']),
  collector: sweep,
};

const operations: Omit<IFaultOperation, 'protocol' | 'collects'>[] = [
  {
    name: 'blob push, one POST',
    prepare: elsewhere,
    run: (by) => postBlob(by, 'r', blob),
    interfere: blobWrites,
  },
  {
    name: 'blob push, POST and PUT',
    prepare: elsewhere,
    run: (by) => pushBlob(by, 'r', large),
    interfere: { 'same blob': (by) => postBlob(by, 'r', large), collector: sweep },
  },
  {
    name: 'blob push in chunks',
    prepare: elsewhere,
    run: (by) => pushInChunks(by, 'r', blob),
    interfere: blobWrites,
    refusals: [404],
  },
  {
    name: 'push of an existing blob',
    prepare: elsewhere,
    run: (by) => postBlob(by, 'r', one.layers[0]!),
    interfere: {
      'delete elsewhere': (by) => deleteManifest(by, 'q', one, ['v1']).then(() => deleteBlob(by, 'q', one.layers[0]!)),
      'delete and collector': (by) =>
        deleteManifest(by, 'q', one, ['v1'])
          .then(() => deleteBlob(by, 'q', one.layers[0]!))
          .then(() => collect(by)),
      collector: sweep,
    },
  },
  {
    name: 'mount',
    prepare: elsewhere,
    run: (by) => mount(by, 'r', 'q', one.layers[0]!),
    interfere: {
      'delete and collector': (by) =>
        deleteManifest(by, 'q', one, ['v1'])
          .then(() => deleteBlob(by, 'q', one.layers[0]!))
          .then(() => collect(by)),
      'push again elsewhere': (by) => postBlob(by, 'p', one.layers[0]!),
    },
  },
  {
    name: 'image push',
    prepare: async () => {},
    run: tagged,
    interfere: manifestWrites,
    refusals: [400],
    again: [],
  },
  {
    name: 'manifest push by tag',
    prepare: (by) => pushImage(by, 'r', 'v0', two).then(() => pushImage(by, 'r', one.digest, one)),
    run: (by) => pushManifest(by, 'r', 'v1', one),
    interfere: manifestWrites,
    refusals: [400],
    again: [400],
  },
  {
    name: 'tag move',
    prepare: (by) => tagged(by).then(() => pushImage(by, 'r', two.digest, two)),
    run: (by) => pushManifest(by, 'r', 'v1', two),
    interfere: manifestWrites,
    refusals: [400],
    again: [400],
  },
  {
    name: 'delete tag',
    prepare: tagged,
    run: (by) => deleteTag(by, 'r', 'v1'),
    interfere: manifestWrites,
    again: [404],
    refusals: [404],
  },
  {
    name: 'delete manifest',
    prepare: (by) => tagged(by).then(() => pushManifest(by, 'r', 'v2', one)),
    run: (by) => deleteManifest(by, 'r', one, ['v1', 'v2', 'v3']),
    interfere: {
      'other tag': manifestWrites['other tag'],
      'tag moves away': (by) => pushImage(by, 'r', 'v1', two),
      'same again': (by) => pushImage(by, 'r', 'v3', one),
      collector: sweep,
    },
    again: [404],
    refusals: [404],
  },
  {
    name: 'delete blob',
    prepare: (by) => tagged(by).then(() => postBlob(by, 'r', blob)),
    run: (by) => deleteBlob(by, 'r', blob),
    interfere: {
      'same blob': (by) => postBlob(by, 'r', blob),
      mount: (by) => mount(by, 'q', 'r', blob),
      collector: sweep,
    },
    again: [404],
    refusals: [404],
  },
  {
    name: 'referrer push',
    prepare: tagged,
    run: (by) => pushImage(by, 'r', signature.digest, signature),
    interfere: {
      'other referrer': (by) => pushImage(by, 'r', another.digest, another),
      'delete referrer': (by) => deleteManifest(by, 'r', signature, []),
    },
  },
  {
    name: 'referrer delete',
    prepare: (by) => tagged(by).then(() => pushImage(by, 'r', signature.digest, signature)),
    run: (by) => deleteManifest(by, 'r', signature, []),
    interfere: {
      'other referrer': (by) => pushImage(by, 'r', another.digest, another),
      'same referrer': (by) => pushImage(by, 'r', signature.digest, signature),
    },
    again: [404],
    refusals: [404],
  },
  {
    name: 'collector run',
    // bytes that nothing names, and an image whose last tag and manifest are gone
    prepare: async (by) => {
      await pushImage(by, 'r', 'v1', two);
      await tagged(by);
      await deleteManifest(by, 'r', one, ['v1']);
      await postBlob(by, 'r', blob);
      await deleteBlob(by, 'r', blob);
      for (const part of one.layers) await deleteBlob(by, 'r', part);
    },
    run: collect,
    interfere: {
      'same image': tagged,
      'same blob': (by) => postBlob(by, 'r', blob),
      'same image elsewhere': elsewhere,
      'other collector': sweep,
    },
    refusals: [400],
  },
];

export const ociOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  protocol: 'oci',
  // collectors run beside all of them
  collects: true,
}));
