import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import type { ICommandInput, IRegistryCommand } from '../core/interfaces.commands.js';
import { commandNamed, optionText } from '../core/pipeline/helpers.commands.js';
import { type IChangePlace, labelOf, removeFiles } from './helpers.changes.js';
import type { TSelection } from './helpers.document.js';
import type { IMavenParts } from './interfaces.parts.js';
import { parseName } from './wire/wire.coordinates.js';

/** A command that changes one artifact. */
export interface IMavenCommand extends IRegistryCommand {
  run(place: IChangePlace, input: ICommandInput): Promise<void>;
}

const selectionOf = (input: ICommandInput): TSelection => {
  const [, version] = input.operands;
  const file = optionText(input, 'file');
  if (version === undefined) {
    if (file === undefined && input.options.all) return 'all';
    throw new RegistryError('invalid', 'Give a VERSION, or --all for all versions');
  }
  if (input.options.all) throw new RegistryError('invalid', 'Give a VERSION or --all, not both');
  return file === undefined ? { version } : { version, file };
};

/** `smartregistry maven …`. */
export const MAVEN_COMMANDS: readonly IMavenCommand[] = [
  {
    name: 'delete',
    operands: ['GROUP:ARTIFACT', '[VERSION]'],
    options: {
      file: { value: 'NAME', help: 'only this file of the version' },
      all: { help: 'the artifact with all its versions' },
    },
    summary: 'Delete a version, a file of it, or an artifact; names of releases cannot be used again',
    run: async (place, input) => {
      const selection = selectionOf(input);
      await removeFiles(place, selection);
      input.print(`${labelOf(place, selection)} is deleted`);
    },
  },
];

/** Runs a command of `MAVEN_COMMANDS`. */
export const runMavenCommand = async (
  { catalog }: IMavenParts,
  storage: RegistryStorage,
  name: string,
  input: ICommandInput,
): Promise<void> => {
  const command = commandNamed(MAVEN_COMMANDS, 'maven', name);
  const place = { storage: storage.for({ protocol: 'maven' }), catalog, ...parseName(input.operands[0] ?? '') };
  await command.run(place, input);
};
