import { join } from 'node:path';
import t from 'tap';
import { plainEnv, run, top } from '../support/program.js';

const child = async (...args: string[]): Promise<{ worked: number; rested: number }> => {
  const file = join(top, 'test', 'support', 'rest-child.ts');
  const { stdout } = await run(process.execPath, ['--import', 'tsx', file, ...args], { env: plainEnv(), cwd: top });
  return JSON.parse(stdout) as { worked: number; rested: number };
};

t.test('a server that comes to rest gives back the memory that its work took', async (t) => {
  const { worked, rested } = await child();
  t.ok(rested < worked - 60, `${worked} MB, then ${rested} MB`);
  const without = await child('without');
  t.ok(without.rested > without.worked - 60, `left alone: ${without.worked} MB, then ${without.rested} MB`);
});
