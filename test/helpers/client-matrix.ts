import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type TOutcome = 'pass' | 'FAIL' | 'not offered' | 'skipped';

/** The rows of the client matrix in its order. */
export const commandNames = [
  'login',
  'login (web)',
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
  'private: no token',
  'private: token',
  'unpublish a version',
  'unpublish a package',
] as const;
export type TCommandName = (typeof commandNames)[number];

/** What one client did against one kind of server. */
export class MatrixColumn {
  readonly outcomes: Partial<Record<TCommandName, TOutcome>> = {};
  readonly notes: string[] = [];

  constructor(
    readonly client: string,
    readonly server: string,
  ) {}

  set(command: TCommandName, outcome: TOutcome): void {
    this.outcomes[command] = outcome;
  }

  /** As comment lines for the test's own output, and as a file for the summary of a whole ring where one is asked for. */
  report(print: (line: string) => void): void {
    for (const command of commandNames) {
      const outcome = this.outcomes[command];
      if (outcome) {
        print(`${this.server} | ${this.client} | ${command}: ${outcome}`);
      }
    }
    for (const note of this.notes) {
      print(`${this.client}: ${note}`);
    }
    const folder = process.env.SMARTREGISTRY_MATRIX;
    if (folder) {
      mkdirSync(folder, { recursive: true });
      const name = `${this.server}.${this.client}`.replace(/[^\w.-]+/g, '_');
      writeFileSync(
        join(folder, `${name}.json`),
        JSON.stringify({ client: this.client, server: this.server, order: commandNames, outcomes: this.outcomes }),
      );
    }
  }
}
