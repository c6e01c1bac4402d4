import type { Test } from 'tap';
import { expand, type TVersionData } from '../../../ts/composer/wire/wire.minifier.js';
import type { IRegistryConfig, ITokenOptions, SmartRegistry } from '../../../ts/index.js';
import { type IAnswer, send, startRegistry, storedKeys } from '../registry.js';
import { packageZip } from './packages.js';

export const PASSWORD = 'correct horse battery';

/** Somebody who talks to the Composer registry, with a token or without. */
export class ComposerActor {
  constructor(
    private readonly registry: SmartRegistry,
    public readonly token?: string,
  ) {}

  public send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<IAnswer> {
    const authorization: Record<string, string> = this.token ? { authorization: `Bearer ${this.token}` } : {};
    return send(this.registry, method, `/composer${path}`, {
      headers: { host: 'composer.example.org', ...authorization, ...headers },
      body,
    });
  }

  public get(path: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('GET', path, undefined, headers);
  }

  public put(path: string, body?: unknown, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('PUT', path, body, headers);
  }

  public delete(path: string): Promise<IAnswer> {
    return this.send('DELETE', path);
  }

  /** Uploads a package whose composer.json has this version. */
  public publish(name: string, version: string, manifest: object = {}): Promise<IAnswer> {
    return this.put(`/packages/${name}`, packageZip(name, version, manifest));
  }

  /** The versions in a p2 file, each whole. */
  public async versions(name: string, dev = false): Promise<TVersionData[]> {
    const answer = await this.get(`/p2/${name}${dev ? '~dev' : ''}.json`);
    const { packages } = answer.json() as unknown as { packages: Record<string, TVersionData[]> };
    return expand(packages[name] ?? []);
  }
}

export { clockOf } from '../clock.js';

export interface IComposerWorld {
  registry: SmartRegistry;
  anon: ComposerActor;
  /** ann, who may do everything but delete */
  writer: ComposerActor;
  /** who may do everything */
  admin: ComposerActor;
  /** ann with a read-only token */
  reader: ComposerActor;
  /** a token of ann's with these restrictions */
  tokenOf(options: ITokenOptions): Promise<ComposerActor>;
  /** the keys of packages, sorted as the store sorts them */
  stored(): Promise<string[]>;
}

type TMore = Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> };

/** A registry with Composer in it, and people. */
export const composerWorld = async (t: Pick<Test, 'teardown'>, more: TMore = {}): Promise<IComposerWorld> => {
  const registry = await startRegistry(t, {
    composer: { enabled: true },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'memory',
      users: [
        { username: 'ann', password: PASSWORD, scopes: ['composer:*:*:read', 'composer:*:*:write'] },
        { username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] },
      ],
      ...more.auth,
    },
  });
  const auth = registry.getAuthManager();
  return {
    registry,
    anon: new ComposerActor(registry),
    writer: new ComposerActor(registry, await auth.createComposerToken('ann')),
    admin: new ComposerActor(registry, await auth.createComposerToken('root')),
    reader: new ComposerActor(registry, await auth.createComposerToken('ann', true)),
    tokenOf: async (options) => new ComposerActor(registry, await auth.createToken('ann', 'composer', options)),
    stored: async () => (await storedKeys(registry)).filter((key) => key.startsWith('composer/packages/')),
  };
};
