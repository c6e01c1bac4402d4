import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/**
 * A user's home for one client, apart from everything on this machine: own home, own configuration, own caches, own
 * temporary folder, and an environment that is built up from nothing (a CI variable alone changes what berry and pnpm do).
 */
export class ClientHome {
  readonly env: Record<string, string>;

  private constructor(readonly folder: string) {
    const at = (name: string): string => join(folder, name);
    this.env = {
      PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
      HOME: at('home'),
      TMPDIR: at('tmp'),
      XDG_CONFIG_HOME: at('home/.config'),
      XDG_CACHE_HOME: at('cache/xdg'),
      XDG_DATA_HOME: at('home/.local/share'),
      XDG_STATE_HOME: at('home/.local/state'),
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      NO_COLOR: '1',
      // npm, and yarn 1, which reads npm's settings
      npm_config_globalconfig: at('home/no-global-npmrc'),
      npm_config_cache: at('cache/npm'),
      npm_config_update_notifier: 'false',
      npm_config_fund: 'false',
      YARN_CACHE_FOLDER: at('cache/yarn'),
      YARN_ENABLE_TELEMETRY: '0',
      YARN_GLOBAL_FOLDER: at('cache/berry'),
      PNPM_HOME: at('home/pnpm'),
      npm_config_store_dir: at('cache/pnpm-store'),
      PNPM_CONFIG_STORE_DIR: at('cache/pnpm-store'),
      BUN_INSTALL: at('home/bun'),
      BUN_INSTALL_CACHE_DIR: at('cache/bun'),
      DENO_DIR: at('cache/deno'),
      DENO_NO_UPDATE_CHECK: '1',
      DO_NOT_TRACK: '1',
      // A second try would hide a wrong answer, and waits for many seconds.
      npm_config_fetch_retries: '0',
      PNPM_CONFIG_FETCH_RETRIES: '0',
      YARN_HTTP_RETRY: '0',
      BUN_CONFIG_HTTP_RETRY_COUNT: '0',
    };
  }

  static async create(name: string): Promise<ClientHome> {
    const folder = await mkdtemp(join(tmpdir(), `smartregistry-client-${name}-`));
    for (const part of ['home/.config', 'tmp', 'cache', 'work']) {
      await mkdir(join(folder, part), { recursive: true });
    }
    return new ClientHome(folder);
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes a file below the folder, the folders on its way included, and returns its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.path(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    return path;
  }

  /** Makes a folder with these files (JSON where the value is an object) and returns its path. */
  async project(name: string, files: Record<string, string | object>): Promise<string> {
    for (const [file, content] of Object.entries(files)) {
      await this.write(
        join('work', name, file),
        typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`,
      );
    }
    return this.path('work', name);
  }

  /** Forgets everything that any client has downloaded, so that the next install has to ask the registry. */
  async clearCaches(): Promise<void> {
    await rm(this.path('cache'), { recursive: true, force: true });
    await mkdir(this.path('cache'), { recursive: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
