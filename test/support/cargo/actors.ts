import type { Test } from 'tap';
import type { IRegistryConfig, ITokenOptions, SmartRegistry } from '../../../ts/index.js';
import { type IAnswer, send, startRegistry, storedKeys } from '../registry.js';
import { crateFile, frameOf, metadataOf } from './crates.js';

export const PASSWORD = 'correct horse battery';

export interface IIndexLine {
  name: string;
  vers: string;
  deps: Record<string, unknown>[];
  cksum: string;
  features: Record<string, string[]>;
  yanked: boolean;
  [field: string]: unknown;
}

/** Somebody who talks to the cargo registry, with a token or without. */
export class CargoActor {
  constructor(
    public readonly registry: SmartRegistry,
    public readonly token?: string,
  ) {}

  /** cargo sends the token bare */
  public send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<IAnswer> {
    const authorization: Record<string, string> = this.token ? { authorization: this.token } : {};
    return send(this.registry, method, `/cargo${path}`, {
      headers: { host: 'cargo.example.org', ...authorization, ...headers },
      body,
    });
  }

  public get(path: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('GET', path, undefined, headers);
  }

  public put(path: string, body?: unknown): Promise<IAnswer> {
    return this.send('PUT', path, body);
  }

  public delete(path: string, body?: unknown): Promise<IAnswer> {
    return this.send('DELETE', path, body);
  }

  /** Sends a publish; `metadata` is merged into what cargo sends. */
  public async publish(
    name: string,
    version: string,
    { metadata = {} as object, crate = undefined as Buffer | undefined } = {},
  ): Promise<IAnswer> {
    const bytes = crate ?? (await crateFile(name, version));
    return this.put('/api/v1/crates/new', frameOf(metadataOf(name, version, metadata), bytes));
  }

  /** The lines of a crate. */
  public async index(path: string): Promise<IIndexLine[]> {
    const { status, text } = await this.get(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as IIndexLine);
  }

  public download(name: string, version: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.get(`/api/v1/crates/${name}/${version}/download`, headers);
  }

  public yank(name: string, version: string): Promise<IAnswer> {
    return this.delete(`/api/v1/crates/${name}/${version}/yank`);
  }

  public unyank(name: string, version: string): Promise<IAnswer> {
    return this.put(`/api/v1/crates/${name}/${version}/unyank`);
  }
}

/** The sentences of an error answer. */
export const details = ({ json }: IAnswer): string[] =>
  (json().errors as { detail: string }[]).map(({ detail }) => detail);

export interface ICargoWorld {
  registry: SmartRegistry;
  anon: CargoActor;
  /** ann, who may do everything but delete */
  writer: CargoActor;
  admin: CargoActor;
  /** ann with a read-only token */
  reader: CargoActor;
  /** a token of ann's with these restrictions */
  tokenOf(options: ITokenOptions): Promise<CargoActor>;
  /** the keys of crates and of their documents */
  stored(): Promise<string[]>;
  everything(): Promise<string[]>;
}

/** A registry with cargo in it, and people. */
export const cargoWorld = async (
  t: Pick<Test, 'teardown'>,
  more: Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> } = {},
): Promise<ICargoWorld> => {
  const registry = await startRegistry(t, {
    cargo: { enabled: true },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'memory',
      users: [
        {
          username: 'ann',
          password: PASSWORD,
          email: 'ann@example.org',
          scopes: ['cargo:*:*:read', 'cargo:*:*:write'],
        },
        { username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] },
        { username: 'bob', password: PASSWORD, scopes: ['cargo:crate:bob-*:read', 'cargo:crate:bob-*:write'] },
      ],
      ...more.auth,
    },
  });
  const auth = registry.getAuthManager();
  const everything = () => storedKeys(registry);
  return {
    registry,
    anon: new CargoActor(registry),
    writer: new CargoActor(registry, await auth.createCargoToken('ann')),
    admin: new CargoActor(registry, await auth.createCargoToken('root')),
    reader: new CargoActor(registry, await auth.createCargoToken('ann', true)),
    tokenOf: async (options) => new CargoActor(registry, await auth.createToken('ann', 'cargo', options)),
    stored: async () => (await everything()).filter((key) => /^cargo\/(index|crates)\//.test(key)),
    everything,
  };
};

/** A publish that has to succeed, because the test is about something else. */
export const publishes = async (
  t: Pick<Test, 'equal'>,
  actor: CargoActor,
  name: string,
  version: string,
  more: Parameters<CargoActor['publish']>[2] = {},
): Promise<void> => {
  const { status, text } = await actor.publish(name, version, more);
  t.equal(status, 200, `publish of ${name} ${version}: ${text}`);
};
