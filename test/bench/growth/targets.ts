import type { IFigures } from './interfaces.growth.js';

/** ms; a smaller difference between two scales is noise */
const NOISE_MS = 2;
const GROWTH = 1.5;
const HOLD_MS = 50;

/** Steps that cost the same however many there are. */
const CONSTANT = new Set([
  'publish a package',
  'publish a version',
  'tag PUT',
  'a page of tags',
  'referrer PUT',
  'mount without from',
  'garbage: a blob',
  'token revoke',
]);

/** Parts that grow one package: its document is written with each publish. */
const ONE_PACKAGE = new Set(['versions', 'releases', 'builds']);
/** Steps of them that are no publish, or more than one. */
const OTHERS = new Set(['first read', 'PUT and metadata', 'PUT and snapshot']);

interface ICheck {
  wanted: string;
  isMet: boolean;
}

const constant = (figures: IFigures, least: IFigures): ICheck[] => [
  {
    wanted: `CPU <= ${GROWTH} x ${least.cpu.toFixed(1)} ms`,
    isMet: figures.cpu <= GROWTH * least.cpu + NOISE_MS,
  },
  { wanted: `calls <= ${GROWTH} x ${least.calls.toFixed(1)}`, isMet: figures.calls <= GROWTH * least.calls + 1 },
];

/** What a step of this scale has to keep to. */
const checksOf = (figures: IFigures, least: IFigures | undefined): ICheck[] => {
  const { part, step, scale, hold, p50, wall, cpu } = figures;
  const checks: ICheck[] = [{ wanted: `hold <= ${HOLD_MS} ms`, isMet: hold <= HOLD_MS }];
  if (least && CONSTANT.has(step) && !ONE_PACKAGE.has(part)) checks.push(...constant(figures, least));
  if (ONE_PACKAGE.has(part) && !OTHERS.has(step)) checks.push({ wanted: 'CPU < 60 ms', isMet: cpu < 60 });
  if (step.startsWith('search') && step !== 'search index built')
    checks.push({ wanted: 'p50 < 20 ms', isMet: p50 < 20 });
  // on disk: 100,000 packages in 15 s; the first sweep, once a month, reads every document
  if (step === 'daily sweep') {
    const seconds = Math.max(3, (15 * scale) / 100_000);
    checks.push({ wanted: `${seconds.toFixed(1)} s`, isMet: wall < seconds * 1000 });
  }
  return checks;
};

/** `PASS`, or what is over. */
export const verdictOf = (figures: IFigures, all: readonly IFigures[]): string => {
  const same = all.filter(({ part, step }) => part === figures.part && step === figures.step);
  const least = same.reduce((one, other) => (other.scale < one.scale ? other : one), figures);
  const failed = checksOf(figures, least === figures ? undefined : least).filter(({ isMet }) => !isMet);
  return failed.length === 0 ? 'PASS' : `over: ${failed.map(({ wanted }) => wanted).join(', ')}`;
};

/** MiB of a process that serves 100,000 packages. */
export const MEMORY = 256;
