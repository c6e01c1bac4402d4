import { createHash } from 'node:crypto';
import { inParallel } from '../../../ts/core/base/helpers.concurrency.js';
import type { SmartRegistry } from '../../../ts/index.js';
import { digestOf, manifestType } from '../../support/oci/images.js';
import { copySample, sampleOf } from './copies.js';
import type { IPart, IWorld } from './interfaces.growth.js';
import { openRegistry, send } from './worlds.js';

const CONFIG = Buffer.from('{}');
const CONFIG_DIGEST = digestOf(CONFIG);

const auth = {
  jwtSecret: 'a-secret-of-the-bench-that-is-long-enough',
  tokenStore: 'memory' as const,
  users: [{ username: 'growth', password: 'correct horse', scopes: ['*:*:*:*'] }],
  anonymousScopes: ['oci:*:*:*'],
};

const openImages = async (world: IWorld) => (await openRegistry(world, { auth })).registry;

const putBlob = (registry: SmartRegistry, repository: string, bytes: Buffer) =>
  send(registry, {
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/?digest=${digestOf(bytes)}`,
    headers: { 'Content-Length': String(bytes.length), 'Content-Type': 'application/octet-stream' },
    body: bytes,
  });

const manifestOf = (annotation: string, subject?: { digest: string; size: number }): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: CONFIG_DIGEST, size: CONFIG.length },
      layers: [],
      annotations: { annotation },
      ...(subject && { subject: { mediaType: manifestType, ...subject } }),
    }),
  );

const putManifest = (registry: SmartRegistry, repository: string, reference: string, bytes: Buffer) =>
  send(registry, {
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'Content-Type': manifestType },
    body: bytes,
  });

const SUBJECT = manifestOf('the subject');
const subject = { digest: digestOf(SUBJECT), size: SUBJECT.length };
const GARBAGE = 200;
const timesOf = ({ isQuick }: IWorld): number => (isQuick ? 20 : 100);

/** Tags of one repository. */
export const tags: IPart = {
  what: 'tags',
  scales: [100, 10_000, 100_000],
  onS3: [100, 5000],
  build: async (world) => {
    const registry = await openImages(world);
    const { plain } = world.store;
    await putBlob(registry, 'tagged', CONFIG);
    await putManifest(registry, 'tagged', 'tag-0', SUBJECT);
    const key = 'oci/tags/tagged/tags.json';
    const info = await plain.head(key);
    // as 0.3.0 stores them
    const all = Array.from({ length: world.scale }, (_, number) => [`tag-${number}`, subject.digest]);
    const bytes = Buffer.from(JSON.stringify({ tags: Object.fromEntries(all), revision: 1 }));
    await plain.put(key, bytes, { contentType: 'application/json', metadata: info?.metadata });
    await registry.destroy();
  },
  measure: async (world) => {
    const registry = await openImages(world);
    // whatever takes over what another release stored
    await putManifest(registry, 'tagged', 'first', SUBJECT);
    await world.meter.step('tag PUT', timesOf(world), (at) => putManifest(registry, 'tagged', `new-${at}`, SUBJECT));
    const last = `tag-${world.scale >> 1}`;
    await world.meter.step('a page of tags', timesOf(world), () =>
      send(registry, { path: `/v2/tagged/tags/list?n=100&last=${last}` }),
    );
    await registry.destroy();
  },
};

/** Referrers of one subject. */
export const referrers: IPart = {
  what: 'referrers',
  scales: [100, 5000],
  onS3: [100, 5000],
  build: async (world) => {
    const registry = await openImages(world);
    await putBlob(registry, 'signed', CONFIG);
    await putManifest(registry, 'signed', 'latest', SUBJECT);
    const numbers = Array.from({ length: world.scale }, (_, number) => number);
    await inParallel(numbers, (number) => putReferrer(registry, `referrer ${number}`));
    await registry.destroy();
  },
  measure: async (world) => {
    const registry = await openImages(world);
    await putReferrer(registry, 'the first');
    await world.meter.step('referrer PUT', timesOf(world), (at) => putReferrer(registry, `new ${at}`));
    await registry.destroy();
  },
};

const putReferrer = (registry: SmartRegistry, annotation: string) => {
  const bytes = manifestOf(annotation, subject);
  return putManifest(registry, 'signed', digestOf(bytes), bytes);
};

/** Repositories that have one blob. */
export const links: IPart = {
  what: 'links of a blob',
  scales: [100, 10_000, 100_000],
  onS3: [100, 5000],
  build: async (world) => {
    const registry = await openImages(world);
    const { plain } = world.store;
    await putBlob(registry, 'origin', CONFIG);
    const samples = await sampleOf(world.store, 'oci/links/', () => mount(registry, 'a-sample'));
    await copySample(plain, samples, world.scale, (number) => [['a-sample', `team:app-${number}`]]);
    await registry.destroy();
  },
  measure: async (world) => {
    const registry = await openImages(world);
    const times = timesOf(world);
    await mount(registry, 'first');
    await world.meter.step('mount without from', times, (at) => mount(registry, `mounted/into-${at}`));
    await registry.destroy();
  },
};

/** Repositories, each with an image. */
export const repositories: IPart = {
  what: 'repositories',
  scales: [100, 10_000],
  onS3: [],
  build: async (world) => {
    const registry = await openImages(world);
    const { plain } = world.store;
    await putBlob(registry, 'origin', CONFIG);
    const samples = await sampleOf(world.store, 'oci/', async () => {
      await mount(registry, 'a-sample');
      await putManifest(registry, 'a-sample', 'latest', SUBJECT);
    });
    await copySample(plain, samples, world.scale, (number) => [['a-sample', `app-${number}`]]);
    await registry.destroy();
  },
  measure: async ({ meter, ...world }) => {
    const registry = await openImages({ meter, ...world });
    await registry.collectGarbage({ graceMs: 0 });
    const nothing = await meter.step('garbage looked for', 1, () => registry.collectGarbage({ graceMs: 0 }));
    for (let number = 0; number < GARBAGE; number++) {
      await putBlob(registry, 'littered', createHash('sha512').update(String(number)).digest());
    }
    const some = await meter.step('garbage collected', 1, () => registry.collectGarbage({ graceMs: 0 }));
    meter.oneOf('garbage: a blob', GARBAGE, some, nothing);
    await registry.destroy();
  },
};

const mount = (registry: SmartRegistry, repository: string) =>
  send(registry, { method: 'POST', path: `/v2/${repository}/blobs/uploads/?mount=${CONFIG_DIGEST}` });
