import type { ILogger } from '../core/interfaces.core.js';
import type { IResponseReport } from '../http/interfaces.http.js';
import { printable } from './helpers.commandline.js';

/** Never throws: what is logged is often an error already, and not every one can be written as JSON. */
const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return JSON.stringify(String(value));
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
};

const show = (value: unknown): string => {
  const text = textOf(value);
  return printable(typeof value === 'string' && (text === '' || /[\s"=]/.test(text)) ? JSON.stringify(text) : text);
};

const line = (level: string, message: string, fields: Record<string, unknown> = {}): void => {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${show(value)}`);
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}${shown.join('')}\n`);
};

/** One line for each event on stderr: time, level, message, fields. */
export const lineLogger: ILogger = {
  info: (message, fields) => line('info', message, fields),
  warn: (message, fields) => line('warn', message, fields),
  error: (message, fields) => line('error', message, fields),
};

/** Some protocols put a secret into the path: `DELETE /npm/-/user/token/<token>`, `GET /npm/-/v1/done/<secret>`. */
const withoutSecrets = (path: string): string => path.replace(/(\/(?:token|-\/+v1\/+done)\/+)[^/]+/g, '$1***');

/** One line for each request, for `--log-requests`. */
export const logRequest = ({ method, path, status, durationMs, aborted, ip, userAgent }: IResponseReport): void => {
  const ms = Number(durationMs.toFixed(1));
  line('info', 'request', {
    method,
    path: withoutSecrets(path),
    status,
    ms,
    aborted: aborted || undefined,
    ip,
    userAgent,
  });
};
