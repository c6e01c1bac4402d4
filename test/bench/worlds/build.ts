import { SmartRegistry } from '../../../ts/index.js';
import { sender } from '../../support/protocol/world.js';
import { openStore } from '../../support/store/store-open.js';
import { serveJobs } from '../childclient.js';
import { GrowthStore } from '../growth/classes.growthstore.js';
import { copySample, sampleOf, withoutSync } from '../growth/copies.js';
import type { IBenchWorld } from './interfaces.world.js';

export interface IBuildJob {
  protocol: string;
  directory: string;
  /** so many packages with one version each */
  packages: number;
}

export interface IBuildResult {
  seconds: number;
  error?: string;
}

export const worldOf = async (protocol: string): Promise<IBenchWorld> =>
  ((await import(`./world.${protocol}.ts`)) as { world: IBenchWorld }).world;

const build = async ({ protocol, directory, packages }: IBuildJob): Promise<IBuildResult> => {
  const begun = performance.now();
  await withoutSync();
  const { about, sample, sampleName = sample } = await worldOf(protocol);
  const plain = await openStore({ directory });
  await plain.init?.();
  const store = new GrowthStore(plain);
  const users = [{ username: 'bench', password: 'correct horse', scopes: ['*:*:*:*'] }];
  const registry = new SmartRegistry({
    auth: { jwtSecret: 'a-secret-of-the-bench-that-is-long-enough', tokenStore: 'memory', users },
    [protocol]: { enabled: true, ...about.config },
    storage: { objectStore: store.counted },
    logger: false,
  });
  await registry.init();
  const token = await registry.getAuthManager().createToken('bench', protocol);
  const send = sender(registry, (about.credential ?? ((text) => ({ authorization: `Bearer ${text}` })))(token));
  const samples = await sampleOf(store, `${protocol}/`, async () => {
    const { status, text } = await send(await about.publish(sampleName, about.version(1)));
    if (status >= 300) throw new Error(`the sample was not published: ${status} ${text}`);
  });
  // listings are rebuilt from the documents
  const own = samples.filter(({ key }) => key.includes(sample) && !key.startsWith(`${protocol}/catalog/`));
  await copySample(plain, own, packages, (number) => [[sample, `${sample}${number}`]]);
  await registry.rebuildListings();
  await registry.destroy();
  return { seconds: (performance.now() - begun) / 1000 };
};

if (process.send) serveJobs(build);
