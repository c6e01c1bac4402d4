import t, { type Test } from 'tap';
import { createLogger, type IRegistryConfig, SmartRegistry } from '../ts/index.js';
import { send, temporaryFolder } from './support/registry.js';

/** What a registry with a short secret and a failing store writes to stderr. */
const written = async (t: Test, logger?: IRegistryConfig['logger']): Promise<string> => {
  const err = t.capture(process.stderr, 'write', () => true);
  try {
    const registry = new SmartRegistry({
      storage: { directory: await temporaryFolder(t) },
      auth: { jwtSecret: 'short', tokenStore: 'memory' },
      npm: { enabled: true },
      upstreamProvider: { resolveUpstreamConfig: async () => null },
      ...(logger !== undefined && { logger }),
    });
    await registry.init();
    const { store } = registry.getStorage();
    store.get = store.head = async () => {
      throw new Error('the disk is gone');
    };
    t.ok((await send(registry, 'GET', '/npm/a')).status >= 500);
    await registry.destroy();
    return err()
      .map(({ args }) => String(args[0]))
      .join('');
  } finally {
    err.restore();
  }
};

t.test('warnings and errors go to stderr unless told otherwise', async (t) => {
  const text = await written(t);
  t.match(text, /^\S+Z warn config\.auth\.jwtSecret is shorter than 32 characters/m);
  t.match(text, /^\S+Z warn config\.upstreamProvider is not asked: /m);
  t.match(text, /^\S+Z error .* path=\/a .*the disk is gone/m, 'a 5xx leaves a trace');
  t.notMatch(text, / (info|debug) /);
});

t.test('logger: false is silent', async (t) => {
  t.equal(await written(t, false), '');
});

t.test('a logger of its own gets everything, and stderr nothing', async (t) => {
  const lines: string[] = [];
  t.equal(await written(t, createLogger({ level: 'debug', format: 'json', write: (line) => lines.push(line) })), '');
  t.ok(lines.some((line) => (JSON.parse(line) as { level: string }).level === 'error'));
});
