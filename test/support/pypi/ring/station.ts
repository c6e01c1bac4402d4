import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ClientHome } from '../../client/home.js';
import { type IRun, type IRunOptions, run } from '../../client/run.js';
import { type IServer, startServer } from '../../client/server.js';
import { type ITool, type TToolName, toolsOrSkip } from '../../tools.js';
import type { IRingFile } from './packages.js';

const commandLine = fileURLToPath(new URL('../../../../dist_ts/cli/bin.js', import.meta.url));

/** An index as a process of its own. */
export interface IPypiServer extends IServer {
  /** what installers are given */
  index: string;
  /** what uploaders are given */
  upload: string;
  /** Uploads by hand, as the administrator; throws if that fails. */
  stock(...files: IRingFile[]): Promise<void>;
  /** A URL of this index with a user name and a password in it. */
  withLogin(url: string, password?: string): string;
  /** Our command line on the data of this server. */
  command(...args: string[]): Promise<IRun>;
  /** sha256 and size of the files that the project's page offers. */
  offers(project: string): Promise<Map<string, { sha256: string; yanked: unknown }>>;
}

/** One of Python's tools with a home of its own. */
export class PypiStation {
  private servers = 0;

  private constructor(
    readonly t: Test,
    readonly home: ClientHome,
    private readonly tools: ReadonlyMap<TToolName, ITool>,
  ) {}

  /** `null`, and one skipped test, if one of the tools is not installed. */
  static async open(t: Test, ...names: [TToolName, ...TToolName[]]): Promise<PypiStation | null> {
    const tools = toolsOrSkip(t, names);
    if (!tools) return null;
    const home = await ClientHome.create(names[0]);
    t.teardown(() => home.remove());
    return new PypiStation(t, home, tools);
  }

  /**
   * Starts an index. Everybody may read projects whose names begin with `open-`, or nothing if it is private; everything
   * else takes the administrator.
   */
  async serve({ isPrivate = false } = {}): Promise<IPypiServer> {
    const folder = this.home.path('servers', `${++this.servers}`);
    const config = {
      storage: { directory: join(folder, 'data') },
      auth: {
        jwtSecret: 'only for this test, and long enough',
        tokenStore: 'bucket',
        anonymousScopes: isPrivate ? [] : ['pypi:package:open-*:read'],
      },
      pypi: { enabled: true },
    };
    const server = await startServer({ config });
    this.t.teardown(() => server.stop());
    const path = await this.home.write(join('servers', `${new URL(server.origin).port}.json`), JSON.stringify(config));
    const { username, password } = server.admin;
    const index = `${server.origin}/pypi/simple/`;
    const upload = `${server.origin}/pypi/`;
    return {
      ...server,
      index,
      upload,
      withLogin: (url, given = password) => url.replace('://', `://${username}:${encodeURIComponent(given)}@`),
      command: (...args) =>
        run([process.execPath, commandLine, ...args, '--config', path], {
          cwd: this.home.folder,
          env: { ...this.home.env, SMARTREGISTRY_PASSWORD: password },
        }),
      stock: async (...files) => {
        for (const file of files) await uploadByHand(upload, server.admin, file);
      },
      offers: async (project) => {
        const answer = await fetch(`${index}${project}/`, {
          headers: {
            accept: 'application/vnd.pypi.simple.v1+json',
            authorization: basic(server.admin),
          },
        });
        if (answer.status === 404) return new Map();
        const page = (await answer.json()) as {
          files: { filename: string; hashes: { sha256: string }; yanked: unknown }[];
        };
        return new Map(page.files.map(({ filename, hashes, yanked }) => [filename, { sha256: hashes.sha256, yanked }]));
      },
    };
  }

  /** Runs a tool in a folder below `work`. Its own folder comes first on PATH, so that its Python is used. */
  run(name: TToolName, args: string[], { cwd = '.', ...options }: Partial<IRunOptions> = {}): Promise<IRun> {
    const command = (this.tools.get(name) as ITool).command;
    const { env } = this.home;
    return run([...command, ...args], {
      timeoutMs: 180_000,
      ...options,
      cwd: this.home.path('work', cwd),
      env: {
        ...env,
        PATH: [dirname(command[0] as string), env.PATH].join(delimiter),
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PYTHON_KEYRING_BACKEND: 'keyring.backends.null.Keyring',
        UV_PYTHON_DOWNLOADS: 'never',
        PDM_CHECK_UPDATE: '0',
        PDM_IGNORE_ACTIVE_VENV: '1',
        ...options.env,
      },
    });
  }

  /** Writes files into `work/dist` and returns their paths. */
  async dist(...files: IRingFile[]): Promise<string[]> {
    const paths: string[] = [];
    for (const { filename, bytes } of files) paths.push(await this.home.write(`work/dist/${filename}`, bytes));
    return paths;
  }

  /** The text of a file below `work`. */
  text(name: string): Promise<string> {
    return readFile(this.home.path('work', name), 'utf8');
  }

  /** The version of a module in a folder that something was installed into; undefined if it is not there. */
  async installed(folder: string, module: string): Promise<string | undefined> {
    try {
      const text = await readFile(this.home.path('work', folder, module, '__init__.py'), 'utf8');
      return /__version__ = "(.*)"/.exec(text)?.[1];
    } catch {
      return undefined;
    }
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const basic = ({ username, password }: IServer['admin']): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

const uploadByHand = async (url: string, who: IServer['admin'], file: IRingFile): Promise<void> => {
  const form = new FormData();
  const fields = {
    ':action': 'file_upload',
    protocol_version: '1',
    metadata_version: '2.1',
    name: file.about.name,
    version: file.about.version,
    filetype: file.filetype,
    pyversion: file.filetype === 'sdist' ? 'source' : 'py3',
    sha256_digest: sha256(file.bytes),
  };
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('content', new Blob([file.bytes as Uint8Array<ArrayBuffer>]), file.filename);
  const answer = await fetch(url, { method: 'POST', body: form, headers: { authorization: basic(who) } });
  if (!answer.ok) throw new Error(`${file.filename}: ${answer.status} ${await answer.text()}`);
};
