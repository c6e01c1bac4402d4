import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ClientHome } from '../../client/home.js';
import { type IRun, type IRunOptions, run } from '../../client/run.js';
import { type IServer, startServer } from '../../client/server.js';
import { type ITool, type TToolName, toolsFolder, toolsOrSkip } from '../../tools.js';

const commandLine = fileURLToPath(new URL('../../../../dist_ts/cli/bin.js', import.meta.url));

/** A Maven repository as a process of its own. */
export interface IMavenServer extends IServer {
  /** what clients are given */
  url: string;
  /** Our command line on the data of this server. */
  command(...args: string[]): Promise<IRun>;
  /** A path below the repository, as the administrator. */
  get(path: string): Promise<{ status: number; text: string; sha1: string }>;
  /** The versions in the metadata of an artifact. */
  versions(path: string): Promise<string[]>;
}

/** A repository in a settings.xml. */
export interface ISettingsEntry {
  id: string;
  url: string;
  username?: string;
  password?: string;
}

const element = (name: string, text: string): string =>
  `<${name}>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</${name}>`;

/** Clients of Maven repositories with a home of their own, and registries. */
export class MavenStation {
  private servers = 0;

  private constructor(
    readonly t: Test,
    readonly home: ClientHome,
    private readonly tools: ReadonlyMap<TToolName, ITool>,
  ) {}

  /** `null`, and one skipped test, if something is not installed. */
  static async open(t: Test, ...names: [TToolName, ...TToolName[]]): Promise<MavenStation | null> {
    const tools = toolsOrSkip(t, names);
    return tools && MavenStation.withoutTools(t, names[0], tools);
  }

  /** For requests that no client sends. */
  static async withoutTools(t: Test, name: string, tools = new Map<TToolName, ITool>()): Promise<MavenStation> {
    const home = await ClientHome.create(name);
    t.teardown(() => home.remove());
    return new MavenStation(t, home, tools);
  }

  /** Starts a registry. Everybody may read, unless it is private. */
  async serve({ isPrivate = false, maven = {} }: { isPrivate?: boolean; maven?: object } = {}): Promise<IMavenServer> {
    const folder = this.home.path('servers', `${++this.servers}`);
    const config = {
      storage: { directory: join(folder, 'data') },
      auth: {
        jwtSecret: 'only for this test, and long enough',
        tokenStore: 'bucket',
        ...(isPrivate && { anonymousScopes: [] }),
      },
      maven: { enabled: true, ...maven },
    };
    const server = await startServer({ config });
    this.t.teardown(() => server.stop());
    const path = await this.home.write(join('servers', `${this.servers}.json`), JSON.stringify(config));
    const { username, password } = server.admin;
    const url = `${server.origin}/maven`;
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const get = async (path: string) => {
      const answer = await fetch(`${url}/${path}`, { headers: { authorization } });
      const bytes = Buffer.from(await answer.arrayBuffer());
      return { status: answer.status, text: bytes.toString(), sha1: sha1(bytes) };
    };
    return {
      ...server,
      url,
      get,
      versions: async (path) => valuesOf((await get(`${path}/maven-metadata.xml`)).text, 'version'),
      command: (...args) =>
        run([process.execPath, commandLine, ...args, '--config', path], {
          cwd: this.home.folder,
          env: { ...this.home.env, SMARTREGISTRY_PASSWORD: password },
        }),
    };
  }

  /** The first words of the command of a tool. */
  program(name: TToolName): string[] {
    return (this.tools.get(name) as ITool).command;
  }

  /** A settings.xml with these repositories and nothing from outside. Returns its path. */
  settings(name: string, entries: readonly ISettingsEntry[], pluginGroups: readonly string[] = []): Promise<string> {
    const strict = '<enabled>true</enabled><checksumPolicy>fail</checksumPolicy><updatePolicy>always</updatePolicy>';
    const repository = (kind: string, { id, url }: ISettingsEntry): string =>
      `<${kind}>${element('id', id)}${element('url', url)}<releases>${strict}</releases><snapshots>${strict}</snapshots></${kind}>`;
    const all = (kind: string): string => entries.map((entry) => repository(kind, entry)).join('');
    const servers = entries
      .filter(({ username }) => username !== undefined)
      .map(
        ({ id, username = '', password = '' }) =>
          `<server>${element('id', id)}${element('username', username)}${element('password', password)}</server>`,
      );
    return this.home.write(
      `home/${name}.xml`,
      `<settings><servers>${servers.join('')}</servers>
<mirrors><mirror><id>warm</id><mirrorOf>central</mirrorOf><url>file://${warmRepository()}</url></mirror></mirrors>
<pluginGroups>${pluginGroups.map((group) => element('pluginGroup', group)).join('')}</pluginGroups>
<profiles><profile><id>ring</id><repositories>${all('repository')}</repositories>
<pluginRepositories>${all('pluginRepository')}</pluginRepositories></profile></profiles>
<activeProfiles><activeProfile>ring</activeProfile></activeProfiles></settings>\n`,
    );
  }

  /** The environment of a program that runs on Java. */
  get javaEnv(): Record<string, string> {
    const { JAVA_HOME } = process.env;
    // quick to start: none of these programs runs for long
    const java = `-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Duser.home=${this.home.path('home')} -Djava.io.tmpdir=${this.home.path('tmp')}`;
    return { ...this.home.env, ...(JAVA_HOME && { JAVA_HOME }), MAVEN_OPTS: java, JAVA_OPTS: java };
  }

  /** Runs Maven in a folder below `work`. */
  maven(name: TToolName, folder: string, settings: string, args: string[]): Promise<IRun> {
    const own = ['-B', '-ntp', '-s', settings, `-Dmaven.repo.local=${this.repository}`];
    return this.run([...this.program(name), ...own, ...args], { cwd: this.home.path('work', folder) });
  }

  run(command: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    const { env, ...rest } = options;
    return run(command, {
      cwd: this.home.path('work'),
      timeoutMs: 240_000,
      ...rest,
      env: { ...this.javaEnv, ...env },
    });
  }

  /** Maven's local repository. */
  get repository(): string {
    return this.home.path('repository');
  }

  /** Forgets what Maven has built and downloaded of the tests' own artifacts. */
  async forget(): Promise<void> {
    await rm(join(this.repository, 'com/example'), { recursive: true, force: true });
  }

  /** What Maven has downloaded: the file, by its path in the local repository; null if it is not there. */
  async local(path: string): Promise<Buffer | null> {
    const file = join(this.repository, path);
    return existsSync(file) ? readFile(file) : null;
  }

  /** The names of the files below a folder of the local repository. */
  async localNames(path: string): Promise<string[]> {
    const folder = join(this.repository, path);
    return existsSync(folder) ? (await readdir(folder)).sort() : [];
  }
}

export const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

/** The texts of all elements of this name. */
export const valuesOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) => text as string);

/** The plugins that Maven itself needs, as the installer has fetched them. */
export const warmRepository = (): string => join(toolsFolder(), 'maven-warm', 'repository');
