import type { SmartRegistry } from '../classes.smartregistry.js';
import { printable } from '../core/base/helpers.printable.js';
import { loadConfig } from './helpers.cliconfig.js';
import { CommandError, type ICommand, parseCommand, STORE_OPTIONS, UsageError } from './helpers.commandline.js';
import { commandLogger } from './helpers.log.js';
import { openForMaintenance } from './helpers.opening.js';
import { progressLine } from './helpers.progress.js';
import {
  type IImportResult,
  type IImportTarget,
  ImportRun,
  type TImportOutcome,
} from './importing/classes.importrun.js';
import { findFiles } from './importing/helpers.files.js';

/** The protocols that import files: the one that the user names, or all. */
const targetsOf = (registry: SmartRegistry, wanted: string | undefined): IImportTarget[] => {
  const targets = registry.protocols().flatMap((protocol) => {
    const one = registry.getRegistry(protocol);
    const importer = one?.importer();
    return one && importer ? [{ registry: one, importer }] : [];
  });
  if (wanted === undefined) return targets;
  const chosen = targets.filter((target) => target.registry.protocol === wanted);
  if (chosen.length > 0) return chosen;
  const known = targets.map((target) => target.registry.protocol).join(', ');
  throw new UsageError(`--protocol must be one of ${known || 'those that import files, and none is enabled'}`);
};

type TCounts = Record<TImportOutcome, number>;

const summaryOf = ({ imported, present, failed, skipped }: TCounts): string =>
  `${imported} imported, ${present} already there, ${failed} failed, ${skipped} skipped\n`;

export const importFiles: ICommand = {
  help: `Usage: smartregistry import DIRECTORY|FILE ... [options]

Publishes files, and all files in and below directories: .tgz (npm), .crate (Cargo), .zip (Composer), .whl, .tar.gz and
.zip (PyPI), .gem (RubyGems), and a local Maven repository such as ~/.m2/repository, whose root directory must be named.
Each goes through the same checks as the upload of a client. A file that is published already counts as done, so the
command can be repeated, also after Ctrl-C. A file that fails is reported, and the others are imported.

  --protocol NAME    the protocol of the files; default: by the name of each file, and of a .zip by what is in it
  --user NAME        who is recorded as the publisher (default import)
  --data DIRECTORY   the store (SMARTREGISTRY_DATA, default ./data)
  --config FILE      the configuration (SMARTREGISTRY_CONFIG)

The exit code is 1 if a file failed. Files in a directory that belong to no protocol are skipped.
`,
  async run(args, env) {
    const options = { ...STORE_OPTIONS, protocol: { type: 'string' }, user: { type: 'string' } } as const;
    const { values, operands } = parseCommand(args, options, ['DIRECTORY or FILE'], { more: true });
    const registry = await openForMaintenance(await loadConfig(values, env), commandLogger);
    const abort = new AbortController();
    const stop = (): void => abort.abort(new Error('Ended by a signal; run it again to import the rest'));
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const progress = progressLine(process.stderr);
    const counts: TCounts = { imported: 0, present: 0, failed: 0, skipped: 0 };
    try {
      const targets = targetsOf(registry, values.protocol);
      const files = await findFiles(operands);
      const onResult = ({ path, outcome, label, reason }: IImportResult): void => {
        counts[outcome]++;
        if (outcome === 'imported') {
          progress.clear();
          process.stdout.write(`imported ${printable(label ?? path)}\n`);
        } else if (outcome === 'failed') {
          progress.clear();
          process.stderr.write(`smartregistry: ${printable(`${path}: ${reason}`)}\n`);
        }
        const done = Object.values(counts).reduce((sum, count) => sum + count, 0);
        progress.show(`${done} of ${files.length} files`);
      };
      await new ImportRun({ targets, userId: values.user ?? 'import', signal: abort.signal, onResult }).run(files);
      progress.clear();
      process.stdout.write(summaryOf(counts));
      if (abort.signal.aborted) throw new CommandError((abort.signal.reason as Error).message);
      if (counts.imported + counts.present + counts.failed === 0) throw new CommandError('There is nothing to import');
      return counts.failed > 0 ? 1 : 0;
    } finally {
      process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
      await registry.destroy();
    }
  },
};
