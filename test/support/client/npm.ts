import { fileURLToPath } from 'node:url';
import { type IClientCommands, type IWho, TestClient } from './base.js';
import type { IRun } from './run.js';

const withoutTuf = fileURLToPath(new URL('./no-tuf.cjs', import.meta.url));

/** The commands of npm that pnpm has, too; pnpm 10 hands most of them to npm. */
export class NpmClient extends TestClient implements IClientCommands {
  readonly lockFile: string = 'package-lock.json';
  /** npm 11 no longer has `--read-only`, and says nothing when it is given. */
  protected readonly readOnlyFlag: string =
    this.tool.name === 'npm-10' ? '--read-only' : '--packages-and-scopes-permission=read-only';

  login(who: IWho): Promise<IRun> {
    return this.exec(['login', '--auth-type=legacy'], {
      dialogue: [
        { when: /Username:/, say: `${who.username}\n` },
        { when: /Password:/, say: `${who.password}\n` },
      ],
    });
  }

  webLogin(approve: (url: string) => Promise<void>): Promise<IRun> {
    // npm prints the address, then waits for ENTER (to open a browser) and polls meanwhile.
    return this.exec(['login', '--auth-type=web', '--browser=false'], {
      dialogue: [
        {
          when: /(https?:\/\/\S+\/login\/\S+)\s/,
          say: async (match) => {
            await approve(match[1]!);
            return '';
          },
        },
      ],
    });
  }

  adduser(who: IWho): Promise<IRun> {
    return this.exec(['adduser', '--auth-type=legacy'], {
      dialogue: [
        { when: /Username:/, say: `${who.username}\n` },
        { when: /Password:/, say: `${who.password}\n` },
        { when: /Email[^:]*:/, say: `${who.username}@example.org\n` },
      ],
    });
  }

  logout(): Promise<IRun> {
    return this.exec(['logout']);
  }

  whoami(): Promise<IRun> {
    return this.exec(['whoami']);
  }

  ping(): Promise<IRun> {
    return this.exec(['ping']);
  }

  publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    return this.exec(['publish', ...(options.tag ? ['--tag', options.tag] : [])], { cwd: folder });
  }

  deprecate(spec: string, message: string): Promise<IRun> {
    return this.exec(['deprecate', spec, message]);
  }

  undeprecate(spec: string): Promise<IRun> {
    return this.exec(['deprecate', spec, '']);
  }

  distTagAdd(spec: string, tag: string): Promise<IRun> {
    return this.exec(['dist-tag', 'add', spec, tag]);
  }

  distTagList(name: string): Promise<IRun> {
    return this.exec(['dist-tag', 'ls', name]);
  }

  distTagRemove(name: string, tag: string): Promise<IRun> {
    return this.exec(['dist-tag', 'rm', name, tag]);
  }

  search(text: string): Promise<IRun> {
    return this.exec(['search', text]);
  }

  view(name: string): Promise<IRun> {
    return this.exec(['view', name]);
  }

  owners(name: string): Promise<IRun> {
    return this.exec(['owner', 'ls', name]);
  }

  accessStatus(name: string): Promise<IRun> {
    return this.exec(['access', 'get', 'status', name]);
  }

  tokenList(): Promise<IRun> {
    return this.exec(['token', 'list']);
  }

  tokenCreate(who: IWho): Promise<IRun> {
    return this.exec(['token', 'create', this.readOnlyFlag], {
      dialogue: [{ when: /password:/i, say: `${who.password}\n` }],
    });
  }

  tokenRevoke(key: string): Promise<IRun> {
    return this.exec(['token', 'revoke', key]);
  }

  unpublish(spec: string): Promise<IRun> {
    return this.exec(['unpublish', '--force', spec]);
  }

  audit(folder: string): Promise<IRun> {
    return this.exec(['audit'], { cwd: folder });
  }

  install(folder: string): Promise<IRun> {
    return this.exec(['install'], { cwd: folder });
  }

  installLocked(folder: string): Promise<IRun> {
    return this.exec(['ci'], { cwd: folder });
  }
}

/** npm itself. */
export class NpmItself extends NpmClient implements IClientCommands {
  auditSignatures(folder: string): Promise<IRun> {
    const env = { NODE_OPTIONS: `--require=${withoutTuf}` };
    return this.exec(['audit', 'signatures'], { cwd: folder, env });
  }

  setPassword(before: string, after: string): Promise<IRun> {
    return this.exec(['profile', 'set', 'password'], {
      dialogue: [
        { when: /Current password:/, say: `${before}\n` },
        { when: /New password:/, say: `${after}\n` },
        { when: /Again:/, say: `${after}\n` },
      ],
    });
  }
}
