import { commitinfo } from '../00_commitinfo_data.js';
import { ConfigError } from '../core/classes.configerror.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { configCheck, configSchema } from './commands.config.js';
import { gc } from './commands.gc.js';
import { importFiles } from './commands.import.js';
import { protocolNamed, runProtocolCommand } from './commands.protocol.js';
import { rebuild } from './commands.rebuild.js';
import { serve } from './commands.serve.js';
import { tokenCreate, tokenList, tokenRevoke } from './commands.token.js';
import { userAdd, userList, userPasswd, userRemove } from './commands.user.js';
import { CommandError, type ICommand, type TEnvironment, UsageError } from './helpers.commandline.js';

const COMMANDS: Record<string, ICommand> = {
  serve,
  gc,
  'user add': userAdd,
  'user passwd': userPasswd,
  'user remove': userRemove,
  'user list': userList,
  'token create': tokenCreate,
  'token list': tokenList,
  'token revoke': tokenRevoke,
  import: importFiles,
  rebuild,
  'config check': configCheck,
  'config schema': configSchema,
};

const HELP = `Usage: smartregistry COMMAND [options]

  serve                              run the registry
  user add|passwd|remove|list        accounts
  token create|list|revoke           tokens for package managers and CI
  import DIRECTORY|FILE ...          publish the files of packages
  gc                                 remove what nothing names any more
  rebuild [PROTOCOL ...]             make the listings of packages anew
  config check|schema                a configuration file: is it right, and what may be in it
  PROTOCOL COMMAND                   what only one protocol has, e.g. pypi yank; PROTOCOL --help lists its commands

  smartregistry COMMAND --help       what a command takes
  smartregistry --version

Only serve makes a store. The other commands work on the same store as a running server, which need not be stopped.
`;

/** The longest command at the beginning of the arguments. */
const find = (args: string[]): { command: ICommand; rest: string[] } | null => {
  for (const length of [2, 1]) {
    const name = args.slice(0, length).join(' ');
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command) return { command, rest: args.slice(length) };
  }
  return null;
};

const whatIsWrong = ([first]: string[]): string => {
  if (first === undefined) return 'A command is missing';
  const group = Object.keys(COMMANDS).filter((name) => name.startsWith(`${first} `));
  return group.length > 0 ? `Which one: ${group.join(', ')}?` : `"${first}" is not a command`;
};

const isHelp = (argument: string | undefined): boolean => argument === '--help' || argument === '-h';

/** Prints the help of a command, of all commands with this first word, or the error in its name. */
const printHelp = (args: string[]): number => {
  const found = find(args);
  const isGroup = args.length === 1 && Object.keys(COMMANDS).some((name) => name.startsWith(`${args[0]} `));
  if (args.length > 0 && !found && !isGroup) throw new UsageError(whatIsWrong(args));
  process.stdout.write(found?.command.help ?? HELP);
  return 0;
};

const dispatch = async (args: string[], env: TEnvironment): Promise<number> => {
  const [first] = args;
  if (first === '--version' || first === '-v') {
    process.stdout.write(`${commitinfo.version}\n`);
    return 0;
  }
  if (first === 'help')
    return protocolNamed(args[1]) ? dispatch([...args.slice(1), '--help'], env) : printHelp(args.slice(1));
  if (isHelp(first)) return printHelp([]);
  const protocol = protocolNamed(first);
  if (protocol) return runProtocolCommand(protocol, args.slice(1), env);
  const found = find(args);
  if (args.some(isHelp)) return printHelp(args.filter((argument) => !isHelp(argument)));
  if (!found) throw new UsageError(whatIsWrong(args));
  return found.command.run(found.rest, env);
};

/** Runs the command line. Never rejects. @returns the exit code: 0, 1 for a failure, 2 for wrong usage */
export const main = async (args: string[], env: TEnvironment): Promise<number> => {
  try {
    return await dispatch(args, env);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`smartregistry: ${error.message} (smartregistry --help tells more)\n`);
      return 2;
    }
    const expected = error instanceof CommandError || error instanceof ConfigError || error instanceof RegistryError;
    // an unexpected error is printed with its stack
    const text = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
    const lines = error instanceof ConfigError ? error.problems : [text];
    for (const line of lines) process.stderr.write(`smartregistry: ${line}\n`);
    return 1;
  }
};
