import { existsSync } from 'node:fs';
import type { IWho } from '../client/base.js';
import type { ClientHome } from '../client/home.js';
import { type IRun, type IRunOptions, run } from '../client/run.js';
import type { ITool } from '../tools.js';
import type { IImage, IPushable } from './images.js';
import { layoutProblems } from './layout.js';

/** An image layout on disk and the tag that it has there. */
export interface ILayout {
  folder: string;
  tag: string;
}

/**
 * What clients of container registries do with one. References are `host:port/repository:tag` or `…@digest`. What is
 * absent is not offered by this client.
 */
export interface IOciCommands {
  /** Pushes with manifests of Docker's own kind, version 2 schema 2. */
  pushDockerFormat?(from: ILayout, reference: string): Promise<IRun>;
  /** Builds an image from nothing but these bytes and pushes it; standard output ends with its digest. */
  buildAndPush?(reference: string, fileContent: string): Promise<IRun>;
  tags?(repository: string): Promise<IRun>;
  repositories?(host: string): Promise<IRun>;
  deleteTag?(reference: string): Promise<IRun>;
  deleteDigest?(reference: string): Promise<IRun>;
  /** Attaches a file to an image. */
  attach?(reference: string, file: string, artifactType: string): Promise<IRun>;
  /** Names what is attached. */
  discover?(reference: string): Promise<IRun>;
  /** Brings an attached file back; its content is somewhere in standard output. */
  fetchAttached?(reference: string, artifactType: string): Promise<IRun>;
  /** Pushes a blob in chunks of this size; prints its digest. */
  pushChunks?(repository: string, bytes: Uint8Array, chunk: number): Promise<IRun>;
}

export abstract class OciClient {
  /** False for a client whose `login` only notes the password, so that the first command shows that it is wrong. */
  readonly loginChecks: boolean = true;
  /**
   * True for a client that unpacks what it is given: layers of what it pushes are compressed anew, and indexes made
   * anew, so that their digests are others.
   */
  readonly repacks: boolean = false;

  constructor(
    readonly tool: ITool,
    readonly home: ClientHome,
  ) {}

  get title(): string {
    return `${this.tool.name} (${this.tool.version})`;
  }

  /** Tells the client that this registry speaks http, where a command cannot say so. */
  async prepare(_host: string): Promise<void> {}
  abstract login(host: string, who: IWho): Promise<IRun>;
  abstract logout(host: string): Promise<IRun>;
  abstract push(from: ILayout, reference: string): Promise<IRun>;
  /** Into a folder of this name in the client's home, or its own store. */
  abstract pull(reference: string, name: string): Promise<IRun>;
  /** From one repository of a registry to another. */
  abstract copy(from: string, to: string): Promise<IRun>;

  pushIndex(from: ILayout, reference: string): Promise<IRun> {
    return this.push(from, reference);
  }

  pullIndex(reference: string, name: string): Promise<IRun> {
    return this.pull(reference, name);
  }

  /** What is wrong with that which was pulled under this name; `platform` is the image for the client's machine. */
  pulledProblems(name: string, what: IPushable, _platform: IImage, _reference: string): Promise<string[]> {
    return layoutProblems(this.home.path('work', name), what);
  }

  protected exec(args: string[], options: Partial<IRunOptions> = {}): Promise<IRun> {
    return run([...this.tool.command, ...args], {
      cwd: this.home.path('work'),
      ...options,
      env: { ...this.home.env, ...this.environment, ...options.env },
    });
  }

  protected get environment(): Record<string, string> {
    return {};
  }
}

/** skopeo, buildah and podman are of one family: the same configuration files, the same way to log in. */
export abstract class ContainersClient extends OciClient {
  override async prepare(): Promise<void> {
    const { home } = this;
    if (!existsSync(home.path('home', 'auth.json'))) {
      await home.write('home/auth.json', '{}'); // a file that is named has to be there
    }
    await home.write(
      'home/.config/containers/policy.json',
      JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }),
    );
    await home.write('home/registries.conf', 'unqualified-search-registries = []\n');
    await home.write(
      'home/storage.conf',
      `[storage]\ndriver = "vfs"\ngraphroot = "${home.path('cache', 'graph')}"\nrunroot = "${home.path('tmp', 'run')}"\n`,
    );
  }

  protected override get environment(): Record<string, string> {
    const { home } = this;
    return {
      REGISTRY_AUTH_FILE: home.path('home', 'auth.json'),
      CONTAINERS_REGISTRIES_CONF: home.path('home', 'registries.conf'),
      CONTAINERS_STORAGE_CONF: home.path('home', 'storage.conf'),
      XDG_RUNTIME_DIR: home.path('tmp'),
      // As root they would remember which registry holds which blob in a cache of the whole machine.
      _CONTAINERS_ROOTLESS_UID: '1000',
    };
  }

  login(host: string, { username, password }: IWho): Promise<IRun> {
    return this.exec(['login', '--tls-verify=false', '--username', username, '--password-stdin', host], {
      input: password,
    });
  }

  logout(host: string): Promise<IRun> {
    return this.exec(['logout', host]);
  }
}
