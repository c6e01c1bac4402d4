import { readFile } from 'node:fs/promises';
import type { ILogger } from '../core/interfaces.core.js';
import { checkTls } from '../http/helpers.tls.js';
import type { ITlsFiles } from '../http/interfaces.http.js';
import { CommandError } from './helpers.commandline.js';

/** ms between two checks of the files. A certificate is renewed days before it expires. */
const LOOK_MS = 60_000;

const readPem = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
};

/** Reads certificate and key from the files. @throws CommandError if a server could not use them */
export const readTls = async ({ cert, key }: ITlsFiles): Promise<ITlsFiles> => {
  const tls = { cert: await readPem(cert), key: await readPem(key) };
  try {
    checkTls(tls);
  } catch (error) {
    throw new CommandError(`${cert} and ${key} cannot be used: ${(error as Error).message}`);
  }
  return tls;
};

export interface ITlsRenewal {
  /** names of the files */
  files: ITlsFiles;
  /** their content at the start */
  current: ITlsFiles;
  renew(tls: ITlsFiles): void;
  logger: ILogger;
  lookMs?: number;
}

/**
 * Calls `renew` with the files' content when it has changed: checks once a minute, and on SIGHUP. If the files cannot
 * be used (the two are written one after the other), the server keeps the old ones, and they are tried again.
 * @returns a function that stops it
 */
export const keepTlsRenewed = ({ files, current, renew, logger, lookMs = LOOK_MS }: ITlsRenewal): (() => void) => {
  let used = current;
  let complaint = '';
  const look = async (): Promise<void> => {
    try {
      const tls = await readTls(files);
      complaint = '';
      if (tls.cert === used.cert && tls.key === used.key) return;
      renew(tls);
      used = tls;
      logger.info('The TLS certificate was renewed', { file: files.cert });
    } catch (error) {
      const { message } = error as Error;
      if (message !== complaint)
        logger.warn('A new TLS certificate cannot be used: the old one stays', { error: message });
      complaint = message;
    }
  };
  const onSignal = (): void => void look();
  const timer = setInterval(onSignal, lookMs).unref();
  process.on('SIGHUP', onSignal);
  return () => {
    clearInterval(timer);
    process.off('SIGHUP', onSignal);
  };
};
