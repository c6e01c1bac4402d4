import type { IBlobResult, TBlobJob } from './blobload.js';
import { ChildClient } from './childclient.js';
import { LoadClient } from './loadclient.js';
import { type IOciRow, rowsOf } from './oci.rows.js';
import { ours, startContestant, type TBackend, theirs } from './oci.servers.js';
import { type IClients, type IOciScale, Turn } from './oci.turn.js';
import type { IPlainJob, IPlainResult } from './plainsdk.js';
import { bareRate } from './rate.js';
import { type IRow, machine, table } from './report.js';

const full: IOciScale = {
  rounds: 3,
  milliseconds: 4000,
  big: 1024 ** 3,
  small: 500,
  tags: 1000,
  manyTags: 10_000,
  referrers: 500,
  connections: 16,
};
const quick: IOciScale = {
  ...full,
  rounds: 1,
  milliseconds: 1500,
  big: 128 * 1024 ** 2,
  tags: 300,
  manyTags: 2000,
};

/**
 * The same work on us and on distribution, in turn, each on an empty store that is removed after the turn; prints
 * medians and ratios. `--quick`: less of everything, once; `--only WORD`: rows whose title has it; `--disk`, `--s3`:
 * this one only; `--alone`: without distribution; `--theirs`: without us; `--profile FOLDER`: our CPU profiles go there.
 */
export const bench = async (args: string[]): Promise<void> => {
  const scale = args.includes('--quick') ? quick : full;
  const wordAfter = (name: string): string | undefined =>
    args.includes(name) ? args[args.indexOf(name) + 1] : undefined;
  const names = args.includes('--alone') ? [ours] : args.includes('--theirs') ? [theirs] : [ours, theirs];
  const backends: TBackend[] = args.includes('--disk') ? ['disk'] : args.includes('--s3') ? ['S3'] : ['disk', 'S3'];
  // it warns each process that Node 20 will not do for its versions to come
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const clients: IClients = {
    load: new LoadClient(),
    blobs: new ChildClient<TBlobJob, IBlobResult>('blobload.ts'),
    plain: new ChildClient<IPlainJob, IPlainResult>('plainsdk.ts'),
  };
  try {
    const headers = { connection: 'keep-alive', authorization: `Bearer ${'x'.repeat(500)}` };
    const bare = await bareRate(clients.load, { ...scale, headers });
    console.log(`for reference: a bare node:http server answers 8 KB ${Math.round(bare)} times a second`);
    for (const backend of backends) {
      await new OciBench(backend, scale, rowsOf(backend, scale), wordAfter('--only'), clients).run(
        names,
        wordAfter('--profile'),
      );
    }
  } finally {
    for (const client of Object.values(clients)) {
      client.stop();
    }
  }
};

class OciBench {
  private readonly measured = new Map<IOciRow, IRow>();
  private readonly compared = new Map<IOciRow, IRow>();

  constructor(
    private readonly backend: TBackend,
    private readonly scale: IOciScale,
    private readonly rows: IOciRow[],
    private readonly only: string | undefined,
    private readonly clients: IClients,
  ) {}

  async run(names: string[], profiles?: string): Promise<void> {
    for (let round = 0; round < this.scale.rounds; round++) {
      // who comes first changes, so that nobody always has the machine as the other left it
      for (const name of round % 2 === 0 ? names : [...names].reverse()) {
        console.log(`\n${this.backend}, round ${round + 1}: ${name}`);
        await this.turn(name, profiles);
      }
    }
    if (this.measured.size === 0) {
      return;
    }
    const { rounds, connections } = this.scale;
    console.log(`\n${this.backend}: ${machine()}; ${rounds} rounds, medians; ${connections} connections`);
    console.log('ours with a JWT in each request, distribution without any authentication\n');
    console.log(`${table([...this.measured.values()], ours, theirs)}\n`);
    for (const against of new Set([...this.compared.keys()].map((row) => row.against!.name))) {
      const rows = [...this.compared].filter(([row]) => row.against!.name === against).map(([, row]) => row);
      console.log(`${table(rows, ours, against)}\n`);
    }
  }

  private async turn(name: string, profiles?: string): Promise<void> {
    const one = await startContestant(name, this.backend, profiles);
    if (!one) {
      return;
    }
    try {
      const turn = new Turn(one, this.clients, this.scale);
      for (const row of this.rows) {
        if ((!row.alone || name === ours) && (!this.only || row.title.includes(this.only))) {
          await this.row(row, turn);
        }
      }
    } finally {
      await one.stop();
    }
  }

  /** A wrong answer spoils its row and the exit code, not the other rows. */
  private async row(row: IOciRow, turn: Turn): Promise<void> {
    const { name } = turn.one;
    try {
      const value = await row.measure(turn);
      this.add(this.measured, row, name, value);
      console.log(`${row.title}: ${value.toFixed(1)} ${row.unit}`);
      if (row.against && name === ours) {
        const other = await row.against.measure(turn);
        this.add(this.compared, row, ours, value);
        this.add(this.compared, row, row.against.name, other);
        console.log(`  ${row.against.name}: ${other.toFixed(1)} ${row.unit}`);
      }
    } catch (error) {
      process.exitCode = 1;
      console.error(`${row.title}: FAILED on ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }

  private add(to: Map<IOciRow, IRow>, row: IOciRow, name: string, value: number): void {
    const { title, unit, better } = row;
    const wanted = to === this.compared ? row.against?.wanted : row.wanted;
    const atLeast = to === this.compared ? undefined : row.atLeast;
    const entry = to.get(row) ?? { title, unit, better, wanted, atLeast, values: {} };
    entry.values[name] = [...(entry.values[name] ?? []), value];
    to.set(row, entry);
  }
}
