import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SmartRegistry } from '../classes.smartregistry.js';
import { createNodeServer } from '../http/index.js';
import type { IRegistryServer } from '../http/interfaces.http.js';
import type { IRegistryConfig } from '../interfaces.config.js';
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
  const tls = { cert: await readPem(cert, '--tls-cert'), key: await readPem(key, '--tls-key') };
  try {
    // now, and not when a store and its administrator have been made already
    createSecureContext(tls);
  } catch (error) {
    throw new CommandError(`--tls-cert and --tls-key cannot be used: ${(error as Error).message}`);
  }
  return tls;
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

/** What people (and scripts that wait for the first line) are told: where the registry is and how to use it. */
const readyText = (registry: SmartRegistry, config: TCliConfig, url: string): string => {
  // "every address" is nowhere to send a client to
  const reachable = url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
  const lines = [`smartregistry ready on ${url}`];
  for (const protocol of registry.protocols()) {
    const configured = config[protocol as keyof Pick<IRegistryConfig, 'npm'>];
    const member = registry.getRegistry(protocol);
    const setup = member?.clientSetup(configured?.registryUrl ?? `${reachable}${member.basePath}`) ?? [];
    if (setup.length > 0) lines.push('', ...setup.map((line) => `  ${line}`));
  }
  return `${lines.join('\n')}\n`;
};

/** `first` resolves on the first SIGTERM or SIGINT; a second one ends the process at once. */
const watchSignals = (): { first: Promise<string>; stop(): void } => {
  let since = 0;
  let resolve: (name: string) => void = () => undefined;
  const first = new Promise<string>((done) => {
    resolve = done;
  });
  const onSignal = (name: NodeJS.Signals, number: number) => {
    const now = Date.now();
    if (since > 0 && now - since > SAME_SIGNAL_MS) process.exit(128 + number);
    since ||= now;
    resolve(name);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return { first, stop: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal) };
};

export const serve: ICommand = {
  help: HELP,
  async run(args, env) {
    const { values } = parseCommand(args, OPTIONS);
    const host = values.host ?? (env.SMARTREGISTRY_HOST || '127.0.0.1');
    const port = parsePort(values.port ?? (env.SMARTREGISTRY_PORT || '5000'), '--port');
    const tls = await readTls(values['tls-cert'], values['tls-key']);
    const config = await loadConfig(values, env);
    const registry = await openForService(config, lineLogger);
    const signals = watchSignals();
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
      process.stdout.write(readyText(registry, config, url));
      lineLogger.info('stopping', { signal: await signals.first });
      await server.close();
      return 0;
    } finally {
      await registry.destroy();
      signals.stop();
    }
  },
};
