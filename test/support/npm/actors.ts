import type { Test } from 'tap';
import type { SmartRegistry } from '../../../ts/index.js';
import { type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import { type IAnswer, send } from '../registry.js';
import { publishOf } from './packages.js';

export { PASSWORD } from '../people.js';

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

export type INpmWorld = IPeople<Actor>;

/** A registry with npm in it, and people. */
export const npmWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<INpmWorld> =>
  peopleOf(
    t,
    {
      protocol: 'npm',
      actor: Actor,
      token: (auth, userId, readonly) => auth.createNpmToken(userId, readonly),
      kept: /^npm\/packages\//,
    },
    more,
  );
