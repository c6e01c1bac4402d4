import { type IClientCommands, TestClient } from './base.js';
import type { IRun } from './run.js';

/** Bun as a package manager. Takes its token from npm's file. */
export class BunClient extends TestClient implements IClientCommands {
  readonly lockFile = 'bun.lock';

  whoami(): Promise<IRun> {
    return this.exec(['pm', 'whoami']);
  }

  publish(folder: string, options: { tag?: string } = {}): Promise<IRun> {
    return this.exec(['publish', ...(options.tag ? ['--tag', options.tag] : [])], { cwd: folder });
  }

  view(name: string): Promise<IRun> {
    return this.exec(['info', name]);
  }

  audit(folder: string): Promise<IRun> {
    return this.exec(['audit'], { cwd: folder });
  }

  install(folder: string): Promise<IRun> {
    return this.exec(['install'], { cwd: folder });
  }

  installLocked(folder: string): Promise<IRun> {
    return this.exec(['install', '--frozen-lockfile'], { cwd: folder });
  }
}

/** Deno installs npm packages; what it publishes goes elsewhere. */
export class DenoClient extends TestClient implements IClientCommands {
  readonly lockFile = 'deno.lock';

  audit(folder: string): Promise<IRun> {
    return this.exec(['audit'], { cwd: folder });
  }

  install(folder: string): Promise<IRun> {
    return this.exec(['install', '--min-dep-age=0'], { cwd: folder });
  }

  installLocked(folder: string): Promise<IRun> {
    return this.exec(['ci'], { cwd: folder });
  }
}
