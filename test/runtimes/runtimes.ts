import t from 'tap';
import { runtimeSuite } from '../suites/runtime.suite.js';
import { findTool, type TToolName } from '../support/tools.js';

const script = (name: string): string => new URL(`serve.${name}.mjs`, import.meta.url).pathname;
// Nothing is to be installed, cached in the checkout or transpiled into it by a runtime that only serves.
const deno = ['run', '-A', '--no-prompt', '--no-lock', '--no-remote', '--node-modules-dir=manual'];

runtimeSuite(t, 'Node 20', [process.execPath, script('node')]);
const others: [title: string, tool: TToolName, args: string[]][] = [
  ['Node 22', 'node-22', [script('node')]],
  ['Deno', 'deno', [...deno, script('deno')]],
  ['Bun', 'bun', ['--no-install', script('bun')]],
];
for (const [title, name, args] of others) {
  const tool = findTool(name);
  if (tool) {
    runtimeSuite(t, `${title} (${tool.version})`, [...tool.command, ...args]);
  } else {
    t.test(title, { skip: `${name} is not installed` }, async () => {});
  }
}
