import { cpus } from 'node:os';

/** One line of the table: what was measured on each contestant in each round. */
export interface IRow {
  title: string;
  unit: string;
  /** `more` of it is better, or `less`. */
  better: 'more' | 'less';
  /** Ours against the other that is asked for. */
  wanted?: number;
  /** And the number itself, whatever the other does. */
  atLeast?: number;
  atMost?: number;
  values: Record<string, number[]>;
}

export const median = (values: number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 1 : 2);

const verdict = (row: IRow, ours: number, ratio: number): string => {
  const checks: [wanted: string, met: boolean][] = [];
  if (row.wanted !== undefined && !Number.isNaN(ratio)) {
    const met = row.better === 'more' ? ratio >= row.wanted : ratio <= row.wanted;
    checks.push([`${row.better === 'more' ? '≥' : '≤'} ${row.wanted} ×`, met]);
  }
  if (row.atLeast !== undefined) {
    checks.push([`≥ ${shown(row.atLeast)}`, ours >= row.atLeast]);
  }
  if (row.atMost !== undefined) {
    checks.push([`≤ ${shown(row.atMost)}`, ours <= row.atMost]);
  }
  return checks.map(([wanted, met]) => `${wanted} ${met ? 'yes' : 'NO'}`).join(', ');
};

/** Medians and ratios as a Markdown table. */
export const table = (rows: IRow[], ours: string, other: string): string => {
  const head = ['', 'unit', ours, other, 'ratio', 'wanted'];
  const lines = rows.map((row) => {
    const mine = row.values[ours] ? median(row.values[ours]) : Number.NaN;
    const theirs = row.values[other] ? median(row.values[other]) : Number.NaN;
    const ratio = mine / theirs;
    const cell = (value: number): string => (Number.isNaN(value) ? '–' : shown(value));
    return [
      row.title,
      row.unit,
      cell(mine),
      cell(theirs),
      Number.isNaN(ratio) ? '–' : `${ratio.toFixed(2)} ×`,
      Number.isNaN(mine) ? '' : verdict(row, mine, ratio),
    ];
  });
  const widths = head.map((_, index) => Math.max(...[head, ...lines].map((cells) => cells[index]!.length)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(line)].join('\n');
};

export const machine = (): string => `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}`;
