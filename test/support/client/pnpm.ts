import { delimiter, join } from 'node:path';
import { toolsFolder } from '../tools.js';
import type { IClientCommands, IWho } from './base.js';
import { NpmClient } from './npm.js';
import { hasTerminal, type IRun, type IRunOptions } from './run.js';

/** pnpm 10 installs and packs by itself and gives every other command to the `npm` that it finds on PATH. */
export class Pnpm10Client extends NpmClient {
  override readonly lockFile = 'pnpm-lock.yaml';

  protected override exec(args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    const npm = join(toolsFolder(), 'npm-11', 'node_modules', '.bin');
    return super.exec(args, { ...options, env: { PATH: [npm, this.home.env.PATH].join(delimiter) } });
  }

  override publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    return this.exec(['publish', '--no-git-checks', ...(options.tag ? ['--tag', options.tag] : [])], { cwd: folder });
  }

  override installLocked(folder: string): Promise<IRun> {
    return this.exec(['install', '--frozen-lockfile'], { cwd: folder });
  }
}

/** pnpm 12 is a program of its own and has all commands itself. It asks only on a terminal. */
export class Pnpm12Client extends NpmClient implements IClientCommands {
  override readonly lockFile = 'pnpm-lock.yaml';

  protected override exec(args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    // Its own gate would write freshly published names into pnpm-workspace.yaml.
    return super.exec(args, { ...options, env: { PNPM_CONFIG_MINIMUM_RELEASE_AGE: '0' } });
  }

  override async storedToken(): Promise<string | undefined> {
    return /:_authToken="?([^"\n]+)"?/.exec(await this.readHome('.config/pnpm/auth.ini'))?.[1];
  }

  override login(who: IWho): Promise<IRun> {
    return this.exec(['login'], {
      terminal: hasTerminal(),
      dialogue: [
        { when: /Username:+/, say: `${who.username}\r` },
        { when: /Password:+/, say: `${who.password}\r` },
        { when: /Email[^:]*:+/, say: `${who.username}@example.org\r` },
      ],
    });
  }

  /** The same command as `login` to it. */
  override adduser(who: IWho): Promise<IRun> {
    return this.login(who);
  }

  override tokenCreate(who: IWho): Promise<IRun> {
    return this.exec(['token', 'create', '--read-only'], {
      terminal: hasTerminal(),
      dialogue: [{ when: /Password:+/, say: `${who.password}\r` }],
    });
  }

  override webLogin(approve: (url: string) => Promise<void>): Promise<IRun> {
    return this.exec(['login'], {
      terminal: hasTerminal(),
      dialogue: [
        {
          when: /(https?:\/\/[^\s]+\/login\/[^\s]+)\s/,
          say: async (match) => {
            await approve(match[1]!);
            return '';
          },
        },
      ],
    });
  }

  override publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    return this.exec(['publish', '--no-git-checks', ...(options.tag ? ['--tag', options.tag] : [])], { cwd: folder });
  }

  override undeprecate(spec: string): Promise<IRun> {
    return this.exec(['undeprecate', spec]);
  }

  override installLocked(folder: string): Promise<IRun> {
    return this.exec(['install', '--frozen-lockfile'], { cwd: folder });
  }
}
