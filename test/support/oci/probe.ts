import { gunzipSync } from 'node:zlib';
import type { IWho } from '../client/base.js';
import { contentsOf, digestOf, type IPushable, indexType, manifestType } from './images.js';

export interface IOciAnswer {
  status: number;
  headers: Headers;
  bytes: Buffer;
}

interface IManifest {
  config: { digest: string };
  layers: { digest: string }[];
}

const accept = [
  indexType,
  manifestType,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** Speaks to a registry without a client: what a client claims to have done is checked here. */
export class OciProbe {
  constructor(
    readonly origin: string,
    /** Nobody: as an anonymous caller. */
    private readonly who?: IWho,
  ) {}

  private get basic(): Record<string, string> {
    const { who } = this;
    const pair = who && Buffer.from(`${who.username}:${who.password}`).toString('base64');
    return pair ? { authorization: `Basic ${pair}` } : {};
  }

  /** What a challenge asks for: a token from its realm, or the password itself. */
  async answerTo(challenge: string): Promise<Record<string, string>> {
    if (!/^Bearer /i.test(challenge)) {
      return this.basic;
    }
    const field = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
    const realm = new URL(field('realm'));
    realm.searchParams.set('service', field('service'));
    if (field('scope')) {
      realm.searchParams.set('scope', field('scope'));
    }
    const answer = await fetch(realm, { headers: this.basic, signal: AbortSignal.timeout(30_000) });
    const said = await answer.text();
    if (!answer.ok) {
      return {};
    }
    return { authorization: `Bearer ${(JSON.parse(said) as { token: string }).token}` };
  }

  /** One request, made again with what the registry asks for when it asks for it. */
  async request(path: string, init: RequestInit = {}): Promise<IOciAnswer> {
    const url = new URL(path, this.origin);
    const once = (more: Record<string, string>): Promise<Response> =>
      fetch(url, {
        redirect: 'manual',
        ...init,
        headers: { ...(init.headers as Record<string, string>), ...more },
        signal: AbortSignal.timeout(30_000),
      });
    let answer = await once({});
    const challenge = answer.headers.get('www-authenticate');
    if (answer.status === 401 && challenge) {
      await answer.arrayBuffer();
      answer = await once(await this.answerTo(challenge));
    }
    return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
  }

  manifest(repository: string, reference: string): Promise<IOciAnswer> {
    return this.request(`/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  }

  blob(repository: string, digest: string): Promise<IOciAnswer> {
    return this.request(`/v2/${repository}/blobs/${digest}`);
  }

  async tags(repository: string): Promise<string[]> {
    const { status, bytes } = await this.request(`/v2/${repository}/tags/list`);
    return status === 200 ? ((JSON.parse(bytes.toString()) as { tags: string[] | null }).tags ?? []) : [];
  }

  /** What is wrong with an image in the registry: nothing, when exactly these bytes can be had. */
  async problems(repository: string, reference: string, what: IPushable): Promise<string[]> {
    const problems: string[] = [];
    for (const content of contentsOf(what)) {
      const isManifest = /manifest|index/.test(content.mediaType);
      const answer = isManifest
        ? await this.manifest(repository, content === what.top ? reference : content.digest)
        : await this.blob(repository, content.digest);
      const got = digestOf(answer.bytes);
      if (answer.status !== 200 || got !== content.digest) {
        problems.push(`${content.mediaType} ${content.digest}: ${answer.status}, bytes of ${got}`);
      } else if (isManifest && answer.headers.get('content-type') !== content.mediaType) {
        problems.push(`${content.digest}: ${content.mediaType} came back as ${answer.headers.get('content-type')}`);
      }
    }
    return problems;
  }

  /**
   * The same for clients that compress layers anew and so make other manifests: the files below the compression are
   * these. The digests that they were pushed under must be right all the same.
   */
  async diffProblems(repository: string, reference: string, diffIds: string[]): Promise<string[]> {
    const top = await this.manifest(repository, reference);
    if (top.status !== 200) {
      return [`${repository}:${reference} is ${top.status}`];
    }
    const { config, layers } = JSON.parse(top.bytes.toString()) as IManifest;
    const problems: string[] = [];
    const found: string[] = [];
    for (const { digest } of [config, ...layers]) {
      const { status, bytes } = await this.blob(repository, digest);
      if (status !== 200 || digestOf(bytes) !== digest) {
        problems.push(`blob ${digest}: ${status}, bytes of ${digestOf(bytes)}`);
      } else if (digest !== config.digest) {
        found.push(digestOf(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes));
      }
    }
    if (problems.length === 0 && found.join() !== diffIds.join()) {
      problems.push(`layers hold ${found.join(', ')} instead of ${diffIds.join(', ')}`);
    }
    return problems;
  }

  /** Pushes without a client. Throws with the answer where it is refused. */
  async push(repository: string, tag: string, what: IPushable): Promise<void> {
    const check = ({ status, bytes }: IOciAnswer, wanted: number, about: string): void => {
      if (status !== wanted) {
        throw new Error(`${about}: ${status} ${bytes}`);
      }
    };
    for (const content of contentsOf(what)) {
      const { bytes: body, digest, mediaType } = content;
      if (/manifest|index/.test(mediaType)) {
        const reference = content === what.top ? tag : digest;
        const path = `/v2/${repository}/manifests/${reference}`;
        check(await this.request(path, { method: 'PUT', body, headers: { 'content-type': mediaType } }), 201, path);
        continue;
      }
      const begun = await this.request(`/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      check(begun, 202, `upload to ${repository}`);
      const target = new URL(begun.headers.get('location')!, this.origin);
      target.searchParams.set('digest', digest);
      const headers = { 'content-type': 'application/octet-stream' };
      check(await this.request(`${target}`, { method: 'PUT', body, headers }), 201, `blob ${digest}`);
    }
  }
}
