import { commitinfo } from '../00_commitinfo_data.js';
import { ConfigError } from '../core/classes.configerror.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { gc } from './commands.gc.js';
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
  rebuild,
};

const HELP = `Usage: smartregistry COMMAND [options]

  serve                              run the registry
  user add|passwd|remove|list        accounts
  token create|list|revoke           tokens for package managers and CI
  gc                                 remove what nothing names any more
  rebuild [PROTOCOL ...]             make the listings of packages anew

  smartregistry COMMAND --help       what a command takes
  smartregistry --version

The other commands work on the same store as a running server, which need not be stopped.
`;

/** The longest command that the arguments begin with. */
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

const dispatch = async (args: string[], env: TEnvironment): Promise<number> => {
  const [first] = args;
  if (first === '--version' || first === '-v') {
    process.stdout.write(`${commitinfo.version}\n`);
    return 0;
  }
  if (isHelp(first) || first === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const found = find(args);
  if (args.some(isHelp)) {
    process.stdout.write(found?.command.help ?? HELP);
    return 0;
  }
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
    // what nobody expected is worth its stack
    const text = expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`smartregistry: ${text}\n`);
    return 1;
  }
};
