import { createHash, randomBytes } from 'node:crypto';
import { GROUP_PATH } from '../support/maven/ring/projects.js';
import type { ILoadJob, ILoadResult } from './load.js';
import { LoadClient } from './loadclient.js';
import { type IFileServer, startNginx, startOurs } from './maven.servers.js';
import { protocolBench } from './protocolbench.js';
import { rate } from './rate.js';
import { type IRow, machine, median, table } from './report.js';

interface IScale {
  rounds: number;
  milliseconds: number;
  puts: number;
  deploys: number;
}

const full: IScale = { rounds: 3, milliseconds: 4000, puts: 2000, deploys: 50 };
const quick: IScale = { rounds: 1, milliseconds: 1000, puts: 400, deploys: 10 };

const CONNECTIONS = 16;
const SMALL = 4096;
const BIG = 50 * 1024 * 1024;
/** of nginx, for small files */
const SMALL_GET = 0.3;
/** durable PUTs of artifacts in a second */
const PUTS = 300;
/** ms of all requests of one deploy */
const DEPLOY = 40;

const AGENT = { 'user-agent': 'Apache-Maven/3.9.16 (Java 17; Linux)', 'cache-control': 'no-cache', pragma: 'no-cache' };

const raw = (
  { base, credential }: IFileServer,
  method: string,
  path: string,
  body: Uint8Array = Buffer.alloc(0),
): string => {
  const all = {
    host: '127.0.0.1',
    connection: 'keep-alive',
    ...AGENT,
    ...(method === 'PUT' && { ...credential, 'content-length': String(body.length) }),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${base}/${GROUP_PATH}/${path} HTTP/1.1`, ...lines].join('\r\n');
  return `${head}\r\n\r\n${Buffer.from(body).toString('latin1')}`;
};

const hex = (algorithm: string, bytes: Uint8Array): Buffer =>
  Buffer.from(createHash(algorithm).update(bytes).digest('hex'));

const pomOf = (artifact: string, version: string): Buffer =>
  Buffer.from(
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>${GROUP_PATH.replaceAll('/', '.')}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></project>`,
  );

/** What Maven 3.9 sends when it deploys a jar with its sources; the sums come behind each file, the metadata is last. */
const deployOf = (to: IFileServer, artifact: string, version: string): string[] => {
  const requests: string[] = [];
  const put = (path: string, body: Uint8Array): void => {
    requests.push(raw(to, 'PUT', path, body));
    for (const algorithm of ['sha1', 'md5'])
      requests.push(raw(to, 'PUT', `${path}.${algorithm}`, hex(algorithm, body)));
  };
  const base = `${artifact}/${version}/${artifact}-${version}`;
  put(`${base}.pom`, pomOf(artifact, version));
  put(`${base}.jar`, randomBytes(SMALL));
  put(`${base}-sources.jar`, randomBytes(SMALL));
  requests.push(raw(to, 'GET', `${artifact}/maven-metadata.xml`));
  const metadata = `<metadata><groupId>${GROUP_PATH.replaceAll('/', '.')}</groupId><artifactId>${artifact}</artifactId><versioning><release>${version}</release><versions><version>${version}</version></versions><lastUpdated>20260101000000</lastUpdated></versioning></metadata>`;
  put(`${artifact}/maven-metadata.xml`, Buffer.from(metadata));
  return requests;
};

class MavenBench {
  public readonly rows: IRow[] = [];

  constructor(
    private readonly scale: IScale,
    private readonly only: string,
    private readonly load: LoadClient,
    private readonly servers: readonly IFileServer[],
  ) {}

  public async run(): Promise<void> {
    await this.smallGets();
    await this.smallPuts();
    await this.deploys();
    await this.big();
  }

  /** Measures all servers in turn, in each round. */
  private async row(
    about: Omit<IRow, 'values'>,
    measure: (server: IFileServer, round: number) => Promise<number>,
  ): Promise<void> {
    const row: IRow = { ...about, values: {} };
    for (let round = 0; round < this.scale.rounds; round++) {
      for (const server of this.servers) {
        const { [server.name]: before = [] } = row.values;
        row.values[server.name] = [...before, await measure(server, round)];
      }
    }
    this.rows.push(row);
    const said = Object.entries(row.values).map(
      ([name, all]) => `${name} ${all.map((one) => one.toFixed(1)).join(' ')}`,
    );
    console.log(`${row.title} (${row.unit}): ${said.join(' | ')}`);
  }

  private async send(to: IFileServer, requests: string[], more: Partial<ILoadJob> = {}): Promise<ILoadResult> {
    const expect = { status: [200, 201, 204], sameBody: false };
    const job = {
      port: to.port,
      connections: 1,
      requests,
      count: requests.length,
      encoding: 'latin1',
      expect,
    } as const;
    return this.load.run({ ...job, ...more });
  }

  private async smallGets(): Promise<void> {
    const title = 'GET of a 4 KiB jar';
    if (!title.includes(this.only)) return;
    const content = randomBytes(SMALL);
    const path = 'small/1.0/small-1.0.jar';
    for (const server of this.servers) await this.send(server, [raw(server, 'PUT', path, content)]);
    await this.row({ title, unit: 'req/s', better: 'more', wanted: SMALL_GET }, (server) =>
      rate(this.load, server, {
        connections: CONNECTIONS,
        milliseconds: this.scale.milliseconds,
        requests: [raw(server, 'GET', path)],
        expect: { status: [200], sameBody: true, atLeast: SMALL },
      }),
    );
  }

  private async smallPuts(): Promise<void> {
    const title = 'PUT of 4 KiB jars';
    if (!title.includes(this.only)) return;
    const { puts } = this.scale;
    await this.row({ title, unit: 'req/s', better: 'more', atLeast: PUTS }, async (server, round) => {
      // each is the first file of an artifact of its own, which makes a document and an entry in the listing
      const requests = Array.from({ length: puts }, (_, at) =>
        raw(server, 'PUT', `put${round}x${at}/1.0/put${round}x${at}-1.0.jar`, randomBytes(SMALL)),
      );
      const { milliseconds } = await this.send(server, requests, { connections: CONNECTIONS });
      return (puts / milliseconds) * 1000;
    });
  }

  private async deploys(): Promise<void> {
    const { deploys } = this.scale;
    for (const [title, nameOf] of [
      ['deploy of a new artifact, 13 requests', (round: number, at: number) => [`new${round}x${at}`, '1.0']],
      ['deploy of a further version, 13 requests', (round: number, at: number) => ['further', `${round}.${at}`]],
    ] as [string, (round: number, at: number) => [string, string]][]) {
      if (!title.includes(this.only)) continue;
      await this.row({ title, unit: 'ms p50', better: 'less', atMost: DEPLOY }, async (server, round) => {
        const times: number[] = [];
        for (let at = 0; at < deploys; at++) {
          const requests = deployOf(server, ...nameOf(round, at));
          // the metadata of a new artifact is not there yet
          const expect = { status: [200, 201, 204, 404], sameBody: false };
          times.push((await this.send(server, requests, { expect })).milliseconds);
        }
        return median(times);
      });
    }
  }

  private async big(): Promise<void> {
    if (!'50 MB up, 50 MB down'.includes(this.only)) return;
    const noise = randomBytes(BIG);
    const perSecond = ({ milliseconds }: ILoadResult, times: number): number => (BIG * times) / 1e3 / milliseconds;
    const about = { unit: 'MB/s', better: 'more' } as const;
    const path = (round: number) => `big/1.${round}/big-1.${round}.jar`;
    await this.row({ title: '50 MB up', ...about }, async (server, round) =>
      perSecond(await this.send(server, [raw(server, 'PUT', path(round), noise)]), 1),
    );
    await this.row({ title: '50 MB down', ...about }, async (server) =>
      perSecond(await this.send(server, [raw(server, 'GET', path(0))], { count: 5 }), 5),
    );
  }
}

/** Beside nginx as a bare store, in the same run. */
const storeBench = async (args: string[]): Promise<void> => {
  const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '') : '';
  const scale = args.includes('--quick') ? quick : full;
  const load = new LoadClient();
  const servers: IFileServer[] = [];
  try {
    for (const start of [startOurs, startNginx]) {
      const server = await start();
      if (server) servers.push(server);
    }
    const bench = new MavenBench(scale, only, load, servers);
    await bench.run();
    console.log(`\nmaven beside nginx: ${machine()}; ${scale.rounds} rounds, medians; ${CONNECTIONS} connections\n`);
    console.log(table(bench.rows, 'smartregistry', 'nginx'));
  } finally {
    load.stop();
    for (const { stop } of servers) await stop();
  }
};

/** `--alone`: only beside the bare Node server; `--store`: only beside nginx. */
export const bench = async (args: string[]): Promise<void> => {
  if (!args.includes('--store')) await protocolBench('maven', args);
  if (!args.includes('--alone')) await storeBench(args);
};
