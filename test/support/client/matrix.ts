import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type TOutcome = 'pass' | 'FAIL' | 'not offered';

/** What is tried with the npm clients: the rows of their matrix in its order. */
export const commandNames = [
  'login',
  'login (web)',
  'adduser',
  'profile set password',
  'whoami',
  'logout',
  'ping',
  'publish',
  'publish @scope',
  'republish refused',
  'deprecate',
  'undeprecate',
  'dist-tag add',
  'dist-tag ls',
  'dist-tag rm',
  'search',
  'view',
  'owner ls',
  'access get status',
  'token list',
  'token create',
  'token revoke',
  'install',
  'lock-file install',
  'other bytes refused',
  'audit',
  'audit, answered',
  'audit signatures',
  'private: no token',
  'private: token',
  'unpublish a version',
  'unpublish a package',
] as const;
export type TCommandName = (typeof commandNames)[number];

/** What one client did against one kind of server. */
export class MatrixColumn<TCommand extends string> {
  readonly outcomes: Partial<Record<TCommand, TOutcome>> = {};

  constructor(
    readonly client: string,
    readonly server: string,
    /** All rows of the matrix that this column belongs to. */
    private readonly order: readonly TCommand[],
  ) {}

  set(command: TCommand, outcome: TOutcome): void {
    this.outcomes[command] = outcome;
  }

  /** As comment lines in the test's own output, or as a file where the summary of a whole ring is asked for. */
  report(print: (line: string) => void): void {
    const folder = process.env.SMARTREGISTRY_MATRIX;
    if (!folder) {
      for (const [command, outcome] of Object.entries(this.outcomes)) {
        print(`${this.server} | ${this.client} | ${command}: ${outcome}`);
      }
    } else {
      mkdirSync(folder, { recursive: true });
      const name = `${this.server}.${this.client}`.replace(/[^\w.-]+/g, '_');
      writeFileSync(
        join(folder, `${name}.json`),
        JSON.stringify({ client: this.client, server: this.server, order: this.order, outcomes: this.outcomes }),
      );
    }
  }
}
