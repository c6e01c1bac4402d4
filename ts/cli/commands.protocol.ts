import { availableProtocols, commandsOf } from '../classes.smartregistry.js';
import { printable } from '../core/base/helpers.printable.js';
import type { ICommandInput, IRegistryCommand } from '../core/interfaces.commands.js';
import type { TBuiltInProtocol } from '../helpers.config.js';
import { loadConfig } from './helpers.cliconfig.js';
import { CommandError, parseCommand, STORE_OPTIONS, type TEnvironment, UsageError } from './helpers.commandline.js';
import { commandLogger } from './helpers.log.js';
import { openForMaintenance } from './helpers.opening.js';

/** The protocol with this name, if this release serves it. */
export const protocolNamed = (name: string | undefined): TBuiltInProtocol | undefined =>
  availableProtocols().find((protocol) => protocol === name);

const isOptional = (operand: string): boolean => operand.startsWith('[');

const STORE_HELP: [string, string][] = [
  ['--data DIRECTORY', 'the store (SMARTREGISTRY_DATA, default ./data)'],
  ['--config FILE', 'the configuration (SMARTREGISTRY_CONFIG)'],
];

const optionLines = ({ options = {} }: IRegistryCommand): string => {
  const own = Object.entries(options).map(([name, { value, help }]): [string, string] => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    help,
  ]);
  const all = [...own, ...STORE_HELP];
  const width = Math.max(...all.map(([option]) => option.length));
  return all.map(([option, help]) => `  ${option.padEnd(width)}   ${help}\n`).join('');
};

const usageOf = ({ name, operands }: IRegistryCommand): string => [name, ...operands].join(' ');

const helpOf = (protocol: string, command: IRegistryCommand): string =>
  `Usage: smartregistry ${protocol} ${usageOf(command)} [options]\n\n${command.summary}.\n${command.help ?? ''}\n${optionLines(command)}`;

const listOf = (protocol: string, commands: readonly IRegistryCommand[]): string => {
  const width = Math.max(...commands.map((command) => usageOf(command).length));
  const lines = commands.map((command) => `  ${usageOf(command).padEnd(width)}   ${command.summary}\n`);
  return `Usage: smartregistry ${protocol} COMMAND [options]\n\n${lines.join('')}\nServers on the same store may run meanwhile.\n`;
};

const isHelp = (argument: string): boolean => argument === '--help' || argument === '-h';

/** The longest command at the beginning of the arguments. */
const find = (commands: readonly IRegistryCommand[], args: string[]): IRegistryCommand | undefined =>
  [2, 1].flatMap((length) => commands.filter(({ name }) => name === args.slice(0, length).join(' ')))[0];

const parse = (
  { name, operands, options = {} }: IRegistryCommand,
  args: string[],
): { input: Omit<ICommandInput, 'print'>; values: { data?: string; config?: string } } => {
  const own = Object.entries(options).map(
    ([option, { value }]) => [option, { type: value === undefined ? 'boolean' : 'string' }] as const,
  );
  const needed = operands.filter((operand) => !isOptional(operand));
  const rest = args.slice(name.split(' ').length);
  const parsed = parseCommand(rest, { ...Object.fromEntries(own), ...STORE_OPTIONS }, needed, { more: true });
  const extra = parsed.operands[operands.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`);
  const { data, config, ...typed } = parsed.values as Record<string, string | undefined>;
  const values = { ...(data !== undefined && { data }), ...(config !== undefined && { config }) };
  return { input: { operands: parsed.operands, options: typed }, values };
};

/** Runs `smartregistry PROTOCOL COMMAND …`. @returns the exit code */
export const runProtocolCommand = async (
  protocol: TBuiltInProtocol,
  args: string[],
  env: TEnvironment,
): Promise<number> => {
  const commands = await commandsOf(protocol);
  if (commands.length === 0) throw new UsageError(`${protocol} has no commands of its own`);
  const command = find(commands, args);
  if (args.some(isHelp)) {
    process.stdout.write(command ? helpOf(protocol, command) : listOf(protocol, commands));
    return 0;
  }
  if (!command) {
    const names = commands.map(({ name }) => name).join(', ');
    throw new UsageError(`Which command of ${protocol}: ${names}?`);
  }
  const { input, values } = parse(command, args);
  const registry = await openForMaintenance(await loadConfig(values, env), commandLogger);
  try {
    const target = registry.getRegistry(protocol);
    if (!target) throw new CommandError(`${protocol} is not enabled in this configuration`);
    await target.runCommand(command.name, {
      ...input,
      print: (line) => void process.stdout.write(`${printable(line)}\n`),
    });
    return 0;
  } finally {
    await registry.destroy();
  }
};
