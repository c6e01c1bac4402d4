import type { Test } from 'tap';
import type { IRegistryConfig, ITokenOptions, SmartRegistry } from '../../../ts/index.js';
import { type IAnswer, send, startRegistry, storedKeys } from '../registry.js';
import { publishOf } from './packages.js';

export const PASSWORD = 'correct horse battery';
export const CORGI = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';

/** `@s/a` as npm writes it in a path. */
export const escaped = (name: string): string => name.replace('/', '%2f');

type TPublishOptions = Parameters<typeof publishOf>[2];

/** Somebody who talks to the npm registry, with a token or without. */
export class Actor {
  constructor(
    private readonly registry: SmartRegistry,
    public readonly token?: string,
  ) {}

  public send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<IAnswer> {
    const authorization: Record<string, string> = this.token ? { authorization: `Bearer ${this.token}` } : {};
    const raw =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
    return send(this.registry, method, `/npm${path}`, {
      headers: { host: 'npm.example.org', ...authorization, ...headers },
      body: raw ? body : JSON.stringify(body),
    });
  }

  public get(path: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('GET', path, undefined, headers);
  }

  public put(path: string, body?: unknown): Promise<IAnswer> {
    return this.send('PUT', path, body);
  }

  public post(path: string, body?: unknown, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('POST', path, body, headers);
  }

  public delete(path: string): Promise<IAnswer> {
    return this.send('DELETE', path);
  }

  public async publish(name: string, version: string, options?: TPublishOptions): Promise<IAnswer> {
    return this.put(`/${escaped(name)}`, await publishOf(name, version, options));
  }

  public async packument(name: string): Promise<IPackument> {
    return (await this.get(`/${escaped(name)}?write=true`)).json() as unknown as IPackument;
  }
}

export interface IPackument {
  _id: string;
  name: string;
  readme: string;
  'dist-tags': Record<string, string>;
  _rev: string;
  time: Record<string, string>;
  maintainers: { name: string; email?: string }[];
  versions: Record<
    string,
    {
      name: string;
      version: string;
      dist: { tarball: string; integrity: string; shasum: string };
      [field: string]: unknown;
    }
  >;
}

export interface INpmWorld {
  registry: SmartRegistry;
  anon: Actor;
  /** ann, who may do everything but delete */
  writer: Actor;
  /** who may do everything */
  admin: Actor;
  /** ann with a read-only token */
  reader: Actor;
  /** a token of ann's with these restrictions */
  tokenOf(options: ITokenOptions): Promise<Actor>;
  /** the keys of packages, sorted as the store sorts them */
  stored(): Promise<string[]>;
  /** all keys but those of users and tokens */
  everything(): Promise<string[]>;
}

/** A registry with npm in it, and people. */
export const npmWorld = async (
  t: Pick<Test, 'teardown'>,
  more: Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> } = {},
): Promise<INpmWorld> => {
  const registry = await startRegistry(t, {
    npm: { enabled: true },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'memory',
      users: [
        { username: 'ann', password: PASSWORD, email: 'ann@example.org', scopes: ['npm:*:*:read', 'npm:*:*:write'] },
        { username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] },
        { username: 'bob', password: PASSWORD },
      ],
      ...more.auth,
    },
  });
  const auth = registry.getAuthManager();
  const everything = () => storedKeys(registry);
  return {
    registry,
    anon: new Actor(registry),
    writer: new Actor(registry, await auth.createNpmToken('ann')),
    admin: new Actor(registry, await auth.createNpmToken('root')),
    reader: new Actor(registry, await auth.createNpmToken('ann', true)),
    tokenOf: async (options) => new Actor(registry, await auth.createToken('ann', 'npm', options)),
    stored: async () => (await everything()).filter((key) => key.startsWith('npm/packages/')),
    everything,
  };
};
