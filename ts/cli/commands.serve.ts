import { readFile } from 'node:fs/promises';
import { createNodeServer, type IRegistryConfig, type IRegistryServer, type SmartRegistry } from '../index.js';
import { loadConfig, type TCliConfig } from './helpers.cliconfig.js';
import {
  CommandError,
  type ICommand,
  parseCommand,
  parsePort,
  STORE_OPTIONS,
  UsageError,
} from './helpers.commandline.js';
import { createFirstAdmin } from './helpers.firstadmin.js';
import { lineLogger, logRequest } from './helpers.log.js';
import { openForService } from './helpers.opening.js';

const OPTIONS = {
  ...STORE_OPTIONS,
  host: { type: 'string' },
  port: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'log-requests': { type: 'boolean' },
} as const;

const HELP = `Usage: smartregistry serve [options]

Serves every protocol that the configuration enables; without one, all there are.

  --host ADDRESS    address to listen on           (SMARTREGISTRY_HOST, default 127.0.0.1)
  --port NUMBER     port, 0 for any free one       (SMARTREGISTRY_PORT, default 5000)
  --data DIRECTORY  where everything is kept       (SMARTREGISTRY_DATA, default ./data)
  --config FILE     JSON file with an IRegistryConfig, \${NAME} stands for an environment variable
                                                   (SMARTREGISTRY_CONFIG)
  --tls-cert FILE   PEM certificate chain; with --tls-key, serves https
  --tls-key FILE    PEM private key
  --log-requests    one line on stderr for each request

The first start creates the user "admin" with the password in SMARTREGISTRY_ADMIN_PASSWORD, or one that is made up and
printed once. SIGTERM and SIGINT let requests under way finish; a second signal ends at once.
`;

/** A signal that comes twice within this time is one keystroke, passed on by a package manager as well. */
const SAME_SIGNAL_MS = 100;

const readPem = async (file: string, option: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${option} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
};

const readTls = async (cert?: string, key?: string): Promise<{ cert: string; key: string } | undefined> => {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together');
  return { cert: await readPem(cert, '--tls-cert'), key: await readPem(key, '--tls-key') };
};

const listen = async (server: IRegistryServer): Promise<{ host: string; port: number; url: string }> => {
  try {
    return await server.listen();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new CommandError(`The port is in use already (${message})`);
    throw new CommandError(`Cannot listen: ${message}`);
  }
};

/** Tells people (and scripts that wait for the first line) where the registry is and how to use it. */
const announce = (registry: SmartRegistry, config: TCliConfig, url: string): void => {
  process.stdout.write(`smartregistry ready on ${url}\n`);
  // "every address" is nowhere to send a client to
  const reachable = url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
  for (const protocol of registry.protocols()) {
    const configured = config[protocol as keyof Pick<IRegistryConfig, 'npm'>];
    const member = registry.getRegistry(protocol);
    const lines = member?.clientSetup(configured?.registryUrl ?? `${reachable}${member.basePath}`) ?? [];
    if (lines.length > 0) process.stdout.write(`\n${lines.map((line) => `  ${line}\n`).join('')}`);
  }
};

/** Resolves on the first SIGTERM or SIGINT; a second one ends the process at once. */
const stopSignal = (): Promise<string> =>
  new Promise((resolve) => {
    let first = 0;
    const onSignal = (name: NodeJS.Signals, number: number) => {
      const now = Date.now();
      if (first > 0 && now - first > SAME_SIGNAL_MS) process.exit(128 + number);
      first ||= now;
      resolve(name);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });

export const serve: ICommand = {
  help: HELP,
  async run(args, env) {
    const { values } = parseCommand(args, OPTIONS);
    const host = values.host ?? (env.SMARTREGISTRY_HOST || '127.0.0.1');
    const port = parsePort(values.port ?? (env.SMARTREGISTRY_PORT || '5000'), '--port');
    const tls = await readTls(values['tls-cert'], values['tls-key']);
    const config = await loadConfig(values, env);
    const stopped = stopSignal();
    const registry = await openForService(config, lineLogger);
    try {
      const password = await createFirstAdmin(registry, config, env);
      if (password !== undefined) {
        process.stdout.write(`created user admin with password ${password} (it is not shown again)\n`);
      }
      const server = createNodeServer(registry, {
        host,
        port,
        tls,
        logger: lineLogger,
        trustProxy: config.trustProxy ?? false,
        onResponse: values['log-requests'] ? logRequest : undefined,
      });
      const { url } = await listen(server);
      announce(registry, config, url);
      lineLogger.info('stopping', { signal: await stopped });
      await server.close();
      return 0;
    } finally {
      await registry.destroy();
    }
  },
};
