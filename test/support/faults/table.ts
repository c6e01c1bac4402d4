import { describe, type ICase, type IOutcome } from './cases.js';

interface ICell {
  cases: number;
  done: number;
  unavailable: number;
  refused: number;
  violated: number;
}

const EMPTY: ICell = { cases: 0, done: 0, unavailable: 0, refused: 0, violated: 0 };

/** Operations x faults x outcome, in lines of text. */
export class FaultTable {
  private readonly cells = new Map<string, Map<string, ICell>>();
  private readonly failed: IOutcome[] = [];

  public add(outcome: IOutcome): void {
    const { operation, fault, status, violations } = outcome;
    const row = this.cells.get(operation!.name) ?? new Map<string, ICell>();
    this.cells.set(operation!.name, row);
    const cell = { ...(row.get(fault!.name) ?? EMPTY) };
    row.set(fault!.name, cell);
    cell.cases++;
    if (violations.length > 0) {
      cell.violated++;
      this.failed.push(outcome);
    } else if (status === 'ended' || (status !== 'hung' && status < 300)) cell.done++;
    else if (status === 503) cell.unavailable++;
    else cell.refused++;
  }

  public violations(operation: string, fault: string): IOutcome[] {
    return this.failed.filter((one) => one.operation?.name === operation && one.fault?.name === fault);
  }

  /** `n ok` where nothing was found; of n cases, how many were done, were told 503, were refused, and were wrong. */
  public lines(faults: string[]): string[] {
    const lines = [`operation | ${faults.join(' | ')}`];
    for (const [operation, row] of this.cells) {
      const cells = faults.map((fault) => {
        const cell = row.get(fault);
        if (!cell) return '-';
        const { done, unavailable, refused, violated } = cell;
        const parts = [`${done} done`];
        if (unavailable > 0) parts.push(`${unavailable} x 503`);
        if (refused > 0) parts.push(`${refused} refused`);
        if (violated > 0) parts.push(`${violated} WRONG`);
        return parts.join(', ');
      });
      lines.push(`${operation} | ${cells.join(' | ')}`);
    }
    return lines;
  }

  public totals(): ICell {
    const total = { ...EMPTY };
    for (const row of this.cells.values()) {
      for (const cell of row.values()) {
        for (const name of Object.keys(total) as (keyof ICell)[]) total[name] += cell[name];
      }
    }
    return total;
  }
}

export const violationLines = (outcome: IOutcome): string[] => [
  `${describe(outcome as ICase)}: first ${outcome.status}, again ${outcome.again}`,
  ...outcome.violations.map((text) => `    ${text}`),
  ...(process.env.FAULTS_LOG ? outcome.log.map((text) => `        ${text}`) : []),
];
