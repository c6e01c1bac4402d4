import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startS3Server } from '../support/store/s3-server.js';
import type { TStoreConfig } from '../support/store/store-open.js';
import { ChildClient } from './childclient.js';
import type { IFigures, IJob, IJobResult } from './growth/interfaces.growth.js';
import { PARTS } from './growth/parts.js';
import { MEMORY, verdictOf } from './growth/targets.js';
import { machine } from './report.js';

const COLUMNS = [10, 26, 10, 11, 10, 9, 9, 9, 10];
const HEAD = ['', '', 'calls', 'KiB', 'CPU ms', 'hold ms', 'p50 ms', 'max ms', 'wall ms'];

const line = (cells: readonly string[], end: string): string =>
  `${cells.map((cell, at) => (at < 2 ? cell.padEnd(COLUMNS[at]!) : cell.padStart(COLUMNS[at]!))).join('')}  ${end}`;

const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

const print = (figures: IFigures, all: readonly IFigures[]): void => {
  const { scale, step, calls, bytes, cpu, hold, p50, most, wall } = figures;
  const numbers = [calls, bytes / 1024, cpu, hold, p50, most, wall].map(shown);
  console.log(line([scale.toLocaleString('en-US'), step, ...numbers], verdictOf(figures, all)));
};

/**
 * MiB of heap that the measured process may use: what fits into a container of 256 MiB beside Node itself (some 100 MiB
 * for its code, its threads and buffers). 100,000 packages need 95 MiB of it. Without a bound V8 lets garbage lie for as
 * long as the machine has memory, and the peak says nothing.
 */
const HEAP = 160;

const inChild = async (job: IJob): Promise<IJobResult> => {
  const isBounded = job.phase === 'measure' && job.part === 'packages';
  const options = isBounded ? [`--max-old-space-size=${HEAP}`] : [];
  const child = new ChildClient<IJob, IJobResult>('growth/growth.child.ts', options);
  try {
    return await child.run(job);
  } finally {
    child.stop();
  }
};

/** Builds one scale and measures it, each in a process of its own: what the building took is not counted. */
const one = async (job: Omit<IJob, 'phase'>, all: IFigures[]): Promise<void> => {
  const built = await inChild({ ...job, phase: 'build' });
  const { figures, memory } = await inChild({ ...job, phase: 'measure' });
  all.push(...figures);
  for (const one of figures) print(one, all);
  const isOver = job.part === 'packages' && memory > MEMORY;
  const verdict = isOver ? `over: ${MEMORY} MiB` : job.part === 'packages' ? 'PASS' : '';
  const about = `built in ${built.seconds.toFixed(1)} s; the process took ${memory.toFixed(0)} MiB at most`;
  console.log(`${job.scale.toLocaleString('en-US').padEnd(COLUMNS[0]!)}${about}  ${verdict}`);
};

const onDisk = async (work: (config: TStoreConfig) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'growth-'));
  try {
    await work({ directory });
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
};

const onS3 = async (work: (config: TStoreConfig) => Promise<void>): Promise<void> => {
  const server = await startS3Server('versitygw');
  if (!server) return;
  try {
    await work(server.config);
  } finally {
    await server.stop();
  }
};

/**
 * `pnpm run bench growth [--scale 100,10000] [--only WORD] [--quick]`: what each step costs with few and with many
 * packages, tags, versions, referrers, links, repositories, users. The figures are those of one request, unless a step is
 * done once. `over` names the target that is missed (growth/targets.ts).
 */
export const bench = async (args: string[]): Promise<void> => {
  const { values } = parseArgs({
    args,
    options: { scale: { type: 'string' }, only: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const only = values.only ?? '';
  const wanted = values.scale?.split(',').map(Number);
  console.log(`${machine()}${values.quick ? ', quick' : ''}`);
  const places = [
    ['on disk', onDisk, 'scales'],
    ['on S3 (versitygw)', onS3, 'onS3'],
  ] as const;
  for (const [place, open, scales] of places) {
    for (const { what, ...part } of PARTS) {
      if (!`${what} ${place}`.includes(only)) continue;
      const own = wanted ? part[scales].filter((scale) => wanted.includes(scale)) : part[scales];
      const most = values.quick ? own.filter((scale) => scale <= 10_000) : own;
      if (most.length === 0) continue;
      console.log(`\n${line(HEAD.with(0, what.toUpperCase()).with(1, `   ${place}`), '')}`);
      const all: IFigures[] = [];
      for (const scale of most) {
        await open((config) => one({ part: what, scale, isQuick: values.quick, config }, all));
      }
    }
  }
};
