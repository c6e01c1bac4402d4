import { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput, IRegistryCommand } from '../core/interfaces.commands.js';
import { commandNamed, optionText } from '../core/pipeline/helpers.commands.js';
import { changeStatus, changeYank, deleteFiles, type IChangePlace } from './helpers.changes.js';
import { existing, statusOf, type TSelection } from './helpers.document.js';
import type { IPypiParts } from './interfaces.parts.js';
import type { IPypiDocument } from './interfaces.pypi.js';
import { documentKey } from './keys.pypi.js';
import { assertReadableName } from './wire/wire.names.js';
import { parseReason, parseStatus } from './wire/wire.status.js';

/** A command that changes one project. */
export interface IPypiCommand extends IRegistryCommand {
  run(place: IChangePlace, input: ICommandInput): Promise<void>;
}

const FILE = { value: 'NAME', help: 'only this file of the project' };
const REASON = { value: 'TEXT', help: 'clients print it' };

/** What the operands and `--file` select; undefined if they select nothing. */
const selectionOf = (input: ICommandInput): TSelection | undefined => {
  const [, version] = input.operands;
  const filename = optionText(input, 'file');
  if (version !== undefined && filename !== undefined) {
    throw new RegistryError('invalid', 'Give a VERSION or --file, not both');
  }
  if (filename !== undefined) return { filename };
  return version === undefined ? undefined : { version };
};

const named = (place: IChangePlace, selection: TSelection): string => {
  if (selection === 'all') return place.project;
  return 'filename' in selection ? selection.filename : `${place.project} ${selection.version}`;
};

const yankSelection = (input: ICommandInput): TSelection => {
  const selection = selectionOf(input);
  if (selection === undefined) throw new RegistryError('invalid', 'Give a VERSION, or a file with --file');
  return selection;
};

/** `smartregistry pypi …`. */
export const PYPI_COMMANDS: readonly IPypiCommand[] = [
  {
    name: 'yank',
    operands: ['PROJECT', '[VERSION]'],
    options: { file: FILE, reason: REASON },
    summary: 'Yank a version: installers pass over it, unless exactly this version is asked for',
    run: async (place, input) => {
      const selection = yankSelection(input);
      await changeYank(place, selection, parseReason(optionText(input, 'reason')) ?? '');
      input.print(`${named(place, selection)} is yanked`);
    },
  },
  {
    name: 'unyank',
    operands: ['PROJECT', '[VERSION]'],
    options: { file: FILE },
    summary: 'Take a yank back',
    run: async (place, input) => {
      const selection = yankSelection(input);
      await changeYank(place, selection, undefined);
      input.print(`${named(place, selection)} is not yanked`);
    },
  },
  {
    name: 'delete',
    operands: ['PROJECT', '[VERSION]'],
    options: { file: FILE, all: { help: 'the project with all its files' } },
    summary: 'Delete a version, a file, or a project; the names of its files cannot be used again',
    run: async (place, input) => {
      const selection = selectionOf(input) ?? (input.options.all ? 'all' : undefined);
      if (selection === undefined) throw new RegistryError('invalid', 'Give a VERSION, --file, or --all');
      await deleteFiles(place, selection);
      input.print(`${named(place, selection)} is deleted`);
    },
  },
  {
    name: 'status',
    operands: ['PROJECT', '[STATUS]'],
    options: { reason: REASON },
    summary: 'Show or set the status of a project: active, archived, deprecated, quarantined',
    help: 'Archived and quarantined projects take no uploads. A quarantined one offers no files, and its files are closed.\n',
    run: async (place, input) => {
      const [, wanted] = input.operands;
      const key = documentKey(place.project);
      const document =
        wanted === undefined
          ? existing((await place.storage.read<IPypiDocument>(key))?.value, place.project)
          : await changeStatus(place, parseStatus({ status: wanted, reason: optionText(input, 'reason') }), true);
      const { status, reason } = statusOf(document);
      input.print(`${place.project} is ${status}${reason === undefined ? '' : `: ${reason}`}`);
    },
  },
];

/** Runs a command of `PYPI_COMMANDS`. */
export const runPypiCommand = async (
  { catalog, storage }: IPypiParts,
  name: string,
  input: ICommandInput,
): Promise<void> => {
  const command = commandNamed(PYPI_COMMANDS, 'pypi', name);
  const project = assertReadableName(input.operands[0] ?? '');
  await command.run({ storage: storage.for({ protocol: 'pypi' }), catalog, project }, input);
};
