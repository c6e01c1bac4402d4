import { readFileSync } from 'node:fs';
import t from 'tap';
import { availableProtocols } from '../ts/index.js';
import { startRegistry } from './support/registry.js';

const readme = readFileSync(new URL('../readme.md', import.meta.url), 'utf8');

// parameters have other names in the readme: what counts is where they stand
const shape = (path: string): string => path.replace(/\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}/g, '{}');

const documented = (protocol: string): string[] => {
  const section = new RegExp(`^## ${protocol} endpoints$([\\s\\S]*?)^## `, 'im').exec(readme)?.[1] ?? '';
  return [...section.matchAll(/^\| ([A-Z, ]+) \| `([^`]+)` \|/gm)].flatMap(([, methods, path]) =>
    (methods as string).split(', ').map((method) => `${method} ${shape(path as string)}`),
  );
};

for (const protocol of availableProtocols()) {
  t.test(`the readme lists the endpoints of ${protocol}, all of them and no others`, async (t) => {
    const registry = await startRegistry(t, { [protocol]: { enabled: true } });
    const rows = registry.getRegistry(protocol)?.routeTable.routes ?? [];
    const served = rows.map(({ method, path }) => `${method} ${shape(path)}`);
    t.same(documented(protocol).sort(), [...new Set(served)].sort());
  });
}
