import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type IClientCommands, type IWho, TestClient } from './base.js';
import { hasTerminal, type IDialogueStep, type IRun } from './run.js';

/**
 * yarn 1. Its `login` only notes a name; the password is asked, and a token fetched and given back, by each command.
 * Its `audit` asks a registry of its own, whatever is configured, and so is no command of this test.
 */
export class Yarn1Client extends TestClient implements IClientCommands {
  readonly lockFile = 'yarn.lock';
  private noted: IWho | undefined;

  async login(who: IWho): Promise<IRun> {
    this.noted = who;
    return this.exec(['login'], {
      terminal: hasTerminal(),
      dialogue: [
        { when: /npm username:/, say: `${who.username}\r` },
        { when: /npm email:/, say: `${who.username}@example.org\r` },
      ],
    });
  }

  override async storedToken(): Promise<string | undefined> {
    return undefined;
  }

  logout(): Promise<IRun> {
    this.noted = undefined;
    return this.exec(['logout']);
  }

  async publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    // It asks for the version too, unless it is told.
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
    return this.asking(['publish', '--new-version', version, ...(options.tag ? ['--tag', options.tag] : [])], folder);
  }

  distTagAdd(spec: string, tag: string): Promise<IRun> {
    return this.asking(['tag', 'add', spec, tag]);
  }

  distTagList(name: string): Promise<IRun> {
    return this.asking(['tag', 'list', name]);
  }

  distTagRemove(name: string, tag: string): Promise<IRun> {
    return this.asking(['tag', 'remove', name, tag]);
  }

  view(name: string): Promise<IRun> {
    return this.exec(['info', name]);
  }

  owners(name: string): Promise<IRun> {
    return this.asking(['owner', 'list', name]);
  }

  install(folder: string): Promise<IRun> {
    return this.exec(['install'], { cwd: folder });
  }

  installLocked(folder: string): Promise<IRun> {
    return this.exec(['install', '--frozen-lockfile'], { cwd: folder });
  }

  /** Without a token in its configuration yarn asks for the password before each command that writes. */
  private asking(args: string[], cwd = this.home.path('work')): Promise<IRun> {
    if (this.target.token || !this.noted) {
      return this.exec([...args, '--non-interactive'], { cwd });
    }
    const dialogue: IDialogueStep[] = [{ when: /npm password:/, say: `${this.noted.password}\r` }];
    return this.exec(args, { cwd, terminal: hasTerminal(), dialogue });
  }
}

/** yarn berry. Only reads its own configuration, and only runs inside a project. */
export class BerryClient extends TestClient implements IClientCommands {
  readonly lockFile = 'yarn.lock';

  protected override async configure(): Promise<void> {
    const { registry, token } = this.target;
    const lines = [
      `npmRegistryServer: "${registry.replace(/\/$/, '')}"`,
      'unsafeHttpWhitelist: ["127.0.0.1"]',
      'nodeLinker: node-modules',
      'npmMinimalAgeGate: 0',
      'enableTelemetry: false',
      'enableImmutableInstalls: false',
      'enableGlobalCache: true',
    ];
    if (token) {
      lines.push(`npmAuthToken: "${token}"`, 'npmAlwaysAuth: true');
    }
    await this.home.write('home/.yarnrc.yml', `${lines.join('\n')}\n`);
    // Commands about no package of one's own still need a project to stand in.
    await this.home.project('.', { 'package.json': { name: 'here', private: true }, 'yarn.lock': '' });
  }

  override async storedToken(): Promise<string | undefined> {
    return /npmAuthToken: "?([^"\n]+)"?/.exec(await this.readHome('.yarnrc.yml'))?.[1];
  }

  login(who: IWho): Promise<IRun> {
    return this.exec(['npm', 'login'], {
      dialogue: [
        { when: /Username:/, say: `${who.username}\n` },
        { when: /Password:/, say: `${who.password}\n` },
      ],
    });
  }

  webLogin(approve: (url: string) => Promise<void>): Promise<IRun> {
    return this.exec(['npm', 'login', '--web-login'], {
      terminal: hasTerminal(),
      dialogue: [
        { when: /open your browser now\?/, say: 'n\r' },
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

  logout(): Promise<IRun> {
    return this.exec(['npm', 'logout']);
  }

  whoami(): Promise<IRun> {
    return this.exec(['npm', 'whoami']);
  }

  async publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    // A package folder becomes a project of its own by a lock file.
    await this.home.write(`${folder.slice(this.home.folder.length + 1)}/yarn.lock`, '');
    const made = await this.exec(['install'], { cwd: folder });
    if (made.code !== 0) {
      return made;
    }
    return this.exec(['npm', 'publish', ...(options.tag ? ['--tag', options.tag] : [])], { cwd: folder });
  }

  distTagAdd(spec: string, tag: string): Promise<IRun> {
    return this.exec(['npm', 'tag', 'add', spec, tag]);
  }

  distTagList(name: string): Promise<IRun> {
    return this.exec(['npm', 'tag', 'list', name]);
  }

  distTagRemove(name: string, tag: string): Promise<IRun> {
    return this.exec(['npm', 'tag', 'remove', name, tag]);
  }

  view(name: string): Promise<IRun> {
    return this.exec(['npm', 'info', name]);
  }

  audit(folder: string): Promise<IRun> {
    return this.exec(['npm', 'audit', '--all'], { cwd: folder });
  }

  async install(folder: string): Promise<IRun> {
    await this.home.write(`${folder.slice(this.home.folder.length + 1)}/yarn.lock`, '');
    return this.exec(['install'], { cwd: folder });
  }

  installLocked(folder: string): Promise<IRun> {
    return this.exec(['install', '--immutable', '--check-cache'], { cwd: folder });
  }

  protected override falsify(lock: string): string {
    return lock.replace(/(checksum: .*\/)[0-9a-f]{128}/g, (_, start: string) => start + '0'.repeat(128));
  }
}
