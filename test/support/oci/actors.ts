import type { Test } from 'tap';
import { type IRegistryConfig, type IRequestContext, SmartRegistry, streamToBuffer } from '../../../ts/index.js';
import { basicOf } from '../people.js';
import { type IAnswer, startRegistry, storedKeys, temporaryFolder } from '../registry.js';
import type { IContent, IImage } from './samples.js';

export const PASSWORD = 'correct horse battery';
export const HOST = 'registry.example.org';
export const SECRET = 'a-secret-of-the-tests-that-is-long-enough';

export interface ISendOptions {
  headers?: Record<string, string>;
  body?: unknown;
  /** as a client that streams: no Content-Length */
  streamed?: boolean;
  signal?: AbortSignal;
}

const queryOf = (search: string): Record<string, string | string[]> => {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(search)) {
    const before = query[name];
    query[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return query;
};

/** One request as a host would hand it over, and the whole answer. */
export const request = async (
  registry: SmartRegistry,
  method: string,
  target: string,
  { headers = {}, body, streamed, signal }: ISendOptions = {},
): Promise<IAnswer> => {
  const [path, search = ''] = target.split('?') as [string, string?];
  const all: Record<string, string> = { host: HOST, ...headers };
  if (body instanceof Uint8Array && !streamed) all['content-length'] ??= String(body.byteLength);
  const context: IRequestContext = { method, path, headers: all, query: queryOf(search), body, signal };
  const response = await registry.handleRequest(context);
  const bytes = await streamToBuffer(response.body);
  const text = bytes.toString();
  return { ...response, bytes, text, json: () => JSON.parse(text) as Record<string, unknown> };
};

/** Status and code of a refusal, in the one form that the specification knows. */
export const refusal = ({ status, text, headers }: IAnswer): string => {
  if (status < 400) return `${status}`;
  const { errors } = JSON.parse(text) as { errors: { code: string; message: string }[] };
  if (headers['Content-Type'] !== 'application/json' || !errors[0]?.message) return `${status} in another form`;
  return `${status} ${errors[0].code}`;
};

/** Somebody who talks to the registry below `mount`, with an Authorization header or without. */
export class Actor {
  constructor(
    public readonly registry: SmartRegistry,
    public readonly authorization?: string,
    public readonly mount = '/v2',
  ) {}

  /** The same one on another path. */
  public at(mount: string): Actor {
    return new Actor(this.registry, this.authorization, mount);
  }

  /** `target` is below the mount; what begins with the mount, as a Location does, is taken as it is. */
  public send(method: string, target: string, options: ISendOptions = {}): Promise<IAnswer> {
    const path = target.startsWith(`${this.mount}/`) ? target : `${this.mount}${target}`;
    const auth: Record<string, string> = this.authorization ? { authorization: this.authorization } : {};
    return request(this.registry, method, path, { ...options, headers: { ...auth, ...options.headers } });
  }

  public get(target: string, headers?: Record<string, string>): Promise<IAnswer> {
    return this.send('GET', target, { headers });
  }

  public head(target: string): Promise<IAnswer> {
    return this.send('HEAD', target);
  }

  public delete(target: string): Promise<IAnswer> {
    return this.send('DELETE', target);
  }

  /** POST for an upload; its Location. */
  public async begin(name: string, query = ''): Promise<string> {
    const answer = await this.send('POST', `/${name}/blobs/uploads/${query}`);
    if (answer.status !== 202) throw new Error(`no upload: ${answer.status} ${answer.text}`);
    return answer.headers.Location as string;
  }

  public patch(location: string, body: unknown, range?: string): Promise<IAnswer> {
    return this.send('PATCH', location, { body, headers: range === undefined ? {} : { 'content-range': range } });
  }

  public finish(location: string, digest: string, body?: unknown, range?: string): Promise<IAnswer> {
    const headers: Record<string, string> = range === undefined ? {} : { 'content-range': range };
    return this.send('PUT', `${location}?digest=${digest}`, { body, headers });
  }

  /** POST and PUT. */
  public async pushBlob(name: string, { bytes, digest }: IContent): Promise<IAnswer> {
    return this.finish(await this.begin(name), digest, bytes);
  }

  public pushManifest(
    name: string,
    reference: string,
    manifest: IContent & { mediaType: string },
    headers: Record<string, string> = {},
  ): Promise<IAnswer> {
    return this.send('PUT', `/${name}/manifests/${reference}`, {
      body: manifest.bytes,
      headers: { 'content-type': manifest.mediaType, ...headers },
    });
  }

  /** Blobs and manifest; the answer to the manifest. */
  public async pushImage(name: string, reference: string, pushed: IImage): Promise<IAnswer> {
    for (const blob of [pushed.config, ...pushed.layers]) {
      const { status, text } = await this.pushBlob(name, blob);
      if (status !== 201) throw new Error(`no blob: ${status} ${text}`);
    }
    return this.pushManifest(name, reference, pushed);
  }

  public async tags(name: string): Promise<string[]> {
    return (await this.get(`/${name}/tags/list`)).json().tags as string[];
  }
}

export type TScopes = string[];
export const USERS = [
  { username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] },
  { username: 'ann', password: PASSWORD, scopes: ['oci:repository:*:pull', 'oci:repository:*:push'] },
  { username: 'bob', password: PASSWORD, scopes: ['oci:repository:bob/*:*'] },
];

export interface IOciWorld {
  registry: SmartRegistry;
  anon: Actor;
  /** ann, who may pull and push */
  writer: Actor;
  /** who may do everything */
  admin: Actor;
  /** ann with a read-only token */
  reader: Actor;
  /** somebody with a JWT that names exactly this */
  bearer(userId: string, scopes: TScopes): Promise<Actor>;
  /** all keys but those of users and tokens; links without the id that each of them has */
  stored(): Promise<string[]>;
  /** another process on the same storage; its admin and all who use the shared secret */
  another(): Promise<{ registry: SmartRegistry; admin: Actor }>;
}

type TConfig = Omit<Partial<IRegistryConfig>, 'auth' | 'oci'> & {
  auth?: Partial<IRegistryConfig['auth']>;
  oci?: Partial<NonNullable<IRegistryConfig['oci']>>;
};

export const configOf = (more: TConfig = {}): Omit<IRegistryConfig, 'storage'> => ({
  logger: false,
  ...more,
  oci: { enabled: true, ...more.oci },
  auth: { jwtSecret: SECRET, tokenStore: 'bucket', users: USERS, ...more.auth },
});

/** Of a link to a blob its folder, which names blob and repository; other keys as they are. */
export const withoutWriteId = (key: string): string =>
  key.startsWith('oci/links/') ? key.slice(0, key.lastIndexOf('/')) : key;

/** A registry with OCI in it, on a directory unless told otherwise, and people. */
export const ociWorld = async (t: Pick<Test, 'teardown'>, more: TConfig = {}): Promise<IOciWorld> => {
  const storage = more.storage ?? { directory: await temporaryFolder(t) };
  const config = { ...configOf(more), storage };
  const registry = await startRegistry(t, config);
  const auth = registry.getAuthManager();
  const actor = async (user: string, readonly?: boolean, at = registry) =>
    new Actor(at, `Bearer ${await at.getAuthManager().createToken(user, 'oci', { readonly })}`);
  return {
    registry,
    anon: new Actor(registry),
    writer: await actor('ann'),
    admin: await actor('root'),
    reader: await actor('ann', true),
    bearer: async (userId, scopes) => new Actor(registry, `Bearer ${await auth.createOciToken(userId, scopes)}`),
    stored: async () => (await storedKeys(registry)).map(withoutWriteId),
    another: async () => {
      const other = new SmartRegistry(config);
      await other.init();
      t.teardown(() => other.destroy());
      return { registry: other, admin: await actor('root', false, other) };
    },
  };
};

export const basic = (username: string, password = PASSWORD): string => basicOf(username, password);
