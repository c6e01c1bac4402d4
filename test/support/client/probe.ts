import { createHash } from 'node:crypto';
import { escapeName } from './packages.js';

export interface IPackument {
  'dist-tags': Record<string, string>;
  versions: Record<string, { deprecated?: string; dist: { tarball: string; integrity: string; shasum: string } }>;
}

/** Looks at a registry without a client: what a command claims to have done is checked here. */
export class RegistryProbe {
  constructor(
    readonly registry: string,
    private readonly token?: string,
  ) {}

  async get(path: string, token = this.token): Promise<{ status: number; json: unknown; bytes: Buffer }> {
    const url = path.startsWith('http') ? path : this.registry + path;
    const answer = await fetch(url, {
      headers: token ? { authorization: `Bearer ${token}` } : {},
      signal: AbortSignal.timeout(30_000),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return {
      status: answer.status,
      json: isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined,
      bytes,
    };
  }

  /** `null` = 404. */
  async packument(name: string): Promise<IPackument | null> {
    const { status, json } = await this.get(escapeName(name));
    if (status === 404) {
      return null;
    }
    if (status !== 200) {
      throw new Error(`packument of ${name}: ${status} ${JSON.stringify(json)}`);
    }
    return json as IPackument;
  }

  /** The user that a token belongs to; `null` where it is not valid. */
  async whoami(token: string): Promise<string | null> {
    const { status, json } = await this.get('-/whoami', token);
    return status === 200 ? ((json as { username?: string }).username ?? null) : null;
  }

  /** The status of a harmless write: a tag on a version that is there. */
  async tryToTag(name: string, version: string, token: string): Promise<number> {
    const answer = await fetch(`${this.registry}-/package/${escapeName(name)}/dist-tags/tried`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(version),
      signal: AbortSignal.timeout(30_000),
    });
    await answer.arrayBuffer();
    return answer.status;
  }

  async tokens(): Promise<{ key: string; token: string; readonly: boolean }[]> {
    const { json } = await this.get('-/npm/v1/tokens');
    return (json as { objects?: { key: string; token: string; readonly: boolean }[] }).objects ?? [];
  }

  /** Downloads the version's tarball; `integrity` is what the bytes really hash to. */
  async tarball(url: string): Promise<{ status: number; integrity: string }> {
    const { status, bytes } = await this.get(url);
    return { status, integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}` };
  }
}
