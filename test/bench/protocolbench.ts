import { memoryOf } from '../support/process-watch.js';
import type { IClientRequest } from '../support/protocol/description.js';
import { BareServer } from './bareanswer.js';
import type { ILoadJob, ILoadResult } from './load.js';
import { LoadClient } from './loadclient.js';
import { rate } from './rate.js';
import { type IRow, machine, median, table } from './report.js';
import { type ITarget, rawBytes, record, serveWith } from './target.js';
import { worldOf } from './worlds/build.js';
import type { IBenchWorld } from './worlds/interfaces.world.js';

interface IScale {
  rounds: number;
  milliseconds: number;
  connections: number;
  versions: number[];
  publishes: number;
  /** packages in the store before a publish is measured */
  packages: [few: number, many: number];
  big: number;
}

const full: IScale = {
  rounds: 3,
  milliseconds: 4000,
  connections: 16,
  versions: [10, 100],
  publishes: 300,
  packages: [100, 100_000],
  big: 50 * 1024 * 1024,
};
const quick: IScale = { ...full, rounds: 1, milliseconds: 1000, publishes: 60, packages: [100, 5000] };

const OURS = 'smartregistry';
const BARE = 'bare node';
/** of what a bare server answers, for metadata and for answers without a body */
const METADATA = 0.3;
/** ms of one publish that is alone, durable */
const PUBLISH_MS = 8;
/** of what a publish costs among few packages */
const GROWTH = 1.5;

class ProtocolBench {
  readonly rows: IRow[] = [];
  readonly #load = new LoadClient();

  constructor(
    private readonly world: IBenchWorld,
    private readonly scale: IScale,
    private readonly only: string,
    private readonly bare: BareServer,
  ) {}

  public async run(): Promise<void> {
    const [few, many] = this.scale.packages;
    try {
      const target = await serveWith(this.world, few);
      try {
        await this.metadata(target);
        await this.publishes(target, few);
        await this.tails(target, few);
        await this.big(target);
        const { now, peak } = await memoryOf(target.pid);
        console.log(`RSS: ${now.toFixed(0)} MiB at the end, ${peak.toFixed(0)} MiB at its highest`);
      } finally {
        await target.stop();
      }
      if (!'publish, range, 304, among many'.includes(this.only)) return;
      const crowded = await serveWith(this.world, many);
      try {
        await this.publishes(crowded, many);
        await this.tails(crowded, many);
      } finally {
        await crowded.stop();
      }
    } finally {
      this.#load.stop();
    }
  }

  /** Measures both, in turn, in each round. */
  private async row(
    about: Omit<IRow, 'values'>,
    ours: () => Promise<number>,
    bare?: () => Promise<number>,
  ): Promise<void> {
    if (!about.title.includes(this.only)) return;
    const row: IRow = { ...about, values: { [OURS]: [] } };
    for (let round = 0; round < this.scale.rounds; round++) {
      row.values[OURS]?.push(await ours());
      if (bare) row.values[BARE] = [...(row.values[BARE] ?? []), await bare()];
    }
    this.rows.push(row);
    const said = Object.entries(row.values).map(
      ([name, values]) => `${name} ${values.map((v) => v.toFixed(1)).join(' ')}`,
    );
    console.log(`${row.title} (${row.unit}): ${said.join(' | ')}`);
  }

  private async publish(target: ITarget, requests: IClientRequest[]): Promise<ILoadResult> {
    const { port, credential, origin } = target;
    const { host } = new URL(origin);
    const raw = requests.map((request) =>
      rawBytes({ ...request, headers: { ...request.headers, ...credential } }, host),
    );
    const expect = { status: [200, 201, 204], sameBody: false };
    return this.#load.run({ port, connections: 1, requests: raw, count: raw.length, encoding: 'latin1', expect });
  }

  private rate(on: { name: string; port: number; pid: number }, requests: string[], expect: ILoadJob['expect']) {
    const { connections, milliseconds } = this.scale;
    return rate(this.#load, on, { connections, milliseconds, requests, expect });
  }

  private async metadata(target: ITarget): Promise<void> {
    const { about, listings = [] } = this.world;
    const [name] = about.names;
    for (const count of this.scale.versions) {
      const of = `${name}${count}`;
      const versions = Array.from({ length: count }, (_, index) => about.version(index + 1));
      await this.publish(target, await Promise.all(versions.map((version) => about.publish(of, version))));
      await this.page(target, about.metadata(of), `${count} versions`);
    }
    for (const path of listings) await this.page(target, path, path);
  }

  /** A document, and the 304 of it. */
  private async page(target: ITarget, path: string, what: string): Promise<void> {
    const { headers = { 'accept-encoding': 'gzip' } } = this.world;
    const { bare } = this;
    const us = { name: OURS, ...target };
    const it = { name: BARE, port: bare.port, pid: bare.pid };
    const all = { ...headers, ...target.credential };
    const get = (more: Record<string, string> = {}): IClientRequest => ({
      method: 'GET',
      path,
      headers: { ...all, ...more },
    });
    const { status, body, answered } = await record(target, get());
    if (status !== 200) throw new Error(`${path}: ${status}`);
    const { etag = '' } = answered;
    const condition = { 'if-none-match': etag };
    for (const [title, status, request, sent] of [
      [`metadata, ${what}, ${body.length} bytes`, 200, get(), body],
      [`304, ${what}`, 304, get(condition), Buffer.alloc(0)],
    ] as const) {
      await bare.set({ status, headers: status === 304 ? { etag } : answered, body: sent });
      const expect = { status: [status], sameBody: false, atLeast: sent.length };
      await this.row(
        { title, unit: 'req/s', better: 'more', wanted: METADATA },
        () => this.rate(us, [rawBytes(request, new URL(target.origin).host)], expect),
        () => this.rate(it, [rawBytes(request, new URL(bare.origin).host)], expect),
      );
    }
  }

  private async publishes(target: ITarget, packages: number): Promise<void> {
    const { about } = this.world;
    const { publishes } = this.scale;
    let made = 0;
    const some = async (count: number): Promise<number> => {
      const names = Array.from({ length: count }, () => `${about.names[3]}${made++}`);
      return (await this.publish(target, await Promise.all(names.map((name) => about.publish(name, about.version(1))))))
        .p50;
    };
    const title = `publish, among ${packages.toLocaleString('en-US')}`;
    if (!title.includes(this.only)) return;
    await some(20);
    const few = this.few('publish, among');
    const atMost = Math.min(PUBLISH_MS, few === undefined ? PUBLISH_MS : GROWTH * few + 0.5);
    await this.row({ title, unit: 'ms p50', better: 'less', atMost }, () => some(publishes));
  }

  /** What was measured among few packages. */
  private few(title: string): number | undefined {
    const values = this.rows.find((row) => row.title.startsWith(title))?.values[OURS];
    return values && median(values);
  }

  /** What clients ask of a file that only grows: whether it has grown, and what is new, also right after a publish. */
  private async tails(target: ITarget, packages: number): Promise<void> {
    const { about, logs = [] } = this.world;
    const { host } = new URL(target.origin);
    for (const path of logs) {
      const { answered, body } = await record(target, { method: 'GET', path, headers: target.credential });
      const get = (headers: Record<string, string>): IClientRequest => ({ method: 'GET', path, headers });
      const range = get({ ...target.credential, range: `bytes=${body.length - 1}-` });
      const unchanged = get({ ...target.credential, 'if-none-match': answered.etag ?? '' });
      const us = { name: OURS, ...target };
      for (const [what, status, request] of [
        ['304', 304, unchanged],
        ['range', 206, range],
      ] as const) {
        const title = `${what}, ${path}, among`;
        const few = this.few(title);
        await this.row(
          {
            title: `${title} ${packages.toLocaleString('en-US')}`,
            unit: 'req/s',
            better: 'more',
            atLeast: few && few / GROWTH,
          },
          () => this.rate(us, [rawBytes(request, host)], { status: [status], sameBody: false }),
        );
      }
      const title = `publish, then range, ${path}, among`;
      const few = this.few(title);
      let made = 0;
      await this.row(
        {
          title: `${title} ${packages.toLocaleString('en-US')}`,
          unit: 'ms',
          better: 'less',
          atMost: few && GROWTH * few + 0.5,
        },
        async () => {
          const names = Array.from({ length: this.scale.publishes }, () => `${about.names[2]}${made++}`);
          const requests: string[] = [];
          for (const name of names) {
            const { headers, ...publish } = await about.publish(name, about.version(1));
            requests.push(rawBytes({ ...publish, headers: { ...headers, ...target.credential } }, host));
            requests.push(rawBytes(range, host));
          }
          const count = requests.length;
          const expect = { status: [200, 201, 206], sameBody: false };
          const { port } = target;
          const { milliseconds } = await this.#load.run({
            ...{ port, connections: 1, requests, count, encoding: 'latin1', expect },
          });
          return milliseconds / names.length;
        },
      );
    }
  }

  private async big(target: ITarget): Promise<void> {
    const { about, atLeast = {} } = this.world;
    const { scale, bare } = this;
    const name = `${about.names[0]}9`;
    let made = 0;
    const perSecond = ({ milliseconds }: ILoadResult, times = 1): number => (scale.big * times) / 1e3 / milliseconds;
    const shared = { unit: 'MB/s', better: 'more' } as const;
    const next = () => this.world.big(name, about.version(++made), scale.big);
    await bare.set({ status: 200, headers: {}, body: Buffer.from('{}') });
    const it = { ...target, port: bare.port, origin: bare.origin };
    await this.row(
      { title: '50 MB up', ...shared, atLeast: atLeast.up },
      async () => perSecond(await this.publish(target, [(await next()).request])),
      async () => perSecond(await this.publish(it, [(await next()).request])),
    );
    const { request, artifact, path = about.artifact(name, about.version(made)) } = await next();
    await this.publish(target, [request]);
    const { status, body, answered } = await record(target, { method: 'GET', path, headers: target.credential });
    if (status !== 200 || !body.equals(artifact)) throw new Error(`${path}: ${status}, other bytes than were uploaded`);
    await bare.set({ status: 200, headers: answered, body });
    const down = async ({ port, origin }: { port: number; origin: string }): Promise<number> => {
      const requests = [rawBytes({ method: 'GET', path, headers: target.credential }, new URL(origin).host)];
      const expect = { status: [200], sameBody: false, atLeast: artifact.length };
      return perSecond(await this.#load.run({ port, connections: 1, requests, count: 10, expect }), 10);
    };
    await this.row(
      { title: '50 MB down', ...shared, atLeast: atLeast.down },
      () => down(target),
      () => down(bare),
    );
  }
}

/**
 * The speed of a protocol of packages beside a bare Node server that sends the same bytes from memory, in the same run.
 * `--quick`: less of everything; `--only WORD`: rows whose title has it.
 */
export const protocolBench = async (protocol: string, args: string[]): Promise<void> => {
  const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '') : '';
  const scale = args.includes('--quick') ? quick : full;
  const bare = await BareServer.start();
  const bench = new ProtocolBench(await worldOf(protocol), scale, only, bare);
  try {
    await bench.run();
  } finally {
    bare.stop();
  }
  console.log(`\n${protocol}: ${machine()}; ${scale.rounds} rounds, medians; ${scale.connections} connections\n`);
  console.log(table(bench.rows, OURS, BARE));
};
