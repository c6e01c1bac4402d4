import type { IGarbageProgress, IGarbageReport } from '../core/storage/upkeep/interfaces.garbage.js';
import { loadConfig } from './helpers.cliconfig.js';
import { type ICommand, parseCommand, parseDuration, STORE_OPTIONS } from './helpers.commandline.js';
import { commandLogger } from './helpers.log.js';
import { openForMaintenance } from './helpers.opening.js';

/** ms between two updates of the progress line on a terminal */
const REDRAW_MS = 100;
const ERASE_LINE = '\r\u001b[K';
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

const formatBytes = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
};

/** Shows the progress: one line that is rewritten on a terminal, else a line for each phase. */
const progressOn = ({ isTTY, write }: { isTTY: boolean; write(text: string): unknown }) => {
  let shownAt = 0;
  let phase = '';
  let last: IGarbageProgress | undefined;
  const text = ({ protocol, phase: name, done }: IGarbageProgress): string => `${protocol}: ${name} ${done}`;
  const endPhase = (): void => {
    if (last) write(`${isTTY ? ERASE_LINE : ''}${text(last)}\n`);
    last = undefined;
  };
  return {
    show: (progress: IGarbageProgress): void => {
      const now = `${progress.protocol} ${progress.phase}`;
      if (now !== phase) endPhase();
      phase = now;
      last = progress;
      if (!isTTY || performance.now() - shownAt < REDRAW_MS) return;
      shownAt = performance.now();
      write(ERASE_LINE + text(progress));
    },
    end: endPhase,
  };
};

const summaryOf = ({ protocol, removed, bytes }: IGarbageReport, dryRun: boolean): string => {
  const counts = Object.entries(removed).map(([kind, count]) => `${count} ${kind}`);
  return `${protocol}: ${dryRun ? 'would remove' : 'removed'} ${counts.join(', ') || 'nothing'}, ${formatBytes(bytes)}\n`;
};

export const gc: ICommand = {
  help: `Usage: smartregistry gc [options]

Removes what nothing names any more: blobs and manifests of deleted images, and what broken uploads left. Servers on the
same store need not be stopped; each of them does the same once a day. Ctrl-C ends it between two steps.

  --dry-run          only report what would be removed
  --grace DURATION   spare what is younger (default 24h; 0 only if nobody pushes meanwhile)
  --data DIRECTORY   the store (SMARTREGISTRY_DATA, default ./data)
  --config FILE      the configuration (SMARTREGISTRY_CONFIG)
`,
  async run(args, env) {
    const options = { ...STORE_OPTIONS, 'dry-run': { type: 'boolean' }, grace: { type: 'string' } } as const;
    const { values } = parseCommand(args, options);
    const { grace, 'dry-run': dryRun = false } = values;
    const graceMs = grace === undefined ? undefined : grace === '0' ? 0 : parseDuration(grace, '--grace') * 1000;
    const registry = await openForMaintenance(await loadConfig(values, env), commandLogger);
    const abort = new AbortController();
    const stop = (): void => abort.abort(new Error('Ended by a signal; the next run removes the rest'));
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const progress = progressOn({ isTTY: process.stderr.isTTY, write: (text) => process.stderr.write(text) });
    try {
      const { signal } = abort;
      const reports = await registry.collectGarbage({ graceMs, dryRun, signal, onProgress: progress.show });
      progress.end();
      for (const report of reports) process.stdout.write(summaryOf(report, dryRun));
      return 0;
    } catch (error) {
      progress.end();
      if (!abort.signal.aborted) throw error;
      process.stderr.write(`smartregistry: ${(abort.signal.reason as Error).message}\n`);
      return 1;
    } finally {
      process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
      await registry.destroy();
    }
  },
};
