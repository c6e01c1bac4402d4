import { publishOf, tarball } from '../../support/npm/packages.js';
import { copySample, sampleOf } from './copies.js';
import type { IPart, IWorld } from './interfaces.growth.js';
import { openRegistry, send } from './worlds.js';

const MANIFEST = (name: string) => ({ name, version: '1.0.0' });
const WORDS = 'react node server client parser plugin express util config stream cache queue router model view'.split(
  ' ',
);
const SYLLABLES = 'ba con der ex fi gra hy in ket lo mer node or pre qua re'.split(' ');

/** As in every language few words are common and most are rare; the same for the same number. */
const textOf = (number: number): string => {
  let seed = number + 1;
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const rare = () => Array.from({ length: 3 }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join('');
  const common = () => WORDS[Math.floor(WORDS.length ** random()) - 1];
  return Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? common() : rare())).join(' ');
};

const nameOf = (number: number): string => `package-${textOf(number).split(' ').slice(0, 2).join('-')}-${number}`;

const publishing = async (world: IWorld) => {
  const { registry, headers } = await openRegistry(world);
  const publish = async (name: string, version: string, more: Parameters<typeof publishOf>[2] = {}) =>
    send(registry, {
      method: 'PUT',
      path: `/npm/${name}`,
      headers,
      body: JSON.stringify(await publishOf(name, version, more)),
    });
  const search = (text: string) =>
    send(registry, { path: `/npm/-/v1/search?text=${encodeURIComponent(text)}`, headers });
  return { registry, publish, search };
};

const QUERIES = ['react', 'node', 'server', 'gra', 'ketlo', 'react parser', 'express util config', 'framewrok', 'qua'];

/** Packages, each with one version and one tarball. */
export const packages: IPart = {
  what: 'packages',
  scales: [100, 10_000, 100_000],
  onS3: [100, 5000],
  build: async (world) => {
    const { registry, publish } = await publishing(world);
    const { plain } = world.store;
    const bytes = await tarball(MANIFEST('a-sample'));
    const more = { bytes, manifest: { description: 'what it is about', keywords: ['a', 'b'] } };
    const samples = await sampleOf(world.store, 'npm/packages/', () => publish('a-sample', '1.0.0', more));
    await copySample(plain, samples, world.scale, (number) => [
      ['a-sample', nameOf(number)],
      ['what it is about', textOf(number)],
    ]);
    await registry.rebuildListings();
    await registry.destroy();
  },
  measure: async ({ meter, isQuick, ...rest }) => {
    const world = { meter, isQuick, ...rest };
    const { registry, publish, search } = await publishing(world);
    const times = isQuick ? 20 : 100;
    // the first search builds the index; and what is loaded when it is needed is loaded now
    await publish('first-of-all', '1.0.0');
    await meter.step('search index built', 1, async () => {
      for (;;) {
        const { bytes } = await search('first-of-all xyzxyz');
        if (!bytes.includes('"total":0')) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    await meter.step('publish a package', times, (at) => publish(`new-${at}`, '1.0.0'));
    await meter.step('publish a version', times, (at) => publish('first-of-all', `1.1.${at}`));
    await meter.step('search', times, (at) => search(`${QUERIES[at % QUERIES.length]} ${textOf(at).split(' ')[1]}`));
    await meter.step('search again', times, (at) => search(QUERIES[at % QUERIES.length] as string));
    await meter.step('search after a change', times, async (at) => {
      await publish(`changing-${at}`, '1.0.0', { manifest: { description: 'react of node' } });
      await search(QUERIES[at % QUERIES.length] as string);
    });
    const sweep = () => registry.getRegistry('npm')!.sweepOrphans({ olderThanMs: 0 });
    await meter.step('first sweep', 1, sweep);
    await publish('of-the-next-day', '1.0.0');
    await meter.step('daily sweep', 1, sweep);
    await registry.destroy();
  },
};

/** Versions of one package. */
export const versions: IPart = {
  what: 'versions',
  scales: [100, 5000],
  onS3: [],
  build: async (world) => {
    const { registry, publish } = await publishing(world);
    await publish('many', '0.0.1', { manifest: { description: 'one of many', dependencies: { a: '1', b: '2' } } });
    await registry.destroy();
    await multiplyVersions(world);
  },
  measure: async (world) => {
    const { registry, publish } = await publishing(world);
    await publish('many', '2.0.0');
    await world.meter.step('publish a version', world.isQuick ? 5 : 20, (at) => publish('many', `2.1.${at}`));
    await registry.destroy();
  },
};

/** Gives the package `many` as many versions as the scale says, all with one tarball. */
const multiplyVersions = async (world: IWorld): Promise<void> => {
  const { registry } = await openRegistry(world);
  await registry.getStorage().update('npm/packages/many/index.json', (current) => {
    const document = structuredClone(current) as Record<'versions' | 'time', Record<string, unknown>> & {
      _registry: { artifacts: Record<string, unknown> };
    };
    const text = JSON.stringify(document.versions['0.0.1']);
    for (let number = 2; number <= world.scale; number++) {
      const version = `0.0.${number}`;
      document.versions[version] = JSON.parse(text.replaceAll('0.0.1', version));
      document.time[version] = document.time['0.0.1'];
      document._registry.artifacts[version] = document._registry.artifacts['0.0.1'];
    }
    return document;
  });
  await registry.destroy();
};
