import type { Test } from 'tap';
import type { SmartRegistry } from '../../../ts/index.js';
import { type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import { type IAnswer, send } from '../registry.js';
import { crateFile, frameOf, metadataOf } from './crates.js';

export { PASSWORD } from '../people.js';

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

export type ICargoWorld = IPeople<CargoActor>;

/** A registry with cargo in it, and people. */
export const cargoWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<ICargoWorld> =>
  peopleOf(
    t,
    {
      protocol: 'cargo',
      actor: CargoActor,
      token: (auth, userId, readonly) => auth.createCargoToken(userId, readonly),
      kept: /^cargo\/(index|crates)\//,
      bob: { scopes: ['cargo:crate:bob-*:read', 'cargo:crate:bob-*:write'] },
    },
    more,
  );

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
