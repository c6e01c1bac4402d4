import type { Test } from 'tap';
import type { IRegistryConfig, IRequestContext, ITokenOptions, SmartRegistry } from '../../../ts/index.js';
import { type IPart, multipart } from '../multipart.js';
import { type IAnswer, send, startRegistry, storedKeys } from '../registry.js';
import { hex, type IDistribution } from './distributions.js';

export const PASSWORD = 'correct horse battery';
export const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
export const PIP_ACCEPT = `${JSON_TYPE}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01`;

/** The fields of an upload without its file, as twine sends them. */
export const fieldsOf = ({ filetype, name, version, bytes }: IDistribution): Record<string, string> => ({
  ':action': 'file_upload',
  protocol_version: '1',
  metadata_version: '2.1',
  name,
  version,
  filetype,
  pyversion: filetype === 'sdist' ? 'source' : 'py3',
  sha256_digest: hex('sha256', bytes),
  md5_digest: hex('md5', bytes),
  blake2_256_digest: '0'.repeat(64),
});

/** The file of an upload. */
export const contentOf = ({ filename, bytes }: IDistribution): IPart => ({ name: 'content', value: bytes, filename });

export interface ISimpleFile {
  filename: string;
  url: string;
  hashes: { sha256: string };
  size: number;
  'upload-time': string;
  'requires-python'?: string;
  yanked: boolean | string;
  'core-metadata': boolean | { sha256: string };
  provenance?: string | null;
}

export interface ISimplePage {
  meta: { 'api-version': string };
  name: string;
  'project-status'?: { status: string; reason?: string };
  versions: string[];
  files: ISimpleFile[];
}

/** Somebody who talks to the PyPI registry, with a token or without. */
export class PypiActor {
  constructor(
    private readonly registry: SmartRegistry,
    public readonly token?: string,
  ) {}

  /** @param path below the root of the host */
  public send(
    method: string,
    path: string,
    { headers = {}, ...more }: Partial<IRequestContext> = {},
  ): Promise<IAnswer> {
    const authorization: Record<string, string> = this.token
      ? { authorization: `Basic ${Buffer.from(`__token__:${this.token}`).toString('base64')}` }
      : {};
    return send(this.registry, method, path, {
      ...more,
      headers: { host: 'pypi.example.org', ...authorization, ...headers },
    });
  }

  public get(path: string, headers: Record<string, string> = {}): Promise<IAnswer> {
    return this.send('GET', path, { headers });
  }

  public json(method: string, path: string, body?: unknown): Promise<IAnswer> {
    return this.send(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
  }

  public post(parts: IPart[], path = '/pypi/'): Promise<IAnswer> {
    const { bytes, contentType } = multipart(parts);
    return this.send('POST', path, {
      headers: { 'content-type': contentType, 'content-length': String(bytes.byteLength) },
      body: bytes,
    });
  }

  /** @param changes replaces fields; `undefined` leaves one out */
  public upload(
    distribution: IDistribution,
    changes: Record<string, string | undefined> = {},
    path?: string,
  ): Promise<IAnswer> {
    const fields = Object.entries({ ...fieldsOf(distribution), ...changes }).flatMap(([name, value]): IPart[] =>
      value === undefined ? [] : [{ name, value }],
    );
    return this.post([...fields, contentOf(distribution)], path);
  }

  /** The page of a project as JSON. */
  public async page(project: string): Promise<ISimplePage> {
    const answer = await this.get(`/pypi/simple/${project}/`, { accept: JSON_TYPE });
    return answer.json() as unknown as ISimplePage;
  }
}

export interface IPypiWorld {
  registry: SmartRegistry;
  anon: PypiActor;
  /** ann, who may do everything but delete */
  writer: PypiActor;
  /** who may do everything */
  admin: PypiActor;
  /** ann with a read-only token */
  reader: PypiActor;
  /** a token of ann's with these restrictions */
  tokenOf(options: ITokenOptions): Promise<PypiActor>;
  /** the keys of files and documents, sorted as the store sorts them */
  stored(): Promise<string[]>;
  /** all keys but those of users and tokens */
  everything(): Promise<string[]>;
}

/** A registry with PyPI in it, and people. */
export const pypiWorld = async (
  t: Pick<Test, 'teardown'>,
  more: Omit<Partial<IRegistryConfig>, 'auth'> & { auth?: Partial<IRegistryConfig['auth']> } = {},
): Promise<IPypiWorld> => {
  const registry = await startRegistry(t, {
    pypi: { enabled: true },
    ...more,
    auth: {
      jwtSecret: 'a-secret-of-the-tests-that-is-long-enough',
      tokenStore: 'memory',
      users: [
        { username: 'ann', password: PASSWORD, scopes: ['pypi:*:*:read', 'pypi:*:*:write'] },
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
    anon: new PypiActor(registry),
    writer: new PypiActor(registry, await auth.createPypiToken('ann')),
    admin: new PypiActor(registry, await auth.createPypiToken('root')),
    reader: new PypiActor(registry, await auth.createPypiToken('ann', true)),
    tokenOf: async (options) => new PypiActor(registry, await auth.createToken('ann', 'pypi', options)),
    stored: async () => (await everything()).filter((key) => /^pypi\/(packages|metadata)\//.test(key)),
    everything,
  };
};
