import { RegistryStorage } from '../../ts/core/classes.registrystorage.js';
import { AuthManager, type IAuthConfig, type IAuthProvider, type ILogger } from '../../ts/index.js';
import { OciTokens } from '../../ts/oci/classes.ocitokens.js';
import { MemoryObjectStore } from './memory-store.js';

export const SECRET = 'a-secret-of-the-tests-long-enough-to-be-one';

export interface ILogLine {
  level: string;
  message: string;
  fields?: Record<string, unknown>;
}

export const logTo = (lines: ILogLine[]): ILogger => {
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
};

/** A clock that only the test moves. */
export class Clock {
  public ms = Date.UTC(2030, 0, 1);
  public readonly now = (): Date => new Date(this.ms);
  public forward(seconds: number): void {
    this.ms += seconds * 1000;
  }
}

export interface ISetup {
  config?: Partial<IAuthConfig>;
  store?: MemoryObjectStore;
  clock?: Clock;
  provider?: IAuthProvider;
}

/** An auth manager as one process would have it; give two of them one store to have two processes. */
export const startAuth = async (setup: ISetup = {}) => {
  const { store = new MemoryObjectStore(), clock = new Clock(), provider } = setup;
  const log: ILogLine[] = [];
  const logger = logTo(log);
  const storage = new RegistryStorage(store, { logger, now: clock.now });
  const config: IAuthConfig = { jwtSecret: SECRET, tokenStore: 'bucket', ...setup.config };
  const auth = new AuthManager(config, { storage, provider, logger, now: clock.now });
  // as the OCI registry does it
  const tokens = new OciTokens(auth);
  await auth.init();
  return { auth, tokens, store, clock, log };
};

/** The code of an error, or what came instead of one. */
export const failure = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    (value) => `no error, but ${JSON.stringify(value)}`,
    (error: { kind?: string; name: string }) => error.kind ?? error.name,
  );
