/** An option of a protocol's command, e.g. `--reason TEXT`. */
export interface ICommandOption {
  /** the word for its value in the help, e.g. `TEXT`; absent: a switch without a value */
  value?: string;
  /** one line of the help */
  help: string;
}

/**
 * A command of a protocol for its administrators: `smartregistry PROTOCOL NAME …`. The command line knows no protocol;
 * it reads these descriptions.
 */
export interface IRegistryCommand {
  /** one or two words, e.g. `yank` or `filter add` */
  name: string;
  /** the names of its operands in their order, e.g. `PROJECT`; one in brackets (`[VERSION]`) may be left out */
  operands: readonly string[];
  options?: Readonly<Record<string, ICommandOption>>;
  /** its line in the list of commands */
  summary: string;
  /** printed below the usage line; lines end with a line break */
  help?: string;
}

/** What was typed, checked against the description. */
export interface ICommandInput {
  /** those that may be left out may be undefined */
  operands: readonly (string | undefined)[];
  /** the values of options; a switch that was given is `true` */
  options: Readonly<Record<string, string | true | undefined>>;
  /** Prints a line. */
  print(line: string): void;
}
