import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { admin, embedded, embeddingClients, embeddingFlow } from '../suites/embedding.suite.js';
import { spawnServer } from '../support/client/server.js';
import { hosts } from '../support/embedding/hosts.js';
import { findTool, type TToolName } from '../support/tools.js';

const BASES = ['', '/packages'];
const where = (base: string): string => (base ? `below ${base}` : 'at the root');

for (const [name, start] of hosts) {
  for (const base of BASES) {
    t.test(`${name}, ${where(base)}`, async (t) => {
      await embeddingClients(t, await embedded(t, start, base));
    });
  }
}

const script = (name: string): string => new URL(`../runtimes/serve.${name}.mjs`, import.meta.url).pathname;
const deno = ['run', '-A', '--no-prompt', '--no-lock', '--no-remote', '--node-modules-dir=manual'];
const runtimes: [title: string, tool: TToolName, args: string[]][] = [
  ['Deno', 'deno', [...deno, script('deno')]],
  ['Bun', 'bun', ['--no-install', script('bun')]],
];

for (const [title, name, args] of runtimes) {
  const tool = findTool(name);
  t.test(title, { skip: !tool && `${name} is not installed` }, async (t) => {
    for (const base of BASES) {
      await t.test(where(base), async (t) => {
        const folder = await mkdtemp(join(tmpdir(), 'smartregistry-embedding-'));
        const server = await spawnServer({
          command: [...tool!.command, ...args],
          env: {
            ...process.env,
            RUNTIME_DATA: join(folder, 'data'),
            RUNTIME_PASSWORD: admin.password,
            DENO_DIR: join(folder, 'deno'),
          },
          cwd: folder,
          ready: /ready on (http:\/\/[\d.:]+)/,
        });
        t.teardown(async () => {
          await server.stop();
          await rm(folder, { recursive: true, force: true, maxRetries: 3 });
        });
        const embedding = { origin: server.match[1]!, base, admin };
        await embeddingFlow(t, { ...embedding, isEverywhere: true });
        await embeddingClients(t, embedding);
      });
    }
  });
}
