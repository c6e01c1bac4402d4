import { openStore } from '../../support/store/store-open.js';
import { serveJobs } from '../childclient.js';
import { GrowthStore } from './classes.growthstore.js';
import { Meter } from './classes.meter.js';
import { withoutSync } from './copies.js';
import type { IJob, IJobResult } from './interfaces.growth.js';
import { PARTS } from './parts.js';

const MIB = 1024 * 1024;
/** MiB that a built registry takes when it has just started. The loader of TypeScript takes as much again. */
const BUILT = 65;

// one scale in a process of its own: builds it, or measures it
serveJobs(async ({ part, scale, isQuick, config, phase }: IJob): Promise<IJobResult> => {
  const own = PARTS.find(({ what }) => what === part);
  if (!own) throw new Error(`There is no part ${part}`);
  if (phase === 'build') await withoutSync();
  const begun = performance.now();
  const atStart = process.memoryUsage().rss / MIB;
  const plain = await openStore(config);
  await plain.init?.();
  const store = new GrowthStore(plain);
  const meter = new Meter({ part, scale }, store);
  await own[phase]({ config, scale, isQuick, store, meter });
  const memory = process.resourceUsage().maxRSS / 1024 - Math.max(0, atStart - BUILT);
  return { figures: meter.figures, memory, seconds: (performance.now() - begun) / 1000 };
});
