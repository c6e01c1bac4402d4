import t from 'tap';
import { type IServer, startServer } from '../support/client/server.js';
import { type IConformanceCase, runConformance, type TSpecVersion } from '../support/oci/conformance.js';
import { startS3Server } from '../support/store/s3-server.js';

// The official program of the OCI distribution specification against our command line: the released version and the
// one in development, at the root and below a path, on each storage driver. Nobody pushes without a password. At the
// root anybody may pull and the program answers challenges; below the path nobody may, and it sends its password.
const atLeast: Record<TSpecVersion, number> = { '1.1': 690, dev: 785 };
const places = [
  { path: '', anonymousScopes: ['oci:repository:*:pull'], credentials: 'challenge' },
  { path: '/oci', anonymousScopes: [], credentials: 'basic' },
] as const;

/** Cases that say the same of the same step are one line, with how often they came. */
const summary = (cases: IConformanceCase[]): string[] => {
  const lines = new Map<string, number>();
  for (const { name, status, reason } of cases) {
    const line = `${status}: ${name}: ${reason.slice(0, 300) || 'not part of this version'}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines].map(([line, count]) => (count > 1 ? `${line} (${count} times)` : line));
};

const testVersions = async (server: IServer, place: (typeof places)[number], label: string): Promise<void> => {
  const { path, credentials } = place;
  for (const version of ['1.1', 'dev'] as const) {
    await t.test(`version ${version}, ${path || 'root'}, ${label}`, async (t) => {
      const registry = new URL(server.origin).host + path;
      const result = await runConformance({ registry, version, who: server.admin, credentials });
      if (!result) {
        t.pass('not run', { skip: 'the conformance program is not installed' });
        return;
      }
      const having = (...statuses: string[]): IConformanceCase[] =>
        result.cases.filter(({ status }) => statuses.includes(status));
      const passed = having('passed');
      const failed = having('failure', 'error');
      const skipped = having('skipped');
      t.comment(
        `conformance ${version} at ${path || '/'} on ${label}: ${passed.length} passed, ${failed.length} failed, ` +
          `${skipped.length} skipped of ${result.cases.length} in ${result.seconds.toFixed(1)} s`,
      );
      for (const line of summary(skipped)) {
        t.comment(line);
      }
      t.same(summary(failed), [], 'no test has failed');
      t.ok(passed.length >= atLeast[version], `${passed.length} passed, of at least ${atLeast[version]}`);
      t.equal(passed.length + failed.length + skipped.length, result.cases.length, 'every test has one of these ends');
    });
  }
};

const testStorage = async (storage: object | undefined, label: string): Promise<void> => {
  for (const place of places) {
    const { path, anonymousScopes } = place;
    const server = await startServer({
      config: {
        ...(storage && { storage }),
        auth: { jwtSecret: 'only for this test', tokenStore: 'bucket', anonymousScopes },
        oci: { enabled: true, basePath: '/oci' },
      },
    });
    const ping = await fetch(`${server.origin}${path}/v2/`);
    t.equal(ping.status, 401, `${path}/v2/ wants to know who is there`);
    t.match(ping.headers.get('www-authenticate'), /^Bearer realm="http:/, 'and says where a token can be had');
    await ping.arrayBuffer();
    await testVersions(server, place, label);
    t.equal(await server.stop(), 0, 'the server ends by itself when it is told to');
  }
};

await testStorage(undefined, 'directory');
const s3 = await startS3Server();
if (s3) {
  // Two servers after each other in one bucket: a second run meets what the first has left.
  await testStorage(s3.config, 'S3');
  await s3.stop();
} else {
  t.pass('not run on S3', { skip: 'no S3 server is installed' });
}
