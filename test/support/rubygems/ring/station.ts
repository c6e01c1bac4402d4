import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ClientHome } from '../../client/home.js';
import { type IExchange, startProxy } from '../../client/proxy.js';
import { type IRun, type IRunOptions, run } from '../../client/run.js';
import { type IServer, startServer } from '../../client/server.js';
import { type TToolName, toolsOrSkip } from '../../tools.js';
import type { IGem } from '../gems.js';

const commandLine = fileURLToPath(new URL('../../../../dist_ts/cli/bin.js', import.meta.url));

/** A Ruby with its RubyGems and its Bundler. */
export type TRuby = 'debian' | '3.6' | '4';

const TOOLS = {
  debian: { ruby: 'ruby', gem: 'gem', bundle: 'bundle' },
  '3.6': { ruby: 'ruby-3.6', gem: 'gem-3.6', bundle: 'bundle-2.6' },
  '4': { ruby: 'ruby-4', gem: 'gem-4', bundle: 'bundle-4' },
} satisfies Record<TRuby, Record<string, TToolName>>;
type TProgram = keyof (typeof TOOLS)[TRuby];

/** A registry with RubyGems as a process of its own, behind a proxy that writes down what the clients ask. */
export interface IGemServer extends IServer {
  /** what `gem --source`, `gem push --host` and a Gemfile are given; without a slash at its end */
  source: string;
  /** Empties the record and returns what was in it. */
  wire(): IExchange[];
  /** Pushes by hand, as the administrator; throws if that fails. */
  stock(...gems: IGem[]): Promise<void>;
  /** Sends a request by hand, as the administrator. */
  ask(method: string, path: string, form?: Record<string, string>): Promise<{ status: number; text: string }>;
  /** The source with a user name and a password in it. */
  withLogin(username?: string, password?: string): string;
  /** Whatever comes to `source` goes to this server from now on, as a load balancer does it. */
  leadTo(server: IServer): void;
  /** where its store is */
  data: string;
  /** Our command line on the data of this server. */
  command(...args: string[]): Promise<IRun>;
}

/** What one of our own gems is built from. */
export interface IBuiltGem {
  platform?: string;
  /** lines of the gemspec, such as `s.add_dependency "x", "~> 1.0"` */
  lines?: string[];
  /** makes the bytes others */
  note?: string;
}

/** One Ruby with a home of its own. */
export class GemStation {
  private servers = 0;

  private constructor(
    readonly t: Test,
    readonly home: ClientHome,
    private readonly programs: Record<TProgram, string[]>,
    /** such as `[4, 0, 22]` */
    readonly versions: { gem: number[]; bundle: number[] },
  ) {}

  /** `null`, and one skipped test, if one of the programs is not installed. */
  static async open(t: Test, name: TRuby): Promise<GemStation | null> {
    const tools = toolsOrSkip(t, Object.values(TOOLS[name]));
    if (!tools) return null;
    const programs: Partial<Record<TProgram, string[]>> = {};
    for (const [program, tool] of Object.entries(TOOLS[name]) as [TProgram, TToolName][]) {
      programs[program] = tools.get(tool)?.command;
    }
    const home = await ClientHome.create(`ruby-${name}`);
    t.teardown(() => home.remove());
    const station = new GemStation(t, home, programs as Record<TProgram, string[]>, { gem: [], bundle: [] });
    for (const program of ['gem', 'bundle'] as const) {
      const { output } = await station.run(program, ['--version']);
      station.versions[program] = (/\d+\.\d+\.\d+/.exec(output)?.[0] ?? '0').split('.').map(Number);
    }
    return station;
  }

  /** Whether a program is at least of this version. */
  isFrom(program: 'gem' | 'bundle', ...wanted: number[]): boolean {
    const { [program]: own } = this.versions;
    const different = wanted.findIndex((part, at) => part !== (own[at] ?? 0));
    return different === -1 || (own[different] ?? 0) > (wanted[different] ?? 0);
  }

  /**
   * Starts a registry. Who writes is the administrator.
   * @param options.readable names that everybody may read; default: all
   * @param options.data a folder with a store in it; default: a new one
   */
  async serve({ readable = ['*'], data = '' }: { readable?: string[]; data?: string } = {}): Promise<IGemServer> {
    const folder = this.home.path('servers', `${++this.servers}`);
    const directory = data || join(folder, 'data');
    const config = {
      storage: { directory },
      auth: {
        jwtSecret: 'only for this test, and long enough',
        tokenStore: 'bucket',
        anonymousScopes: readable.map((name) => `rubygems:gem:${name}:read`),
      },
      rubygems: { enabled: true },
    };
    const server = await startServer({ config });
    this.t.teardown(() => server.stop());
    const seen: IExchange[] = [];
    let target = new URL(server.origin);
    const proxy = await startProxy(() => target, { seen: (exchange) => seen.push(exchange) });
    this.t.teardown(() => proxy.stop());
    const path = await this.home.write(join('servers', `${this.servers}.json`), JSON.stringify(config));
    const { username, password } = server.admin;
    const key = await server.token({ protocol: 'rubygems' });
    const source = `${proxy.origin}/rubygems`;
    const ask: IGemServer['ask'] = async (method, below, form) => {
      const body = form && new URLSearchParams(form);
      const answer = await fetch(`${server.origin}/rubygems${below}`, {
        method,
        body,
        headers: { authorization: key },
      });
      return { status: answer.status, text: await answer.text() };
    };
    return {
      ...server,
      source,
      ask,
      data: directory,
      leadTo: ({ origin }) => {
        target = new URL(origin);
      },
      wire: () => seen.splice(0),
      stock: async (...gems) => {
        for (const { filename, bytes } of gems) {
          const url = `${server.origin}/rubygems/api/v1/gems`;
          const headers = { authorization: key, 'content-type': 'application/octet-stream' };
          const answer = await fetch(url, { method: 'POST', body: new Uint8Array(bytes), headers });
          if (!answer.ok) throw new Error(`${filename}: ${answer.status} ${await answer.text()}`);
        }
      },
      withLogin: (user = username, given = password) =>
        source.replace('://', `://${user}:${encodeURIComponent(given)}@`),
      command: (...args) =>
        run([process.execPath, commandLine, ...args, '--config', path], {
          cwd: this.home.folder,
          env: { ...this.home.env, SMARTREGISTRY_PASSWORD: password },
        }),
    };
  }

  /** Runs one of the programs in a folder below `work`. */
  run(program: TProgram, args: string[], { cwd = '.', ...options }: Partial<IRunOptions> = {}): Promise<IRun> {
    const { [program]: command } = this.programs;
    const { home } = this;
    return run([...command, ...args], {
      timeoutMs: 120_000,
      ...options,
      cwd: home.path('work', cwd),
      env: {
        ...home.env,
        PATH: [dirname(command[0] as string), home.env.PATH].join(delimiter),
        GEM_HOME: home.path('gems'),
        GEM_PATH: home.path('gems'),
        GEM_SPEC_CACHE: home.path('cache', 'specs'),
        BUNDLE_USER_HOME: home.path('home', 'bundle'),
        BUNDLE_USER_CACHE: home.path('cache', 'bundle'),
        BUNDLE_PATH: 'vendor',
        BUNDLE_SILENCE_ROOT_WARNING: '1',
        // a second try would hide a wrong answer
        BUNDLE_RETRY: '0',
        // the Bundler of the test, whatever a lock file says
        BUNDLE_VERSION: 'system',
        ...options.env,
      },
    });
  }

  gem(args: string[], options?: Partial<IRunOptions>): Promise<IRun> {
    return this.run('gem', args, options);
  }

  /** Bundler in a project. */
  bundle(project: string, args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    return this.run('bundle', args, { cwd: project, ...options });
  }

  /** The sources that `gem` asks when it is not told any. */
  async sources(...urls: string[]): Promise<void> {
    await this.home.write('home/.gemrc', `---\n:sources:\n${urls.map((url) => `- ${url}/\n`).join('')}`);
  }

  /** Builds a gem with one library file that knows its version; returns the path of the .gem. */
  async build(name: string, version: string, { platform, lines = [], note = '' }: IBuiltGem = {}): Promise<string> {
    const folder = `built/${name}-${version}${platform ? `-${platform}` : ''}${note}`;
    const path = await this.home.project(folder, {
      'it.gemspec': [
        'Gem::Specification.new do |s|',
        `  s.name = "${name}"`,
        `  s.version = "${version}"`,
        ...(platform ? [`  s.platform = "${platform}"`] : []),
        `  s.summary = "${name} of a test"`,
        '  s.authors = ["Ann"]',
        '  s.email = ["ann@example.org"]',
        '  s.homepage = "https://example.org"',
        '  s.license = "MIT"',
        `  s.files = ["lib/${name}.rb"]`,
        ...lines.map((line) => `  ${line}`),
        'end',
        '',
      ].join('\n'),
      [`lib/${name}.rb`]: `puts "${name} ${version}${platform ? ` for ${platform}` : ''}" # ${note}\n`,
    });
    const { code, output } = await this.gem(['build', 'it.gemspec'], { cwd: folder });
    const file = /File: (\S+)/.exec(output)?.[1];
    if (code !== 0 || file === undefined) throw new Error(`gem build: ${output}`);
    return join(path, file);
  }

  /** A project with this Gemfile. */
  project(name: string, ...lines: string[]): Promise<string> {
    return this.home.project(name, { Gemfile: `${lines.join('\n')}\n` });
  }

  /** The text of a file below `work`; empty if a command that failed has not written it. */
  text(name: string): Promise<string> {
    return readFile(this.home.path('work', name), 'utf8').catch(() => '');
  }

  forgetLock(project: string): Promise<void> {
    return rm(this.home.path('work', project, 'Gemfile.lock'), { force: true });
  }

  /** Folders of the gems that are installed in a project. */
  async vendored(project: string): Promise<string[]> {
    const top = this.home.path('work', project, 'vendor', 'ruby');
    const [abi = ''] = existsSync(top) ? await readdir(top) : [];
    const gems = join(top, abi, 'gems');
    return existsSync(gems) ? (await readdir(gems)).sort() : [];
  }

  /** One of the files that Bundler keeps of an index; undefined if it has none. */
  async cached(server: IGemServer, file: string): Promise<string | undefined> {
    const folder = await this.cacheOf(server);
    return folder === undefined ? undefined : readFile(join(folder, file), 'utf8').catch(() => undefined);
  }

  /** Changes a byte in one of these files. */
  async damage(server: IGemServer, file: string): Promise<void> {
    const path = join((await this.cacheOf(server)) ?? '', file);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await writeFile(path, bytes);
  }

  private async cacheOf({ source }: IGemServer): Promise<string | undefined> {
    const top = this.home.path('cache', 'bundle', 'compact_index');
    const folders = existsSync(top) ? await readdir(top) : [];
    const own = folders.find((name) => name.startsWith(`127.0.0.1.${new URL(source).port}.`));
    return own === undefined ? undefined : join(top, own);
  }
}
