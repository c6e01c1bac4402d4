import { createHash } from 'node:crypto';
import { pushModes } from '../support/oci/blobs.js';
import { memoryOf } from '../support/process-watch.js';
import type { TBackend } from './oci.servers.js';
import { type IOciScale, manifestType, SMALL, type Turn, tagNames } from './oci.turn.js';
import type { IRow } from './report.js';

export interface IOciRow extends Omit<IRow, 'values'> {
  /** Of us only: the other cannot do it, or it is about us alone. */
  alone?: boolean;
  measure(turn: Turn): Promise<number>;
  /** What it is compared with besides, in a table of its own; measured in our turn. */
  against?: { name: string; wanted: number; measure(turn: Turn): Promise<number> };
}

const rows = (unit: string, better: IRow['better'] = 'more') => ({ unit, better, wanted: 1 });

const countOf = (field: 'tags' | 'manifests', count: number) => (body: Buffer) => {
  const found = (JSON.parse(body.toString()) as Record<string, unknown[]>)[field]?.length;
  if (found !== count) {
    throw new Error(`a list of ${found} ${field} instead of ${count}`);
  }
};

const sizeName = (bytes: number): string =>
  bytes >= 1024 ** 3 ? `${bytes / 1024 ** 3} GiB` : `${bytes / 1024 ** 2} MiB`;

const pushes = (backend: TBackend, scale: IOciScale): IOciRow[] =>
  pushModes.map((mode) => ({
    title: `${sizeName(scale.big)} push, ${mode}`,
    ...rows('MB/s'),
    wanted: backend === 'S3' && mode === 'one PUT' ? 2 : 1,
    measure: (turn) => turn.push(mode),
    against:
      backend === 'disk' || mode === 'one PUT'
        ? undefined
        : {
            name: 'plain SDK',
            wanted: 0.9,
            measure: async ({ clients, one }) => {
              const { milliseconds } = await clients.plain.run({ config: one.s3!.config, mode, size: scale.big });
              return scale.big / 1e3 / milliseconds;
            },
          },
  }));

/** Every client hashes what it pulls; what is left when nobody does is shown besides. */
const pulls = (scale: IOciScale): IOciRow[] => [
  { title: `${sizeName(scale.big)} pull`, ...rows('MB/s'), measure: (turn) => turn.pull(true) },
  {
    title: `${sizeName(scale.big)} pull, not hashed`,
    ...rows('MB/s'),
    wanted: undefined,
    measure: (turn) => turn.pull(false),
  },
];

const manifestGet = (backend: TBackend): IOciRow => ({
  title: 'manifest GET by tag',
  ...rows('req/s'),
  wanted: backend === 'S3' ? 2 : 1,
  atLeast: backend === 'S3' ? undefined : 10_000,
  measure: async (turn) => {
    const { digest } = await turn.image('bench/image');
    await turn.tag('bench/image', ['latest'], 1);
    const request = await turn.request('bench/image', 'GET', 'manifests/latest');
    const check = (body: Buffer): void => {
      if (`sha256:${createHash('sha256').update(body).digest('hex')}` !== digest) {
        throw new Error('another manifest came back');
      }
    };
    return turn.rate([request], { status: [200], sameBody: true }, { check });
  },
});

const smallBlobs = (scale: IOciScale): IOciRow[] => [
  {
    title: 'blob GET of 4 KiB',
    ...rows('req/s'),
    measure: async (turn) => turn.getSmall((await turn.pushSmall(8)).digests.slice(0, 1), scale.connections),
  },
  {
    title: `${scale.small} blobs of ${SMALL / 1024} KiB push, 8 at once`,
    ...rows('per s'),
    measure: async (turn) => (await turn.pushSmall(8)).perSecond,
  },
  {
    title: `${scale.small} blobs of ${SMALL / 1024} KiB pull, 8 at once`,
    ...rows('per s'),
    measure: async (turn) => turn.getSmall((await turn.pushSmall(8)).digests, 8),
  },
];

const tags = (scale: IOciScale): IOciRow[] => {
  const repository = 'bench/tags';
  const names = tagNames('tag', 0, scale.tags);
  return [
    {
      title: `tag PUTs, ${scale.connections} at once`,
      ...rows('per s'),
      measure: async (turn) => {
        await turn.tag('bench/warm', ['warm'], 1);
        await turn.image(repository);
        turn.done.add(repository);
        return turn.tag(repository, names);
      },
    },
    {
      title: `list of ${scale.tags} tags`,
      ...rows('ms', 'less'),
      measure: async (turn) => {
        if (!turn.done.has(repository)) {
          await turn.tag(repository, names);
        }
        const request = await turn.request(repository, 'GET', `tags/list?n=${scale.tags}`);
        return turn.latency(request, countOf('tags', scale.tags));
      },
    },
  ];
};

/** What a page of 100 costs, anywhere in a list of `count`. */
const pageRate = async (turn: Turn, repository: string, count: number): Promise<number> => {
  const requests: string[] = [];
  for (let page = 0; page < 10; page++) {
    const last = page === 0 || count === 100 ? '' : `&last=tag-${String((page * count) / 10 - 1).padStart(6, '0')}`;
    requests.push(await turn.request(repository, 'GET', `tags/list?n=100${last}`));
  }
  const check = countOf('tags', 100);
  return turn.rate(requests, { status: [200], sameBody: true }, { check });
};

const manyTags = (scale: IOciScale): IOciRow[] => {
  const count = scale.manyTags;
  const repository = 'bench/many';
  const seed = async (turn: Turn): Promise<void> => {
    if (!turn.done.has(repository)) {
      turn.done.add(repository);
      await turn.tag(repository, tagNames('tag', 0, count));
    }
  };
  return [
    {
      title: `a page of 100 tags out of ${count}`,
      ...rows('req/s'),
      alone: true,
      measure: async (turn) => {
        await seed(turn);
        return pageRate(turn, repository, count);
      },
      against: {
        name: 'out of 100',
        wanted: 0.9,
        measure: async (turn) => {
          await turn.tag('bench/few', tagNames('tag', 0, 100));
          return pageRate(turn, 'bench/few', 100);
        },
      },
    },
    {
      title: `tag PUTs at ${count} tags`,
      ...rows('per s'),
      atLeast: 100,
      alone: true,
      measure: async (turn) => {
        await seed(turn);
        return turn.tag(repository, tagNames('tag', count, 500));
      },
    },
  ];
};

const referrers = (scale: IOciScale): IOciRow => ({
  title: `list of ${scale.referrers} referrers`,
  ...rows('ms', 'less'),
  alone: true, // distribution has no such API
  measure: async (turn) => {
    const repository = 'bench/referrers';
    const { body, digest } = await turn.image(repository);
    const subject = { mediaType: manifestType, digest, size: Buffer.byteLength(body) };
    const headers = { 'Content-Type': manifestType };
    const requests: string[] = [];
    for (let index = 0; index < scale.referrers; index++) {
      const text = JSON.stringify({ ...JSON.parse(body), subject, annotations: { 'bench.number': String(index) } });
      const own = `sha256:${createHash('sha256').update(text).digest('hex')}`;
      requests.push(await turn.request(repository, 'PUT', `manifests/${own}`, headers, text));
    }
    const { milliseconds } = await turn.all(requests, { status: [201], connections: scale.connections });
    console.log(`  ${turn.one.name}: ${Math.round((requests.length / milliseconds) * 1000)} referrers pushed per s`);
    const request = await turn.request(repository, 'GET', `referrers/${digest}`);
    return turn.latency(request, countOf('manifests', scale.referrers));
  },
});

const memory: IOciRow[] = [
  {
    title: 'RSS at the end',
    ...rows('MB', 'less'),
    wanted: undefined,
    measure: async ({ one }) => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return (await memoryOf(one.pid)).now;
    },
  },
  {
    title: 'RSS at its highest',
    ...rows('MB', 'less'),
    wanted: undefined,
    measure: async ({ one }) => (await memoryOf(one.pid)).peak,
  },
];

export const rowsOf = (backend: TBackend, scale: IOciScale): IOciRow[] =>
  backend === 'disk'
    ? [
        ...pushes(backend, scale),
        ...pulls(scale),
        manifestGet(backend),
        ...smallBlobs(scale),
        ...tags(scale),
        ...manyTags(scale),
        ...memory,
      ]
    : [...pushes(backend, scale), ...pulls(scale), manifestGet(backend), ...tags(scale), referrers(scale), ...memory];
