import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { pushModes, type TPushMode } from '../support/oci/blobs.js';
import { cpuOf } from '../support/process-watch.js';
import type { IBlobResult, TBlobJob, TBlobWork } from './blobload.js';
import type { ChildClient } from './childclient.js';
import type { ILoadJob, ILoadResult } from './load.js';
import { type LoadClient, rawRequest } from './loadclient.js';
import { type IOciContestant, repositoryOf } from './oci.servers.js';
import type { IPlainJob, IPlainResult } from './plainsdk.js';
import { rate } from './rate.js';

export interface IOciScale {
  rounds: number;
  milliseconds: number;
  /** Bytes of the big blob. */
  big: number;
  small: number;
  tags: number;
  manyTags: number;
  referrers: number;
  connections: number;
}

export interface IClients {
  load: LoadClient;
  blobs: ChildClient<TBlobJob, IBlobResult>;
  plain: ChildClient<IPlainJob, IPlainResult>;
}

export interface IManifest {
  body: string;
  digest: string;
}

type TDescriptor = { mediaType: string; digest: string; size: number };

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
/** What docker says that it takes. */
const accept = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  manifestType,
  indexType,
  '*/*',
].join(', ');

export const SMALL = 4096;
const WARM = 32 * 1024 ** 2;
const big = 'bench/big';

const digestOf = (text: string | Buffer): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Numbered so that they sort as they were made. */
export const tagNames = (prefix: string, from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(from + index).padStart(6, '0')}`);

/** One contestant's turn on an empty store: what the rows do with it. */
export class Turn {
  /** What rows have prepared for each other. */
  readonly done = new Set<string>();
  private readonly pushed = new Map<TPushMode, string>();
  private readonly images = new Map<string, Promise<IManifest>>();
  private isWarm = false;

  constructor(
    readonly one: IOciContestant,
    readonly clients: IClients,
    readonly scale: IOciScale,
  ) {}

  /** MB/s from the first request to the last answer. */
  async push(mode: TPushMode): Promise<number> {
    const size = this.scale.big;
    if (!this.isWarm) {
      this.isWarm = true;
      for (const [seed, warm] of pushModes.entries()) {
        await this.blob(big, { kind: 'push', mode: warm, seed: 100 + seed, size: WARM });
      }
    }
    await promisify(execFile)('sync'); // what came before is not to be written out at this one's cost
    const before = await cpuOf(this.one.pid);
    const result = await this.blob(big, { kind: 'push', mode, seed: pushModes.indexOf(mode), size });
    await this.tell(mode, before, result);
    const digest = result.digests[0]!;
    await this.blob(big, { kind: 'pull', digest, size, times: 1, verify: true });
    this.pushed.set(mode, digest);
    return size / 1e3 / result.milliseconds;
  }

  /** MB/s of a blob that was downloaded, and compared, before. */
  async pull(verify: boolean): Promise<number> {
    const size = this.scale.big;
    if (this.pushed.size === 0) {
      await this.push('one PUT');
    }
    const digest = [...this.pushed.values()][0]!;
    const before = await cpuOf(this.one.pid);
    const result = await this.blob(big, { kind: 'pull', digest, size, times: 3, verify });
    await this.tell('3 pulls', before, result);
    return (3 * size) / 1e3 / result.milliseconds;
  }

  async pushSmall(connections: number): Promise<{ perSecond: number; digests: string[] }> {
    const count = this.scale.small;
    const repository = 'bench/small';
    const before = await cpuOf(this.one.pid);
    const result = await this.blob(repository, { kind: 'small', count, size: SMALL, connections });
    await this.tellEach('a small blob', before, count);
    await this.blob(repository, { kind: 'verify', digests: result.digests, size: SMALL });
    return { perSecond: (count / result.milliseconds) * 1000, digests: result.digests };
  }

  /** Requests per second for small blobs in `bench/small`. */
  async getSmall(digests: string[], connections: number): Promise<number> {
    const requests: string[] = [];
    for (const digest of digests) {
      requests.push(await this.request('bench/small', 'GET', `blobs/${digest}`));
    }
    return this.rate(requests, { status: [200], sameBody: false, atLeast: SMALL }, { connections });
  }

  /** An image of three layers, pushed once per repository, by its digest. */
  image(repository: string): Promise<IManifest> {
    let image = this.images.get(repository);
    if (!image) {
      image = this.pushImage(repository);
      this.images.set(repository, image);
    }
    return image;
  }

  /** Tags per second: the manifest under each of the names, `connections` at once. */
  async tag(repository: string, names: string[], connections = this.scale.connections): Promise<number> {
    const { body } = await this.image(repository);
    const requests: string[] = [];
    for (const name of names) {
      requests.push(await this.request(repository, 'PUT', `manifests/${name}`, { 'Content-Type': manifestType }, body));
    }
    const before = await cpuOf(this.one.pid);
    const { milliseconds } = await this.all(requests, { status: [201], connections });
    await this.tellEach('a tag', before, names.length);
    return (names.length / milliseconds) * 1000;
  }

  /** Sends each once. */
  all(requests: string[], options: { status: number[]; connections: number }): Promise<ILoadResult> {
    const { status, connections } = options;
    const expect = { status, sameBody: false };
    return this.clients.load.run({ port: this.one.port, connections, requests, count: requests.length, expect });
  }

  /** Milliseconds of one request at a time, after a few for warming up. */
  async latency(request: string, check: (body: Buffer) => void): Promise<number> {
    const expect = { status: [200], sameBody: true };
    const job = { port: this.one.port, connections: 1, requests: [request], expect };
    const warm = await this.clients.load.run({ ...job, count: 3 });
    check(Buffer.from(warm.body ?? '', 'base64'));
    return (await this.clients.load.run({ ...job, count: 30 })).p50;
  }

  rate(
    requests: string[],
    expect: ILoadJob['expect'],
    more: { connections?: number; check?(body: Buffer): void } = {},
  ): Promise<number> {
    const { connections, milliseconds } = this.scale;
    return rate(this.clients.load, this.one, { connections, milliseconds, requests, expect, ...more });
  }

  async request(
    repository: string,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<string> {
    const { path: base, authorization } = await repositoryOf(this.one, repository);
    const all = { Authorization: authorization, Accept: accept, 'User-Agent': 'docker/29.1.0 go/go1.25.4', ...headers };
    return rawRequest(method, `http://127.0.0.1:${this.one.port}${base}/${path}`, all, body);
  }

  private async blob(repository: string, job: TBlobWork): Promise<IBlobResult> {
    const { port } = this.one;
    return this.clients.blobs.run({ ...job, port, to: await repositoryOf(this.one, repository) });
  }

  private async pushImage(repository: string): Promise<IManifest> {
    const { digests } = await this.blob(repository, { kind: 'small', count: 4, size: SMALL, connections: 1 });
    const of = (mediaType: string, digest: string): TDescriptor => ({ mediaType, digest, size: SMALL });
    const [config, ...layers] = digests;
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: of('application/vnd.oci.image.config.v1+json', config!),
      layers: layers.map((digest) => of('application/vnd.oci.image.layer.v1.tar+gzip', digest)),
    });
    const digest = digestOf(body);
    const put = await this.request(repository, 'PUT', `manifests/${digest}`, { 'Content-Type': manifestType }, body);
    await this.all([put], { status: [201], connections: 1 });
    return { body, digest };
  }

  private async tellEach(what: string, cpuBefore: number, count: number): Promise<void> {
    const micros = ((await cpuOf(this.one.pid)) - cpuBefore) * 1000;
    console.log(`  ${this.one.name}: ${Math.round(micros / count)} µs of CPU for ${what}, ${count} of them`);
  }

  private async tell(what: string, cpuBefore: number, result: IBlobResult): Promise<void> {
    const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
    const cpu = seconds((await cpuOf(this.one.pid)) - cpuBefore);
    const { milliseconds, cpuMilliseconds } = result;
    console.log(
      `  ${this.one.name}: ${what} in ${seconds(milliseconds)}, ${cpu} of CPU (the client: ${seconds(cpuMilliseconds)})`,
    );
  }
}
