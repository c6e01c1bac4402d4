import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClientHome } from '../support/client/home.js';
import { run } from '../support/client/run.js';
import { multipart } from '../support/multipart.js';
import { contentOf, fieldsOf, PIP_ACCEPT } from '../support/pypi/actors.js';
import { type IDistribution, wheel } from '../support/pypi/distributions.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { findTool } from '../support/tools.js';
import type { ILoadResult } from './load.js';
import { LoadClient } from './loadclient.js';
import { protocolBench } from './protocolbench.js';
import { type IIndex, startDevpi, startOurs, startPypiserver } from './pypi.peers.js';
import { rate } from './rate.js';
import { type IRow, machine, table } from './report.js';

interface IScale {
  rounds: number;
  milliseconds: number;
  uploads: number;
}

const full: IScale = { rounds: 3, milliseconds: 4000, uploads: 100 };
const quick: IScale = { rounds: 1, milliseconds: 1000, uploads: 20 };

const CONNECTIONS = 16;
const BIG = 50 * 1024 * 1024;
/** packages that one command installs */
const INSTALLED = 50;

const raw = (method: string, path: string, headers: Record<string, string>, body: Uint8Array = Buffer.alloc(0)) => {
  const all = { host: '127.0.0.1', connection: 'keep-alive', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${[`${method} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${Buffer.from(body).toString('latin1')}`;
};

const uploadOf = (to: IIndex, file: IDistribution): string => {
  const fields = Object.entries(fieldsOf(file)).map(([name, value]) => ({ name, value }));
  // devpi checks this digest, which is not made here
  const sent = fields.filter(({ name }) => name !== 'blake2_256_digest');
  const { bytes, contentType } = multipart([...sent, contentOf(file)]);
  const headers = { ...to.credential, 'content-type': contentType, 'content-length': String(bytes.length) };
  return raw('POST', to.upload, headers, bytes);
};

const getOf = (path: string): string => raw('GET', path, { accept: PIP_ACCEPT, 'accept-encoding': 'gzip, deflate' });

/** The path of the only file of a project. */
const fileOf = async ({ origin, simple }: IIndex, project: string): Promise<string> => {
  const page = `${origin}${simple}${project}/`;
  const [, link = ''] =
    /href="([^"#]+)/.exec(await (await fetch(page, { headers: { accept: 'text/html' } })).text()) ?? [];
  return new URL(link.replaceAll('&amp;', '&'), page).pathname;
};

class PeerBench {
  public readonly rows: IRow[] = [];

  constructor(
    private readonly scale: IScale,
    private readonly only: string,
    private readonly load: LoadClient,
    private readonly indexes: readonly IIndex[],
  ) {}

  public async run(): Promise<void> {
    for (const files of [10, 100]) await this.page(files);
    await this.uploads();
    await this.big();
    for (const [tool, args] of Object.entries(INSTALLERS)) await this.install(tool as TInstaller, args);
  }

  /** Measures all in turn, in each round. */
  private async row(
    about: Omit<IRow, 'values'>,
    measure: (index: IIndex, round: number) => Promise<number>,
    indexes = this.indexes,
  ): Promise<void> {
    const row: IRow = { ...about, values: {} };
    for (let round = 0; round < this.scale.rounds; round++) {
      for (const index of indexes) {
        const { [index.name]: before = [] } = row.values;
        row.values[index.name] = [...before, await measure(index, round)];
      }
    }
    this.rows.push(row);
    const said = Object.entries(row.values).map(
      ([name, all]) => `${name} ${all.map((one) => one.toFixed(1)).join(' ')}`,
    );
    console.log(`${row.title} (${row.unit}): ${said.join(' | ')}`);
  }

  private send(to: IIndex, requests: string[], count = requests.length): Promise<ILoadResult> {
    const expect = { status: [200], sameBody: false };
    return this.load.run({ port: to.port, connections: 1, requests, count, encoding: 'latin1', expect });
  }

  private async page(files: number): Promise<void> {
    const title = `simple page, ${files} files`;
    if (!title.includes(this.only)) return;
    const project = `page${files}`;
    const all = Array.from({ length: files }, (_, at) => wheel(project, `1.${at}`));
    for (const index of this.indexes)
      await this.send(
        index,
        all.map((file) => uploadOf(index, file)),
      );
    await this.row({ title, unit: 'req/s', better: 'more', wanted: 1 }, (index) =>
      rate(this.load, index, {
        connections: CONNECTIONS,
        milliseconds: this.scale.milliseconds,
        requests: [getOf(`${index.simple}${project}/`)],
        reconnects: index.closes,
        expect: { status: [200], sameBody: false, atLeast: 300 },
      }),
    );
  }

  private async uploads(): Promise<void> {
    const title = 'upload of a small wheel';
    if (!title.includes(this.only)) return;
    await this.row({ title, unit: 'ms p50', better: 'less', wanted: 1 }, async (index, round) => {
      const files = Array.from({ length: this.scale.uploads }, (_, at) => wheel(`small${round}x${at}`, '1.0'));
      return (
        await this.send(
          index,
          files.map((file) => uploadOf(index, file)),
        )
      ).p50;
    });
  }

  private async big(): Promise<void> {
    if (!'50 MB up, 50 MB down'.includes(this.only)) return;
    const noise = randomBytes(BIG);
    const perSecond = ({ milliseconds }: ILoadResult, times: number): number => (BIG * times) / 1e3 / milliseconds;
    const about = { unit: 'MB/s', better: 'more', wanted: 1 } as const;
    await this.row({ title: '50 MB up', ...about }, async (index, round) => {
      const file = wheel(`big${round}`, '1.0', { files: { 'noise.bin': noise } });
      return perSecond(await this.send(index, [uploadOf(index, file)]), 1);
    });
    await this.row({ title: '50 MB down', ...about }, async (index) =>
      perSecond(await this.send(index, [getOf(await fileOf(index, 'big0'))], 5), 5),
    );
  }

  private async install(name: TInstaller, argsOf: (index: string, folder: string) => string[]): Promise<void> {
    const title = `${INSTALLED} packages by ${name}`;
    const tool = findTool(name);
    if (!tool || !title.includes(this.only)) return;
    const home = await ClientHome.create(name);
    try {
      const projects = Array.from({ length: INSTALLED }, (_, at) => `${name}-package-${at}`);
      // pypiserver has no page that tells of core metadata, and is left out
      const indexes = this.indexes.filter((index) => index.name !== 'pypiserver');
      for (const index of indexes) {
        const files = projects.map((project) => ({
          ...ringWheel({ name: project, version: '1.0' }),
          name: project,
          version: '1.0',
          metadata: '',
        }));
        await this.send(
          index,
          files.map((file) => uploadOf(index, file)),
        );
      }
      const install = async (index: IIndex): Promise<number> => {
        const folder = home.path('installed');
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
        const args = [...argsOf(`${index.origin}${index.simple}`, folder), ...projects];
        const env = { ...home.env, PATH: `${dirname(tool.command[0])}:${home.env.PATH}` };
        const begun = performance.now();
        const { code, output } = await run([...tool.command, ...args], { cwd: home.path('work'), env });
        if (code !== 0) throw new Error(`${name} from ${index.name}: ${output}`);
        return (performance.now() - begun) / 1000;
      };
      const [ours] = indexes as [IIndex];
      // the first run of a program reads it from the disk
      await install(ours);
      await this.row({ title, unit: 's', better: 'less', wanted: 1 }, install, indexes);
    } finally {
      await home.remove();
    }
  }
}

const INSTALLERS = {
  pip: (index: string, folder: string) =>
    ['install', '--no-cache-dir', '--no-compile', '--disable-pip-version-check', '--quiet'].concat(
      ...['--index-url', index, '--target', folder],
    ),
  uv: (index: string, folder: string) =>
    ['pip', 'install', '--no-cache', '--no-config', '--quiet', '--default-index', index, '--target', folder].concat(
      ...['--python', 'python3'],
    ),
};
type TInstaller = keyof typeof INSTALLERS;

/** Beside devpi and pypiserver, in the same run; a peer that is not installed is left out. */
const peerBench = async (args: string[]): Promise<void> => {
  const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '') : '';
  const scale = args.includes('--quick') ? quick : full;
  const load = new LoadClient();
  const indexes: IIndex[] = [];
  try {
    for (const start of [startOurs, startDevpi, startPypiserver]) {
      const index = await start();
      if (index) indexes.push(index);
    }
    const bench = new PeerBench(scale, only, load, indexes);
    await bench.run();
    console.log(`\npypi beside its peers: ${machine()}; ${scale.rounds} rounds, medians; ${CONNECTIONS} connections\n`);
    const [ours, ...others] = indexes.map(({ name }) => name) as [string, ...string[]];
    for (const other of others) console.log(`${table(bench.rows, ours, other)}\n`);
  } finally {
    load.stop();
    for (const { stop } of indexes) await stop();
  }
};

/** `--peers`: only what is compared with other indexes; `--alone`: without them. */
export const bench = async (args: string[]): Promise<void> => {
  if (!args.includes('--peers')) await protocolBench('pypi', args);
  if (!args.includes('--alone')) await peerBench(args);
};
