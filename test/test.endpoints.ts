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

/** The endpoints that were documented before there was an implementation: method and a sample of the path. */
const PROMISED: Record<string, [method: string, path: string][]> = {
  oci: [
    ['GET', '/team/app/manifests/latest'],
    ['PUT', '/team/app/manifests/latest'],
    ['GET', `/team/app/blobs/sha256:${'0'.repeat(64)}`],
    ['POST', '/team/app/blobs/uploads/'],
    ['PUT', '/team/app/blobs/uploads/0a1b'],
    ['GET', '/team/app/tags/list'],
    ['GET', `/team/app/referrers/sha256:${'0'.repeat(64)}`],
  ],
  npm: [
    ['GET', '/left-pad'],
    ['PUT', '/left-pad'],
    ['GET', '/left-pad/-/left-pad-1.0.0.tgz'],
    ['GET', '/-/v1/search'],
    ['PUT', '/-/user/org.couchdb.user:ann'],
    ['GET', '/-/npm/v1/tokens'],
    ['POST', '/-/npm/v1/tokens'],
    ['DELETE', '/-/npm/v1/tokens/token/0a1b'],
    ['PUT', '/-/package/left-pad/dist-tags/beta'],
  ],
  maven: [
    ['PUT', '/org/example/app/1.0/app-1.0.jar'],
    ['GET', '/org/example/app/1.0/app-1.0.jar'],
    ['GET', '/org/example/app/maven-metadata.xml'],
  ],
  cargo: [
    ['GET', '/config.json'],
    ['GET', '/se/rd/serde'],
    ['PUT', '/api/v1/crates/new'],
    ['GET', '/api/v1/crates/serde/1.0.0/download'],
    ['DELETE', '/api/v1/crates/serde/1.0.0/yank'],
    ['PUT', '/api/v1/crates/serde/1.0.0/unyank'],
    ['GET', '/api/v1/crates'],
  ],
  composer: [
    ['GET', '/packages.json'],
    ['GET', '/p2/vendor/package.json'],
    ['GET', '/packages/list.json'],
    ['GET', `/dists/vendor/package/${'0'.repeat(40)}.zip`],
    ['PUT', '/packages/vendor/package'],
    ['DELETE', '/packages/vendor/package'],
    ['DELETE', '/packages/vendor/package/1.0.0'],
  ],
  pypi: [
    ['GET', '/simple/'],
    ['GET', '/simple/requests/'],
    ['POST', '/'],
    ['GET', '/pypi/requests/json'],
    ['GET', '/pypi/requests/1.0.0/json'],
    ['GET', '/packages/requests/requests-1.0.0.tar.gz'],
  ],
  rubygems: [
    ['GET', '/versions'],
    ['GET', '/info/rails'],
    ['GET', '/names'],
    ['POST', '/api/v1/gems'],
    ['DELETE', '/api/v1/gems/yank'],
    ['PUT', '/api/v1/gems/unyank'],
    ['GET', '/api/v1/versions/rails.json'],
    ['GET', '/gems/rails-1.0.0.gem'],
  ],
};

for (const protocol of availableProtocols()) {
  t.test(`${protocol} serves the endpoints that were promised`, async (t) => {
    const registry = await startRegistry(t, { [protocol]: { enabled: true } });
    const served = registry.getRegistry(protocol)!;
    const isServed = (method: string, path: string): boolean => {
      try {
        return served.routeTable.match(method, path) !== undefined;
      } catch {
        return false;
      }
    };
    for (const [method, path] of PROMISED[protocol]!) {
      const whole = `${served.basePath}${path}`;
      const inside = served.mounts().filter((mount) => whole.startsWith(`${mount}/`));
      t.ok(
        inside.some((mount) => isServed(method, whole.slice(mount.length))),
        `${method} ${whole}`,
      );
    }
  });
}
