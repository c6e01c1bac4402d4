import type { ICommandInput, IRegistryCommand } from '../core/interfaces.commands.js';
import { commandNamed, optionText } from '../core/pipeline/helpers.commands.js';
import { existing } from './helpers.document.js';
import { allowVersions, announcedLists, blockVersions, type IFilterPlace } from './helpers.filters.js';
import type { IComposerDocument, IComposerFilterEntry } from './interfaces.composer.js';
import type { IComposerParts } from './interfaces.parts.js';
import { documentKey } from './keys.composer.js';
import { assertListName, parseFilterEntry } from './wire/wire.filter.js';
import { assertNewName } from './wire/wire.names.js';

/** A command that changes or shows one package. */
export interface IComposerCommand extends IRegistryCommand {
  run(place: IFilterPlace, input: ICommandInput): Promise<void>;
}

const LIST = {
  value: 'NAME',
  help: 'one of composer.filterLists; default: malware, which Composer obeys without any setting',
};

const listOf = (input: ICommandInput): string => assertListName(optionText(input, 'list') ?? 'malware');

const describe = ({ list, constraint, reason, url }: IComposerFilterEntry): string =>
  [`${list}: ${constraint}`, reason, url].filter((part) => part !== undefined).join('  ');

/** `smartregistry composer …`. */
export const COMPOSER_COMMANDS: readonly IComposerCommand[] = [
  {
    name: 'filter add',
    operands: ['PACKAGE', 'CONSTRAINT'],
    options: {
      list: LIST,
      reason: { value: 'TEXT', help: 'clients print it' },
      url: { value: 'URL', help: 'where users can read more' },
    },
    summary: 'Block versions at every client: Composer 2.10 and later does not install them',
    help: 'CONSTRAINT is in the syntax of composer.json: 1.2.3, ">=1.0 <1.2.3", "*". The zips stay, for older clients too.\n',
    run: async (place, input) => {
      const list = listOf(input);
      const [, constraint] = input.operands;
      const [reason, url] = [optionText(input, 'reason'), optionText(input, 'url')];
      await blockVersions(place, parseFilterEntry(list, { constraint, reason, url }));
      input.print(`${place.name} ${constraint} is in the filter list ${list}`);
    },
  },
  {
    name: 'filter remove',
    operands: ['PACKAGE', '[CONSTRAINT]'],
    options: { list: LIST },
    summary: 'Allow versions again: the entry with this constraint, or all of the list',
    run: async (place, input) => {
      const list = listOf(input);
      const [, constraint] = input.operands;
      await allowVersions(place, { list, constraint });
      input.print(`${place.name} ${constraint ?? ''}`.trimEnd().concat(` is no longer in the filter list ${list}`));
    },
  },
  {
    name: 'filter list',
    operands: ['PACKAGE'],
    summary: 'Show the entries of a package in filter lists',
    run: async (place, input) => {
      const document = (await place.storage.read<IComposerDocument>(documentKey(place.name)))?.value;
      for (const entry of existing(document, place.name).filters ?? []) input.print(describe(entry));
    },
  },
];

/** Runs a command of `COMPOSER_COMMANDS`. */
export const runComposerCommand = async (
  { catalog, config }: IComposerParts,
  storage: IFilterPlace['storage'],
  name: string,
  input: ICommandInput,
): Promise<void> => {
  const command = commandNamed(COMPOSER_COMMANDS, 'composer', name);
  const packageName = assertNewName(input.operands[0] ?? '');
  const place = { storage: storage.for({ protocol: 'composer' }), catalog, name: packageName };
  await command.run({ ...place, announced: announcedLists(config) }, input);
};
