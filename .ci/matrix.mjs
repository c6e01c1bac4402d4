// Prints what the client ring has written into a folder: one table per kind of server, commands down, clients across.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
let files = [];
try {
  files = readdirSync(folder).sort();
} catch {
  console.log('no client matrix was written'); // the ring did not run: its own line says so
}
const columns = files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
const marks = { pass: 'ok', FAIL: 'FAIL', 'not offered': '–' };
for (const server of [...new Set(columns.map((column) => column.server))]) {
  const those = columns.filter((column) => column.server === server);
  const rows = those[0].order.filter((command) => those.some((column) => column.outcomes[command]));
  const table = [
    [server, ...those.map((column) => column.client)],
    ...rows.map((command) => [command, ...those.map((column) => marks[column.outcomes[command]] ?? '')]),
  ];
  const widths = table[0].map((_, index) => Math.max(...table.map((row) => row[index].length)));
  const line = (row) => `| ${row.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`;
  console.log(line(table[0]));
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  for (const row of table.slice(1)) {
    console.log(line(row));
  }
  console.log('– = the client has no such command\n');
}
