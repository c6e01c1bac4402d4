import { RegistryError } from '../classes.registryerror.js';
import type { ICommandInput, IRegistryCommand } from '../interfaces.commands.js';

/** The value of an option; undefined if it was not given. */
export const optionText = ({ options }: ICommandInput, name: string): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};

/** The command with this name; throws `unsupported`. */
export const commandNamed = <T extends IRegistryCommand>(commands: readonly T[], protocol: string, name: string): T => {
  const command = commands.find((one) => one.name === name);
  if (command) return command;
  throw new RegistryError('unsupported', `${protocol} has no command "${name}"`);
};
