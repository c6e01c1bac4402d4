import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ClientHome } from '../client/home.js';
import { type IRun, run } from '../client/run.js';
import type { IServer } from '../client/server.js';
import { findTool, type ITool } from '../tools.js';

export type TComposerName = 'composer' | 'composer-2.11';

/** What a project says about a registry. */
export interface IRepository {
  url: string;
  type?: 'composer';
  [option: string]: unknown;
}

/** A real Composer with a home of its own. */
export class ComposerClient {
  private constructor(
    public readonly tool: ITool,
    public readonly home: ClientHome,
    /** such as `2.11.0` */
    public readonly version: string,
  ) {}

  /** Null if it is not installed. */
  public static async find(name: TComposerName): Promise<ComposerClient | null> {
    const tool = findTool(name);
    const php = tool && findPhp();
    if (!tool || !php) return null;
    const home = await ClientHome.create(name);
    const [program] = tool.command;
    // an unpacked Composer brings its libraries along
    const libraries = join(program, '..', '..', 'share', 'php');
    const functions = join(libraries, 'php84.php');
    const settings = [`include_path=${libraries}:/usr/share/php`];
    if (existsSync(functions)) settings.push(`auto_prepend_file=${functions}`);
    const command: [string, ...string[]] = [php, ...settings.flatMap((one) => ['-d', one]), program];
    const found = await run([...command, '--version', '--no-ansi'], { cwd: home.path('work'), env: envOf(home) });
    const version = /Composer (?:version )?(\d+\.\d+\.\d+)/.exec(found.output)?.[1] ?? 'unknown';
    return new ComposerClient({ ...tool, command }, home, version);
  }

  /** Whether it is at least this version. */
  public isFrom(major: number, minor: number): boolean {
    const [ownMajor = 0, ownMinor = 0] = this.version.split('.').map(Number);
    return ownMajor > major || (ownMajor === major && ownMinor >= minor);
  }

  /** A folder with a composer.json that knows these repositories and no others. */
  public project(name: string, repositories: IRepository[], manifest: object = {}): Promise<string> {
    return this.home.project(name, {
      'composer.json': {
        name: 'team/project',
        repositories: [...repositories.map((one) => ({ type: 'composer', ...one })), { packagist: false }],
        ...manifest,
        config: { 'secure-http': false, ...(manifest as { config?: object }).config },
      },
    });
  }

  /** Runs a command in a project. */
  public run(cwd: string, ...args: string[]): Promise<IRun> {
    return run([...this.tool.command, ...args, '--no-interaction', '--no-ansi'], {
      cwd,
      env: envOf(this.home),
      timeoutMs: 120_000,
    });
  }

  /** Forgets what it has downloaded. */
  public clearCaches(): Promise<void> {
    return this.home.clearCaches();
  }
}

const findPhp = (): string | null => {
  for (const folder of ['/usr/local/bin', '/usr/bin']) {
    const file = join(folder, 'php');
    if (existsSync(file)) return file;
  }
  return null;
};

const envOf = (home: ClientHome): Record<string, string> => ({
  ...home.env,
  COMPOSER_HOME: home.path('home', 'composer'),
  COMPOSER_CACHE_DIR: home.path('cache', 'composer'),
  COMPOSER_ALLOW_SUPERUSER: '1',
  COMPOSER_NO_INTERACTION: '1',
});

/** Uploads as the readme says, with curl's request but without curl. */
export const uploadZip = async (
  server: Pick<IServer, 'origin'>,
  token: string,
  name: string,
  zip: Uint8Array,
  version?: string,
): Promise<void> => {
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
  const answer = await fetch(`${server.origin}/composer/packages/${name}${query}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: new Uint8Array(zip),
  });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
};
