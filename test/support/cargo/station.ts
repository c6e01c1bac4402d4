import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ClientHome } from '../client/home.js';
import { type IRun, type IRunOptions, run } from '../client/run.js';
import { type IServer, startServer } from '../client/server.js';
import { findTool } from '../tools.js';

const commandLine = fileURLToPath(new URL('../../../dist_ts/cli/bin.js', import.meta.url));

/** A registry with cargo, as a process of its own. */
export interface ICargoServer extends IServer {
  /** what `.cargo/config.toml` has as `index` */
  index: string;
  /** Runs our command line on its data. */
  command(...args: string[]): Promise<IRun>;
}

/** cargo with a home of its own, and registries that it knows by names. */
export class CargoStation {
  private constructor(
    readonly t: Test,
    readonly home: ClientHome,
    /** the folder with cargo and rustc */
    private readonly programs: string,
  ) {}

  /** `null`, and one skipped test, if cargo is not installed. */
  static async open(t: Test): Promise<CargoStation | null> {
    const tool = findTool('cargo');
    if (!tool) {
      t.pass('not run', { skip: 'cargo is not installed' });
      return null;
    }
    const home = await ClientHome.create('cargo');
    t.teardown(() => home.remove());
    return new CargoStation(t, home, join(tool.command[0], '..'));
  }

  async serve(name: string, config: { auth?: object } = {}): Promise<ICargoServer> {
    const auth = { jwtSecret: 'only for this test, and long enough', tokenStore: 'bucket' };
    const whole = {
      storage: { directory: this.home.path('data', name) },
      auth: { ...auth, ...config.auth },
      cargo: { enabled: true },
    };
    const path = await this.home.write(`data/${name}.json`, JSON.stringify(whole));
    const server = await startServer({ config: whole });
    this.t.teardown(() => server.stop());
    return {
      ...server,
      index: `sparse+${server.origin}/cargo/`,
      command: (...args) =>
        run([process.execPath, commandLine, ...args, '--config', path], {
          cwd: this.home.folder,
          env: { ...this.home.env, SMARTREGISTRY_PASSWORD: server.admin.password },
        }),
    };
  }

  /**
   * Writes the configuration of the user as each registry says on its start page, and nothing else that could help;
   * tokens come from `cargo login`.
   */
  async configure(registries: Record<string, { origin: string }>, more = ''): Promise<void> {
    const tableOf = async ([name, { origin }]: [string, { origin: string }]): Promise<string> => {
      const page = (await (await fetch(origin)).json()) as { registries: { protocol: string; setup: string[] }[] };
      const lines = page.registries.find(({ protocol }) => protocol === 'cargo')?.setup ?? [];
      const [begin, end] = [lines.indexOf('[registries.my-registry]'), lines.indexOf('# then:')];
      return `${[`[registries.${name}]`, ...lines.slice(begin + 1, end)].join('\n')}\n`;
    };
    const tables = await Promise.all(Object.entries(registries).map(tableOf));
    await this.home.write('cargo/config.toml', ['[net]\nretry = 0\n', ...tables, more].join('\n'));
  }

  /** cargo in a folder below `work`. */
  cargo(folder: string, args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    const { env } = this.home;
    return run([join(this.programs, 'cargo'), ...args], {
      cwd: this.home.path('work', folder),
      timeoutMs: 180_000,
      ...options,
      env: {
        ...env,
        PATH: `${this.programs}:${env.PATH}`,
        CARGO_HOME: this.home.path('cargo'),
        CARGO_TERM_COLOR: 'never',
        CARGO_INCREMENTAL: '0',
        ...options.env,
      },
    });
  }

  /** A library crate. */
  library(name: string, version: string, more = '', code = 'pub fn answer() -> u32 { 42 }\n'): Promise<string> {
    return this.home.project(name, {
      'Cargo.toml': `[package]\nname = "${name}"\nversion = "${version}"\nedition = "2021"\ndescription = "${name} of a test"\nlicense = "MIT"\nreadme = "README.md"\n${more}`,
      'README.md': `# ${name}\n`,
      'src/lib.rs': code,
    });
  }

  /** A program that uses libraries. */
  program(name: string, dependencies: string, code = 'fn main() {}\n'): Promise<string> {
    return this.home.project(name, {
      'Cargo.toml': `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n${dependencies}`,
      'src/main.rs': code,
    });
  }
}
