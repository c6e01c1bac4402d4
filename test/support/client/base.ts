import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ITool } from '../tools.js';
import type { ClientHome } from './home.js';
import { type IRun, type IRunOptions, run } from './run.js';

/** Where a client is pointed at. */
export interface IClientTarget {
  /** The npm registry, with a slash at its end. */
  registry: string;
  token?: string;
}

export interface IWho {
  username: string;
  password: string;
}

/**
 * The commands of a client that speak to the registry. One that is absent is not offered by this client.
 */
export interface IClientCommands {
  /** Log in with name and password; the client must have kept a token afterwards. */
  login?(who: IWho): Promise<IRun>;
  /** Log in with the browser; `approve` is handed the address that the client shows. */
  webLogin?(approve: (url: string) => Promise<void>): Promise<IRun>;
  /** Make an account and log in. */
  adduser?(who: IWho): Promise<IRun>;
  logout?(): Promise<IRun>;
  whoami?(): Promise<IRun>;
  ping?(): Promise<IRun>;
  publish?(folder: string, options?: { tag?: string }): Promise<IRun>;
  deprecate?(spec: string, message: string): Promise<IRun>;
  undeprecate?(spec: string): Promise<IRun>;
  distTagAdd?(spec: string, tag: string): Promise<IRun>;
  distTagList?(name: string): Promise<IRun>;
  distTagRemove?(name: string, tag: string): Promise<IRun>;
  search?(text: string): Promise<IRun>;
  view?(name: string): Promise<IRun>;
  owners?(name: string): Promise<IRun>;
  accessStatus?(name: string): Promise<IRun>;
  tokenList?(): Promise<IRun>;
  tokenCreate?(who: IWho): Promise<IRun>;
  tokenRevoke?(key: string): Promise<IRun>;
  unpublish?(spec: string): Promise<IRun>;
  audit?(folder: string): Promise<IRun>;
  /** Verifies the registry's signatures of all that is installed. */
  auditSignatures?(folder: string): Promise<IRun>;
  /** Changes the password of the account that is logged in. */
  setPassword?(before: string, after: string): Promise<IRun>;
}

export abstract class TestClient {
  /** The lock file that `install` writes. */
  abstract readonly lockFile: string;
  protected target: IClientTarget = { registry: 'http://127.0.0.1:9/' };

  constructor(
    readonly tool: ITool,
    readonly home: ClientHome,
  ) {}

  get title(): string {
    return `${this.tool.name} (${this.tool.version})`;
  }

  /** Writes the user's configuration for this registry, forgetting any other and any token. */
  async point(target: IClientTarget): Promise<void> {
    this.target = target;
    await rm(this.home.path('home', '.config'), { recursive: true, force: true });
    await this.configure();
  }

  /** By default npm's own file, which all but berry read. */
  protected async configure(): Promise<void> {
    const { registry, token } = this.target;
    const lines = [`registry=${registry}`];
    if (token) {
      lines.push(`${registry.replace(/^https?:/, '')}:_authToken=${token}`);
    }
    await this.home.write('home/.npmrc', `${lines.join('\n')}\n`);
  }

  /** The token that the last login has left in the client's own configuration. */
  async storedToken(): Promise<string | undefined> {
    return /:_authToken="?([^"\n]+)"?/.exec(await this.readHome('.npmrc'))?.[1];
  }

  protected async readHome(file: string): Promise<string> {
    try {
      return await readFile(this.home.path('home', file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return '';
      }
      throw error;
    }
  }

  /** Resolves and installs what package.json asks for, writing the lock file. */
  abstract install(folder: string): Promise<IRun>;
  /** Installs exactly what the lock file says, or fails. */
  abstract installLocked(folder: string): Promise<IRun>;

  protected exec(args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    return run([...this.tool.command, ...args], {
      cwd: this.home.path('work'),
      ...options,
      env: { ...this.home.env, ...options.env },
    });
  }

  /** Takes installed packages and everything downloaded away; the lock file stays. */
  async forgetInstalled(folder: string): Promise<void> {
    await this.home.clearCaches();
    for (const name of await readdir(folder)) {
      if (name === 'node_modules' || name === '.yarn') {
        await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }

  /** Gives every hash in the lock file another value of the same form, as if other bytes had been locked. */
  async falsifyLock(folder: string): Promise<void> {
    const path = join(folder, this.lockFile);
    const before = await readFile(path, 'utf8');
    const after = this.falsify(before);
    if (after === before) {
      throw new Error(`${path} holds no hash that this test knows:\n${before}`);
    }
    await writeFile(path, after);
  }

  protected falsify(lock: string): string {
    return lock.replace(/sha512-[A-Za-z0-9+/]{86}==/g, `sha512-${'A'.repeat(86)}==`);
  }
}
