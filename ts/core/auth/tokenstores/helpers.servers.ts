import { missingPermission } from '../../base/helpers.permissions.js';
import { ConfigError } from '../../classes.configerror.js';
import { RegistryError } from '../../classes.registryerror.js';

/** How long a server of tokens is waited for. */
export interface IServerPatience {
  /** ms for a new connection, including TLS and the login */
  connectMs: number;
  /** ms for the answer to one command */
  answerMs: number;
}

/** A request of a client waits for both at most; package managers give up after 30 s or more. */
export const PATIENCE: IServerPatience = { connectMs: 5_000, answerMs: 5_000 };

/** Commands that wait for a server; more are refused at once, so that a silent server does not fill the memory. */
export const MAX_WAITING = 10_000;

/** The server did not answer in time. Whether it did what it was asked to do is not known. */
export class SilentServerError extends Error {
  public override readonly name = 'SilentServerError';
}

/** The result of `work`. If it takes longer than `ms`, its later result or error is ignored. */
export const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilentServerError(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Loads an optional package.
 * @throws ConfigError if it is not installed
 */
export const loadPackage = async <T>(kind: string, name: string, load: () => Promise<T>): Promise<T> => {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Deno and Bun have other codes
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || /not found|cannot find/i.test(message);
    const advice = missingPermission(error, 'server') ?? (isAbsent ? `npm install ${name}` : message);
    const state = isAbsent ? 'is not installed' : 'cannot be loaded';
    throw new ConfigError('auth.tokenStore', `"${kind}" needs the package ${name}, which ${state}: ${advice}`);
  }
};

/** What errors and logs say of a server: its URL without user, password and options. */
export const addressOf = (url: string): string => {
  const { protocol, host, pathname, searchParams } = parsed(url);
  return `${protocol}//${host || searchParams.get('host') || ''}${pathname}`;
};

/** `pg` takes a URL with a user and no host, e.g. `postgres://user@/name?host=/run/postgresql`. */
const parsed = (url: string): URL => {
  const whole = url.replace('@/', '@localhost/');
  if (URL.canParse(whole)) return new URL(whole);
  // the error of `new URL` has the text, and so the password, in a field
  throw new ConfigError('auth', 'has a url that is not a URL');
};

/** The reason of an error in one line. Node joins the errors of several addresses into one without a text. */
export const reasonOf = (error: unknown): string => {
  const { message, code, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (message) return message;
  return errors?.[0] === undefined ? (code ?? String(error)) : reasonOf(errors[0]);
};

/** Texts of an error without the credentials of the URL, whatever a package puts into it. */
const withoutSecrets = (text: string, url: string): string => {
  const { password } = parsed(url);
  if (password === '') return text;
  const spellings = [password, decoded(password)];
  return spellings.reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text);
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign
  }
};

/** The error for requests while a server of tokens is away or refuses; its cause is for the log. */
export const unreachable = (url: string, error: unknown): RegistryError => {
  const reason = missingPermission(error, 'server') ?? withoutSecrets(reasonOf(error), url);
  return new RegistryError('unavailable', 'The store of tokens cannot be used at the moment; try again', {
    // not the error itself: some packages keep their settings in it
    cause: new Error(`${addressOf(url)}: ${reason}`),
  });
};

/** The error of `init` for the operator. */
export const cannotStart = (kind: string, url: string, error: unknown): RegistryError => {
  const { cause } = error instanceof RegistryError ? error : unreachable(url, error);
  return new RegistryError('unavailable', `The server of auth.${kind}.url cannot be used. ${reasonOf(cause)}`, {
    cause,
  });
};
