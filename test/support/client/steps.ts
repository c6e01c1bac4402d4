import type { Test } from 'tap';
import type { MatrixColumn } from './matrix.js';
import { fails, succeeds } from './outcomes.js';
import type { IRun } from './run.js';
import type { IServer } from './server.js';

/** One client on its way through a flow of commands, each of which is a row of a matrix. */
export class ClientSteps<TCommand extends string> {
  constructor(
    readonly t: Test,
    readonly column: MatrixColumn<TCommand>,
    private readonly servers: (Pick<IServer, 'printed'> | undefined)[],
  ) {}

  /** One command of the matrix. A failure is noted with the end of the servers' logs, and does not hide what follows. */
  async step(command: TCommand, offered: unknown, body: (t: Test) => Promise<void>): Promise<void> {
    if (!offered) {
      this.column.set(command, 'not offered');
      return;
    }
    await this.t.test(command, async (t) => {
      this.column.set(command, 'FAIL');
      try {
        await body(t);
        this.column.set(command, t.passing() ? 'pass' : 'FAIL');
      } finally {
        if (this.column.outcomes[command] !== 'pass') {
          for (const server of new Set(this.servers)) {
            t.comment(server?.printed().split('\n').slice(-12).join('\n') ?? '');
          }
        }
      }
    });
  }

  succeeds(t: Test, result: IRun): void {
    succeeds(t, result);
  }

  says(t: Test, result: IRun, words: string | RegExp): void {
    succeeds(t, result, words);
  }

  fails(t: Test, result: IRun, words: RegExp): void {
    fails(t, result, words);
  }
}
