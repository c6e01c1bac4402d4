import { RegistryError } from '../core/classes.registryerror.js';
import type { ICommandInput, IRegistryCommand } from '../core/interfaces.commands.js';
import { commandNamed, optionText } from '../core/pipeline/helpers.commands.js';
import { changeYank, type IChangePlace } from './helpers.changes.js';
import type { IBuildChoice } from './helpers.document.js';
import type { IGemParts } from './interfaces.parts.js';
import { isGemName, quoted } from './wire/wire.names.js';
import { RUBY } from './wire/wire.platforms.js';
import { isVersion, normalizeVersion } from './wire/wire.versions.js';

/** A command that changes one gem. */
export interface IGemCommand extends IRegistryCommand {
  run(place: IChangePlace, choice: IBuildChoice, input: ICommandInput): Promise<void>;
}

const OPTIONS = { platform: { value: 'PLATFORM', help: 'the build for this platform; default: ruby' } };

/** `smartregistry rubygems …`. */
export const RUBYGEMS_COMMANDS: readonly IGemCommand[] = [
  {
    name: 'yank',
    operands: ['GEM', 'VERSION'],
    options: OPTIONS,
    summary: 'Take a version back: it is neither listed nor served any more',
    run: async (place, choice, input) => {
      input.print(`${place.gem} ${await changeYank(place, choice, true)} is yanked`);
    },
  },
  {
    name: 'unyank',
    operands: ['GEM', 'VERSION'],
    options: OPTIONS,
    summary: 'List a yanked version again',
    run: async (place, choice, input) => {
      input.print(`${place.gem} ${await changeYank(place, choice, false)} is listed`);
    },
  },
];

/** Runs a command of `RUBYGEMS_COMMANDS`. */
export const runRubyGemsCommand = async (
  { catalog, storage }: IGemParts,
  name: string,
  input: ICommandInput,
): Promise<void> => {
  const command = commandNamed(RUBYGEMS_COMMANDS, 'rubygems', name);
  const [gem = '', version = ''] = input.operands;
  if (!isGemName(gem)) throw new RegistryError('invalid', `${quoted(gem)} is not a name that a gem can have`);
  if (!isVersion(version)) throw new RegistryError('invalid', `${quoted(version)} is not a version`);
  const choice = { version: normalizeVersion(version), platform: optionText(input, 'platform') ?? RUBY };
  await command.run({ storage: storage.for({ protocol: 'rubygems' }), catalog, gem }, choice, input);
};
