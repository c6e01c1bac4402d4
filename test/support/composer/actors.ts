import type { Test } from 'tap';
import { expand, type TVersionData } from '../../../ts/composer/wire/wire.minifier.js';
import type { SmartRegistry } from '../../../ts/index.js';
import { type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import { type IAnswer, send } from '../registry.js';
import { packageZip } from './packages.js';

export { PASSWORD } from '../people.js';

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

export type IComposerWorld = IPeople<ComposerActor>;

/** A registry with Composer in it, and people. */
export const composerWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<IComposerWorld> =>
  peopleOf(
    t,
    {
      protocol: 'composer',
      actor: ComposerActor,
      token: (auth, userId, readonly) => auth.createComposerToken(userId, readonly),
      kept: /^composer\/packages\//,
    },
    more,
  );
