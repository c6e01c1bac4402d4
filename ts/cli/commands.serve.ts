import { availableProtocols, type SmartRegistry } from '../classes.smartregistry.js';
import { createLogger, LOG_FORMATS, LOG_LEVELS } from '../core/base/helpers.log.js';
import { createNodeServer } from '../http/index.js';
import type { IRegistryServer, ITlsFiles } from '../http/interfaces.http.js';
import { loadServeConfig } from './helpers.cliconfig.js';
import {
  CommandError,
  type ICommand,
  oneOf,
  parseCommand,
  parsePort,
  STORE_OPTIONS,
  type TEnvironment,
  UsageError,
} from './helpers.commandline.js';
import type { IServeSettings } from './helpers.fileschema.js';
import { createFirstAdmin } from './helpers.firstadmin.js';
import { requestLogger } from './helpers.log.js';
import { openForService } from './helpers.opening.js';
import { watchSignals } from './helpers.signals.js';
import { keepTlsRenewed, readTls } from './helpers.tlsfiles.js';

const OPTIONS = {
  ...STORE_OPTIONS,
  host: { type: 'string' },
  port: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'log-format': { type: 'string' },
  'log-level': { type: 'string' },
  // an option of 0.3.0; requests are logged without it now
  'log-requests': { type: 'boolean' },
} as const;

const HELP = `Usage: smartregistry serve [options]

Serves every protocol that the configuration enables; without one, all there are: ${availableProtocols().join(', ')}.

  --host ADDRESS    address to listen on           (SMARTREGISTRY_HOST, default 127.0.0.1)
  --port NUMBER     port, 0 for any free one       (SMARTREGISTRY_PORT, default 5000)
  --data DIRECTORY  where everything is kept       (SMARTREGISTRY_DATA, default ./data)
  --config FILE     JSON file with an IRegistryConfig, \${NAME} stands for an environment variable
                                                   (SMARTREGISTRY_CONFIG)
  --tls-cert FILE   PEM certificate chain; with --tls-key, serves https
  --tls-key FILE    PEM private key
  --log-level NAME  the least that is logged: debug, info, warn, error or silent
                                                   (SMARTREGISTRY_LOG_LEVEL, default info)
  --log-format NAME text, or json for an object on each line
                                                   (SMARTREGISTRY_LOG_FORMAT, default text)

The first start creates the user "admin" with the password in SMARTREGISTRY_ADMIN_PASSWORD, or one that is made up and
printed once. SIGTERM and SIGINT let requests under way finish; a second signal ends at once. A renewed certificate is
taken over within a minute, at once on SIGHUP. Log lines go to stderr, one for each request at level info.
`;

interface IValues {
  data?: string;
  config?: string;
  host?: string;
  port?: string;
  'tls-cert'?: string;
  'tls-key'?: string;
  'log-format'?: string;
  'log-level'?: string;
}

/** An option or else its variable, with the name of the one that was given: a message about it says where to look. */
const given = (
  option: string | undefined,
  optionName: string,
  env: TEnvironment,
  variable: string,
): { value: string | undefined; name: string } =>
  option === undefined && env[variable]
    ? { value: env[variable], name: variable }
    : { value: option, name: optionName };

const logOf = (values: IValues, env: TEnvironment) => {
  const wanted = given(values['log-level'], '--log-level', env, 'SMARTREGISTRY_LOG_LEVEL');
  const shape = given(values['log-format'], '--log-format', env, 'SMARTREGISTRY_LOG_FORMAT');
  const level = oneOf(wanted.value ?? 'info', LOG_LEVELS, wanted.name);
  const logger = createLogger({ level, format: oneOf(shape.value ?? 'text', LOG_FORMATS, shape.name) });
  // making a report that is not logged costs a tenth of a small request
  const onResponse = LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf('info') ? requestLogger(logger) : undefined;
  return { logger, onResponse };
};

/** The address to listen on: from the options, else the environment, else the file. @throws UsageError */
const placeOf = (values: IValues, env: TEnvironment, server: IServeSettings): { host: string; port: number } => {
  const port = given(values.port, '--port', env, 'SMARTREGISTRY_PORT');
  return {
    host: values.host ?? (env.SMARTREGISTRY_HOST || (server.host ?? '127.0.0.1')),
    port: port.value === undefined ? (server.port ?? 5000) : parsePort(port.value, port.name),
  };
};

/** @throws UsageError */
const tlsFilesOf = ({ 'tls-cert': cert, 'tls-key': key }: IValues, server: IServeSettings): ITlsFiles | undefined => {
  if (cert === undefined && key === undefined) return server.tls;
  if (cert === undefined || key === undefined) throw new UsageError('--tls-cert and --tls-key go together');
  return { cert, key };
};

const listen = async (server: IRegistryServer): Promise<{ host: string; port: number; url: string }> => {
  try {
    return await server.listen();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new CommandError(`The port is in use already: choose another with --port (${message})`);
    throw new CommandError(`Cannot listen: ${message}`);
  }
};

/** The text for people, and for scripts that wait for its first line: the registry's URL and how to use it. */
const readyText = (registry: SmartRegistry, url: string, { data, config }: IValues): string => {
  // clients cannot connect to "every address"
  const reachable = url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//localhost');
  const lines = [`smartregistry ready on ${url}`];
  for (const setup of registry.clientSetups(reachable)) {
    if (setup.lines.length > 0) lines.push('', ...setup.lines.map((line) => `  ${line}`));
  }
  const store = config !== undefined ? ` --config ${config}` : data !== undefined ? ` --data ${data}` : '';
  lines.push('', `  # a token for a client: smartregistry token create --user NAME --protocol PROTOCOL${store}`);
  return `${lines.join('\n')}\n`;
};

export const serve: ICommand = {
  help: HELP,
  async run(args, env) {
    const { values } = parseCommand(args, OPTIONS);
    const { logger, onResponse } = logOf(values, env);
    // wrong usage is reported before any file is opened
    placeOf(values, env, {});
    tlsFilesOf(values, {});
    const { config, server: settings } = await loadServeConfig(values, env);
    const files = tlsFilesOf(values, settings);
    const tls = files && (await readTls(files));
    const registry = await openForService(config, logger);
    const signals = watchSignals();
    const server = createNodeServer(registry, {
      ...placeOf(values, env, settings),
      tls,
      logger,
      ...(onResponse && { onResponse }),
    });
    try {
      const { url } = await listen(server);
      // not earlier: a password that is printed before a failing start would never be shown again
      const password = await createFirstAdmin(registry, config, env, logger);
      if (password !== undefined) {
        process.stdout.write(`created user admin with password ${password} (it is not shown again)\n`);
      }
      process.stdout.write(readyText(registry, url, values));
      const stopRenewing =
        files && tls && keepTlsRenewed({ files, current: tls, renew: (renewed) => server.renewTls(renewed), logger });
      logger.info('stopping', { signal: await signals.first });
      stopRenewing?.();
      return 0;
    } finally {
      await server.close();
      await registry.destroy();
      signals.stop();
    }
  },
};
