import type { TRegistryProtocol } from '../core/interfaces.core.js';
import { loadConfig } from './helpers.cliconfig.js';
import { type ICommand, parseCommand, STORE_OPTIONS, UsageError } from './helpers.commandline.js';
import { commandLogger } from './helpers.log.js';
import { openForMaintenance } from './helpers.opening.js';

const HELP = `Usage: smartregistry rebuild [PROTOCOL ...] [options]

Makes the listings of all packages (search, indexes) anew from the packages themselves: after packages were restored or
removed in the store by hand. A listing that is lost or damaged is rebuilt without this command. Servers may run
meanwhile. Without a PROTOCOL it rebuilds those of every protocol that is enabled.

  --data DIRECTORY   the store (SMARTREGISTRY_DATA, default ./data)
  --config FILE      the configuration that says where the store is (SMARTREGISTRY_CONFIG)
`;

/** One line that is rewritten, on a terminal only: elsewhere the final counts are enough. */
const showProgress = (protocol: TRegistryProtocol, documents: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${protocol}: ${documents} documents read`);
};

export const rebuild: ICommand = {
  help: HELP,
  async run(args, env) {
    const { values, operands } = parseCommand(args, STORE_OPTIONS, [], { more: true });
    const registry = await openForMaintenance(await loadConfig(values, env), commandLogger);
    try {
      const enabled = registry.protocols();
      for (const name of operands) {
        if (!enabled.includes(name))
          throw new UsageError(`"${name}" is not enabled; enabled are: ${enabled.join(', ')}`);
      }
      const protocols = operands.length > 0 ? operands : undefined;
      const counts = await registry.rebuildListings({ protocols, progress: showProgress });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      for (const [protocol, count] of counts) process.stdout.write(`${protocol}: rebuilt from ${count} documents\n`);
      return 0;
    } finally {
      await registry.destroy();
    }
  },
};
