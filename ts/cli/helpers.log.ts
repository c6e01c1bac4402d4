import { createLogger } from '../core/base/helpers.log.js';
import type { ILogger } from '../core/interfaces.core.js';
import type { IResponseReport } from '../http/interfaces.http.js';

/** For commands that work on the whole store. */
export const commandLogger: ILogger = createLogger();

/**
 * For commands about users and tokens: warnings about the configuration (e.g. a short secret) do not matter to them.
 */
export const administrationLogger: ILogger = createLogger({ level: 'error' });

/** Removes secrets from paths: `DELETE /npm/-/user/token/<token>`, `GET /npm/-/v1/done/<secret>`. */
const withoutSecrets = (path: string): string => path.replace(/(\/(?:token|-\/+v1\/+done)\/+)[^/]+/g, '$1***');

/** Logs one line for each request. */
export const requestLogger =
  (logger: ILogger) =>
  ({ id, method, path, status, durationMs, bytes, aborted, ip, ...report }: IResponseReport): void => {
    logger.info('request', {
      id,
      method,
      path: withoutSecrets(path),
      status,
      ms: Number(durationMs.toFixed(1)),
      bytes,
      aborted: aborted || undefined,
      user: report.userId,
      token: report.tokenId,
      ip,
      refusal: report.refusal,
      userAgent: report.userAgent,
    });
  };

/** Prints advice beside the result of a command. */
export const warnOf = (advice: readonly string[]): void => {
  for (const line of advice) process.stderr.write(`smartregistry: warning: ${line}\n`);
};
