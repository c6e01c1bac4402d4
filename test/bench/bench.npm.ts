import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeClient, type TClientName } from '../support/client/list.js';
import { type ITestPackage, tarballOf } from '../support/client/packages.js';
import type { IPackument } from '../support/client/probe.js';
import { startServer, startVerdaccio } from '../support/client/server.js';
import { memoryOf } from '../support/process-watch.js';
import {
  contestant,
  corpus,
  fresh,
  type IContestant,
  manyVersions,
  npmHeaders,
  publishAll,
  publishRequest,
  treeRoots,
  verifyPublished,
} from './contestants.js';
import { LoadClient, rawRequest } from './loadclient.js';
import { bareRate, rate } from './rate.js';
import { type IRow, machine, median, table } from './report.js';
import { stillCopy } from './still.js';

interface IScale {
  rounds: number;
  milliseconds: number;
  versions: number[];
  corpus: number;
  tree: number;
  publishes: number;
  tarball: number;
  connections: number;
}

const full: IScale = {
  rounds: 3,
  milliseconds: 4000,
  versions: [10, 100, 1000],
  corpus: 1500,
  tree: 300,
  publishes: 500,
  tarball: 50 * 1024 * 1024,
  connections: 16,
};
const quick: IScale = {
  ...full,
  rounds: 1,
  milliseconds: 1000,
  versions: [10, 100],
  corpus: 200,
  tree: 60,
  publishes: 100,
};

const ours = 'smartregistry';
const other = 'verdaccio';

/**
 * The same work on us and on verdaccio, one after the other in each round; prints medians and ratios.
 * `--quick`: less of everything; `--only WORD`: rows whose title has it; `--alone`: without verdaccio.
 */
export const bench = async (args: string[]): Promise<void> => {
  const scale = args.includes('--quick') ? quick : full;
  const only = args[args.indexOf('--only') + 1];
  const load = new LoadClient();
  const contestants = [await contestant(ours, await startServer({ quiet: true }))];
  const verdaccio = args.includes('--alone') ? null : await startVerdaccio();
  if (verdaccio) {
    contestants.push(await contestant(other, verdaccio));
  }
  try {
    const run = new Bench(scale, args.includes('--only') ? only : undefined, load, contestants);
    await run.all();
    console.log(`\n${machine()}; ${scale.rounds} rounds, medians; ${scale.connections} connections\n`);
    console.log(table(run.rows, ours, other));
  } finally {
    load.stop();
    for (const { server } of contestants) {
      await server.stop();
    }
  }
};

class Bench {
  readonly rows: IRow[] = [];

  constructor(
    private readonly scale: IScale,
    private readonly only: string | undefined,
    private readonly load: LoadClient,
    private readonly contestants: IContestant[],
  ) {}

  async all(): Promise<void> {
    await this.reference();
    await this.seed();
    for (const count of this.scale.versions) {
      await this.packument(count);
    }
    for (const count of this.scale.versions) {
      await this.notModified(count);
    }
    await this.search();
    await this.tarball();
    await this.install('npm-11');
    await this.install('pnpm-12');
    await this.publish();
    await this.memory();
  }

  private async reference(): Promise<void> {
    const headers = npmHeaders('none', 'none');
    const values: number[] = [];
    for (let round = 0; round < this.scale.rounds; round++) {
      values.push(await bareRate(this.load, { ...this.scale, headers }));
    }
    console.log(`for reference: a bare node:http server answers 8 KB ${Math.round(median(values))} times a second`);
  }

  private async seed(): Promise<void> {
    const { scale, load } = this;
    const all = corpus(scale.corpus, scale.tree);
    for (const one of this.contestants) {
      const began = performance.now();
      await publishAll(load, one, all, 8);
      for (const count of scale.versions) {
        await publishAll(load, one, manyVersions(`versions-${count}`, count), 1);
      }
      const about: ITestPackage = { name: 'bench-big', version: '1.0.0' };
      const big = await tarballOf({ ...about, files: { 'noise.bin': randomBytes(scale.tarball) } }, 0);
      const requests = [await publishRequest(one, about, big)];
      const expect = { status: [200, 201], sameBody: false };
      await load.run({ port: one.port, connections: 1, requests, count: 1, expect });
      await verifyPublished(one, [all[0]!, all.at(-1)!]);
      console.log(`${one.name}: seeded in ${Math.round((performance.now() - began) / 1000)} s`);
    }
  }

  /** Runs `measure` on each contestant in turn, in each round. */
  private async row(
    about: Omit<IRow, 'values'>,
    measure: (one: IContestant, round: number) => Promise<number>,
  ): Promise<void> {
    if (this.only && !about.title.includes(this.only)) {
      return;
    }
    const row: IRow = { ...about, values: {} };
    for (let round = 0; round < this.scale.rounds; round++) {
      for (const one of this.contestants) {
        const value = await measure(one, round);
        row.values[one.name] = [...(row.values[one.name] ?? []), value];
      }
    }
    this.rows.push(row);
    const said = Object.entries(row.values).map(
      ([name, values]) => `${name} ${values.map((v) => v.toFixed(1)).join(' ')}`,
    );
    console.log(`${about.title} (${about.unit}): ${said.join(' | ')}`);
  }

  /** Answered requests per second; the first answer is handed to `check`. */
  private rate(
    { name, port, server: { pid } }: IContestant,
    requests: string[],
    expect: { status: number[]; sameBody: boolean; atLeast?: number },
    check?: (body: Buffer) => void,
  ): Promise<number> {
    const { connections, milliseconds } = this.scale;
    return rate(this.load, { name, port, pid }, { connections, milliseconds, requests, expect, check });
  }

  private async packument(count: number): Promise<void> {
    const name = `versions-${count}`;
    const atLeast = count === 10 ? 10_000 : undefined;
    await this.row(
      { title: `packument, ${count} versions`, unit: 'req/s', better: 'more', wanted: 20, atLeast },
      (one) =>
        this.rate(
          one,
          [rawRequest('GET', `${one.server.registry}${name}`, npmHeaders(one.token, name))],
          { status: [200], sameBody: true },
          (body) => {
            // verdaccio does not compress what is small
            const isGzip = body[0] === 0x1f && body[1] === 0x8b;
            const { versions } = JSON.parse((isGzip ? gunzipSync(body) : body).toString()) as IPackument;
            const last = Object.values(versions).at(-1);
            if (Object.keys(versions).length !== count || !last?.dist.tarball.startsWith(one.server.registry)) {
              throw new Error(`${one.name} sent a packument of ${Object.keys(versions).length} versions`);
            }
          },
        ),
    );
  }

  private async notModified(count: number): Promise<void> {
    const name = `versions-${count}`;
    await this.row({ title: `304, ${count} versions`, unit: 'req/s', better: 'more', wanted: 20 }, async (one) => {
      const url = `${one.server.registry}${name}`;
      const etag = (await fetch(url, { headers: npmHeaders(one.token, name) })).headers.get('etag') ?? '';
      const headers = npmHeaders(one.token, name, { 'if-none-match': etag });
      return this.rate(one, [rawRequest('GET', url, headers)], { status: [304], sameBody: false });
    });
  }

  private async search(): Promise<void> {
    const queries = ['async', 'http', 'parser', 'bench-tree-1', 'stream', 'date', 'queue', 'router'];
    await this.row(
      { title: `search, ${this.scale.corpus} packages`, unit: 'req/s', better: 'more', wanted: 20 },
      async (one) => {
        const urls = queries.map(
          (text) =>
            `${one.server.registry}-/v1/search?text=${encodeURIComponent(text)}&size=20&from=0&quality=0.65&popularity=0.98&maintenance=0.5`,
        );
        for (const url of urls) {
          const found = (await one.probe.get(url)).json as { objects?: { package: { name: string } }[] };
          if (!found.objects || found.objects.length === 0) {
            throw new Error(`${one.name} finds nothing for ${url}`);
          }
        }
        const requests = urls.map((url) => rawRequest('GET', url, npmHeaders(one.token, 'search')));
        return this.rate(one, requests, { status: [200], sameBody: false, atLeast: 100 });
      },
    );
  }

  private async tarball(): Promise<void> {
    await this.row({ title: '50 MB tarball', unit: 'MB/s', better: 'more', wanted: 1 }, async (one, round) => {
      const { dist } = (await one.probe.packument('bench-big'))!.versions['1.0.0']!;
      if (round === 0) {
        const { integrity } = await one.probe.tarball(dist.tarball);
        if (integrity !== dist.integrity) {
          throw new Error(`${one.name} serves other bytes than were published`);
        }
      }
      const requests = [rawRequest('GET', dist.tarball, npmHeaders(one.token, 'bench-big'))];
      const expect = { status: [200], sameBody: false, atLeast: this.scale.tarball };
      const result = await this.load.run({ port: one.port, connections: 1, requests, count: 10, expect });
      return result.bytes / 1e6 / (result.milliseconds / 1000);
    });
  }

  private async install(name: TClientName): Promise<void> {
    const client = await makeClient(name);
    if (!client) {
      return;
    }
    const { tree } = this.scale;
    const install = async (registry: string, token: string): Promise<number> => {
      await client.point({ registry, token });
      await client.home.clearCaches();
      await rm(client.home.path('work'), { recursive: true, force: true });
      const folder = await client.home.project('install', {
        'package.json': { name: 'install', version: '1.0.0', private: true, dependencies: treeRoots(tree) },
      });
      const began = performance.now();
      const result = await client.install(folder);
      const seconds = (performance.now() - began) / 1000;
      const modules = join(folder, 'node_modules');
      const names = await readdir(name.startsWith('pnpm') ? join(modules, '.pnpm') : modules);
      const found = names.filter((entry) => entry.startsWith('bench-tree-')).length;
      if (result.code !== 0 || found !== tree) {
        throw new Error(`${name} from ${registry} installed ${found} packages: ${result.output}`);
      }
      return seconds;
    };
    const title = `${tree} packages, cold, ${name}`;
    if (this.only && !title.includes(this.only)) {
      return;
    }
    const names = Array.from({ length: tree }, (_, index) => `bench-tree-${index}`);
    const still = await stillCopy(this.contestants[0]!, names);
    const floor: number[] = [];
    try {
      await this.row({ title, unit: 's', better: 'less', wanted: 0.8 }, async (one) => {
        if (one === this.contestants[0]) {
          floor.push(await install(still.registry, 'none'));
        }
        return install(one.server.registry, one.token);
      });
      const seconds = median(floor).toFixed(2);
      console.log(`for reference: ${name} takes ${seconds} s where a bare server sends the same answers from memory`);
    } finally {
      still.stop();
      await client.home.remove();
    }
  }

  private async publish(): Promise<void> {
    const { publishes } = this.scale;
    await this.row(
      { title: `${publishes} publishes, 8 at once`, unit: 'per s', better: 'more', wanted: 1.5 },
      async (one, round) => {
        const packages = fresh(`bench-new-${round}`, publishes);
        const seconds = await publishAll(this.load, one, packages, 8);
        const sample = packages.filter((_, index) => index % Math.ceil(publishes / 20) === 0);
        await verifyPublished(one, sample);
        return publishes / seconds;
      },
    );
  }

  private async memory(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const rounds = this.scale.rounds;
    for (const [title, field] of [
      ['RSS at the end', 'now'],
      ['RSS at its highest', 'peak'],
    ] as const) {
      const wanted = field === 'now' ? 1 : undefined;
      this.scale.rounds = 1;
      await this.row(
        { title, unit: 'MB', better: 'less', wanted },
        async (one) => (await memoryOf(one.server.pid))[field],
      );
    }
    this.scale.rounds = rounds;
  }
}
