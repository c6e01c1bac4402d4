import { type ParseArgsConfig, parseArgs } from 'node:util';
import { printable } from '../core/base/helpers.printable.js';
import { Slices } from '../core/base/helpers.slices.js';

/** The command line was used wrongly: one line on stderr, exit code 2. */
export class UsageError extends Error {
  public override readonly name = 'UsageError';
}

/** An operation failed: one line on stderr, exit code 1. */
export class CommandError extends Error {
  public override readonly name = 'CommandError';
}

export type TEnvironment = Readonly<Record<string, string | undefined>>;

/** One command, e.g. `serve` or `user add`. */
export interface ICommand {
  /** printed by `--help` and by `help COMMAND` */
  help: string;
  /** @returns the exit code */
  run(args: string[], env: TEnvironment): Promise<number>;
}

/** Options of every command that works on a store. */
export const STORE_OPTIONS = { data: { type: 'string' }, config: { type: 'string' } } as const;

type TOptions = NonNullable<ParseArgsConfig['options']>;
type TParsed<T extends TOptions> = ReturnType<typeof parseArgs<{ options: T; strict: true; allowPositionals: true }>>;

/**
 * Returns the options' values and the named operands; with `more`, further operands are allowed.
 * @throws UsageError
 */
export const parseCommand = <T extends TOptions>(
  args: string[],
  options: T,
  operands: string[] = [],
  { more = false }: { more?: boolean } = {},
): { values: TParsed<T>['values']; operands: string[] } => {
  let parsed: TParsed<T>;
  try {
    parsed = parseArgs({ args, options, strict: true, allowPositionals: true });
  } catch (error) {
    // Node adds sentences with advice about "--"
    throw new UsageError((error as Error).message.split(/\.\s/, 1)[0]);
  }
  const { positionals } = parsed as { positionals: string[] };
  const missing = operands[positionals.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = positionals[operands.length];
  if (extra !== undefined && !more) {
    // "npm start -- --port 5001" needs the "--"; pnpm passes it on
    const isOption = extra.startsWith('-') && args.includes('--');
    throw new UsageError(
      isOption
        ? `${extra} stands after "--", where nothing is an option: leave the "--" out`
        : `"${extra}" is one argument too many`,
    );
  }
  return { values: parsed.values, operands: positionals };
};

/** @throws UsageError if the option was not given */
export const required = (value: string | undefined, option: string): string => {
  if (value === undefined || value === '') throw new UsageError(`${option} is missing`);
  return value;
};

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800, y: 31_536_000 };

/** `30d` -> seconds. @throws UsageError */
export const parseDuration = (text: string, option: string): number => {
  const [, count, unit] = /^([1-9]\d*)([smhdwy])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new UsageError(`${option} must be a number and a unit (s, m, h, d, w, y), such as 30d`);
  }
  return Number(count) * (SECONDS[unit] as number);
};

/** Returns one of the allowed words of an option. @throws UsageError */
export const oneOf = <T extends string>(text: string, words: readonly T[], option: string): T => {
  if ((words as readonly string[]).includes(text)) return text as T;
  throw new UsageError(`${option} must be one of ${words.join(', ')}`);
};

/** @throws UsageError */
export const parsePort = (text: string, option: string): number => {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`${option} must be a number from 0 to 65535`);
  return port;
};

/** Rows as columns of equal width. A command may list all tokens, so a long table is made in slices. */
export const formatTable = async (table: Iterable<readonly string[]>): Promise<string> => {
  const slices = new Slices();
  const rows: string[][] = [];
  const widths: number[] = [];
  for (const row of table) {
    const cells = row.map(printable);
    for (const [column, { length }] of cells.entries()) widths[column] = Math.max(widths[column] ?? 0, length);
    rows.push(cells);
    if (slices.due) await slices.rest();
  }
  const lines: string[] = [];
  for (const cells of rows) {
    const padded = cells.map((cell, column) => cell.padEnd(widths[column] as number));
    lines.push(`${padded.join('  ').trimEnd()}\n`);
    if (slices.due) await slices.rest();
  }
  return lines.join('');
};
