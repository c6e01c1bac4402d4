import type { Test } from 'tap';
import type {
  AuthManager,
  IRegistryConfig,
  IRequestContext,
  ITokenOptions,
  IUserConfig,
  SmartRegistry,
} from '../../ts/index.js';
import { type IAnswer, send, startRegistry, storedKeys } from './registry.js';

export const PASSWORD = 'correct horse battery';

export type TMoreConfig = Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> };

/** Somebody who talks to a registry, with a token or without. */
export abstract class Actor {
  constructor(
    protected readonly registry: SmartRegistry,
    public readonly token?: string,
  ) {}

  /** the name of the host that requests are sent to */
  protected abstract readonly host: string;
  /** where the paths of its requests begin */
  protected readonly root: string = '';
  /** The header `Authorization`, as the clients of the protocol send it. */
  protected abstract credential(token: string): string;

  public send(
    method: string,
    path: string,
    { headers = {}, ...more }: Partial<IRequestContext> = {},
  ): Promise<IAnswer> {
    const authorization: Record<string, string> = this.token ? { authorization: this.credential(this.token) } : {};
    return send(this.registry, method, `${this.root}${path}`, {
      ...more,
      headers: { host: this.host, ...authorization, ...headers },
    });
  }

  public get(path: string, headers: Record<string, string> = {}): Promise<IAnswer> {
    return this.send('GET', path, { headers });
  }
}

/** `Authorization` of HTTP's Basic scheme. */
export const basicOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** A registry, and callers with different rights. */
export interface IPeople<TActor> {
  registry: SmartRegistry;
  anon: TActor;
  /** ann, who may do everything but delete */
  writer: TActor;
  /** who may do everything */
  admin: TActor;
  /** ann with a read-only token */
  reader: TActor;
  /** a token of ann's with these restrictions */
  tokenOf(options: ITokenOptions): Promise<TActor>;
  /** the keys of documents and artifacts, sorted as the store sorts them */
  stored(): Promise<string[]>;
  /** all keys but those of users and tokens */
  everything(): Promise<string[]>;
}

interface IPeopleOptions<TActor> {
  protocol: 'npm' | 'maven' | 'cargo' | 'composer' | 'pypi' | 'rubygems';
  actor: new (registry: SmartRegistry, token?: string) => TActor;
  /** makes the tokens of ann and root */
  token(auth: AuthManager, userId: string, readonly?: boolean): Promise<string>;
  /** what `stored` returns */
  kept: RegExp;
  /** more of bob's account, e.g. his scopes */
  bob?: Partial<IUserConfig>;
}

/** A registry with this protocol in it, and people. */
export const peopleOf = async <TActor>(
  t: Pick<Test, 'teardown'>,
  { protocol, actor: Actor, token, kept, bob }: IPeopleOptions<TActor>,
  more: TMoreConfig,
): Promise<IPeople<TActor>> => {
  const scopes = [`${protocol}:*:*:read`, `${protocol}:*:*:write`];
  const registry = await startRegistry(t, {
    [protocol]: { enabled: true },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'memory',
      users: [
        { username: 'ann', password: PASSWORD, email: 'ann@example.org', scopes },
        { username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] },
        { username: 'bob', password: PASSWORD, ...bob },
      ],
      ...more.auth,
    },
  });
  const auth = registry.getAuthManager();
  const everything = () => storedKeys(registry);
  return {
    registry,
    anon: new Actor(registry),
    writer: new Actor(registry, await token(auth, 'ann')),
    admin: new Actor(registry, await token(auth, 'root')),
    reader: new Actor(registry, await token(auth, 'ann', true)),
    tokenOf: async (options) => new Actor(registry, await auth.createToken('ann', protocol, options)),
    stored: async () => (await everything()).filter((key) => kept.test(key)),
    everything,
  };
};
