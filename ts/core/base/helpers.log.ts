import process from 'node:process';
import type { ILogger } from '../interfaces.core.js';
import { printable } from './helpers.printable.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type TLogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['text', 'json'] as const;
export type TLogFormat = (typeof LOG_FORMATS)[number];

export interface ILoggerOptions {
  /** the lowest level that is written; default `warn` */
  level?: TLogLevel;
  /** `text`: time, level, message, `name=value`; `json`: an object with `time`, `level`, `msg` and the fields */
  format?: TLogFormat;
  /** receives one line with its line break; default: stderr */
  write?(line: string): void;
}

type TFields = Record<string, unknown>;
type TFormat = (time: string, level: string, message: string, fields: TFields) => string;

/** Logged values are often errors, and some cannot be written as JSON; logging must not throw. */
const jsonOf = (value: unknown): string => {
  if (value instanceof Error) return JSON.stringify(String(value));
  try {
    return JSON.stringify(value) ?? JSON.stringify(String(value));
  } catch {
    return JSON.stringify(Object.prototype.toString.call(value));
  }
};

const asText = (value: unknown): string => {
  if (typeof value === 'string') return printable(value === '' || /[\s"=]/.test(value) ? JSON.stringify(value) : value);
  const json = jsonOf(value);
  // an object that cannot be written as JSON is named without quotes
  return printable(json.startsWith('"[object ') ? json.slice(1, -1) : json);
};

const textLine: TFormat = (time, level, message, fields) =>
  `${time} ${level} ${printable(message)}${Object.entries(fields)
    .map(([name, value]) => ` ${name}=${asText(value)}`)
    .join('')}`;

/** The three fields of every line come first, and no other field can replace them. */
const jsonLine: TFormat = (time, level, msg, fields) =>
  `{${Object.entries({ ...{ time, level, msg }, ...fields, ...{ time, level, msg } })
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`)
    .join(',')}}`;

const toStderr = (line: string): void => {
  process.stderr.write(line);
};

/** A logger that writes one line for each event. It never throws. */
export const createLogger = ({ level = 'warn', format = 'text', write = toStderr }: ILoggerOptions = {}): ILogger => {
  const least = LOG_LEVELS.indexOf(level);
  const lineOf = format === 'json' ? jsonLine : textLine;
  const at =
    (name: Exclude<TLogLevel, 'silent'>) =>
    (message: string, fields: TFields = {}) => {
      if (LOG_LEVELS.indexOf(name) < least) return;
      const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
      write(`${lineOf(new Date().toISOString(), name, message, known)}\n`);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};

export const SILENT_LOGGER = createLogger({ level: 'silent' });

/** The logger that a configuration asks for. */
export const loggerOf = (configured: ILogger | false | undefined): ILogger =>
  configured === false ? SILENT_LOGGER : (configured ?? createLogger());
