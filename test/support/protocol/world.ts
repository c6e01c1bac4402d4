import type { Test } from 'tap';
import type { IRegistryConfig, ITokenOptions, SmartRegistry } from '../../../ts/index.js';
import { type IAnswer, send, startRegistry, storedKeys } from '../registry.js';
import type { IClientRequest, IProtocolDescription, TSend } from './description.js';

const HOST = 'packages.example.org';
const PASSWORD = 'correct horse battery';

export interface IProtocolWorld {
  registry: SmartRegistry;
  /** who may do everything */
  admin: TSend;
  anonymous: TSend;
  /** the administrator with such a token */
  tokenOf(options: ITokenOptions): Promise<string>;
  /** a caller with these headers */
  callerWith(headers: Record<string, string>): TSend;
  callerOf(token: string): TSend;
  publish(name: string, version: string, filler?: string): Promise<IAnswer>;
  /** a GET by the administrator */
  get(path: string, headers?: Record<string, string>): Promise<IAnswer>;
  /** all keys but those of users, tokens and listings */
  stored(): Promise<string[]>;
}

type TMore = Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> };

export const sender =
  (registry: SmartRegistry, headers: Record<string, string> = {}): TSend =>
  ({ method, path, body, headers: own = {} }: IClientRequest) =>
    send(registry, method, path, { headers: { host: HOST, ...own, ...headers }, body });

/** A registry with this protocol in it. */
export const protocolWorld = async (
  t: Pick<Test, 'teardown'>,
  about: IProtocolDescription,
  more: TMore = {},
): Promise<IProtocolWorld> => {
  const { protocol, credential = (token) => ({ authorization: `Bearer ${token}` }) } = about;
  const registry = await startRegistry(t, {
    [protocol]: { enabled: true, ...about.config },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'bucket',
      users: [{ username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] }],
      ...more.auth,
    },
  });
  const auth = registry.getAuthManager();
  const tokenOf = (options: ITokenOptions) => auth.createToken('root', protocol, options);
  const callerOf = (token: string) => sender(registry, credential(token));
  const admin = more.authProvider
    ? sender(registry, { authorization: `Basic ${Buffer.from(`root:${PASSWORD}`).toString('base64')}` })
    : callerOf(await tokenOf({}));
  return {
    registry,
    admin,
    anonymous: sender(registry),
    tokenOf,
    callerWith: (headers) => sender(registry, headers),
    callerOf,
    publish: async (name, version, filler) => admin(await about.publish(name, version, filler)),
    get: (path, headers) => admin({ method: 'GET', path, headers }),
    stored: async () => (await storedKeys(registry)).filter((key) => !key.startsWith(`${protocol}/catalog/`)),
  };
};
