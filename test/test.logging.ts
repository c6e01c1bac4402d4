import t, { type Test } from 'tap';
import {
  BaseRegistry,
  createLogger,
  type IAuthProvider,
  type IRegistryConfig,
  type RegistryError,
  respond,
  SmartRegistry,
  toFetchHandler,
} from '../ts/index.js';
import { ask } from './support/http/client.js';
import { serveWith } from './support/http/host.js';
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

t.test('what only the host sees to fail goes to the same logger', async (t) => {
  const lines: string[] = [];
  const logger = createLogger({ format: 'json', write: (line) => lines.push(line) });
  const failing = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new Error('the disk is gone'));
    },
  });
  const seen = () => lines.splice(0).map((line) => JSON.parse(line) as object);
  const node = { logger, handleRequest: async () => ({ status: 200, headers: {}, body: failing }) };
  const { port } = await serveWith(t, node);
  t.equal((await ask(port, '/npm/a')).status, 500);
  t.match(seen(), [{ level: 'error', error: /the disk is gone/ }]);
  const fetch = { logger, handleRequest: () => Promise.reject(new Error('the disk is gone')) };
  t.equal((await toFetchHandler(fetch)(new Request('http://localhost/npm/a'))).status, 500);
  t.match(seen(), [{ level: 'error', error: /the disk is gone/ }]);
});

t.test('a scope of the configuration that grants nothing is told of at the start', async (t) => {
  const warnings = async (change: Partial<IRegistryConfig>): Promise<string[]> => {
    const lines: string[] = [];
    const logger = { info() {}, warn: (line: string) => void lines.push(line), error() {} };
    const registry = new SmartRegistry({
      storage: { directory: await temporaryFolder(t) },
      auth: {
        jwtSecret: 'a long random text that nobody can guess',
        tokenStore: 'memory',
        anonymousScopes: ['oci:repository:*:read', 'snippets:snippet:*:read', '*:*:*:read'],
        users: [{ username: 'ann', password: 'x', scopes: ['npm:packages:@ann/*:write', 'npm:package:*:read'] }],
      },
      oci: { enabled: true },
      logger,
      ...change,
    });
    await registry.init();
    await registry.destroy();
    return lines;
  };
  const repository = 'The scope "oci:repository:*:read" grants nothing: there is oci:repository:NAME:pull|push|delete';
  const packages = 'The scope "npm:packages:@ann/*:write" grants nothing: there is npm:package:NAME:read|write|delete';
  const told = await warnings({});
  t.same([told[0], told.at(-1)], [repository, packages]);
  t.match(told[1], /^The scope "snippets:snippet:\*:read" grants nothing: protocols are oci, npm/);
  t.equal(told.length, 3);

  class Snippets extends BaseRegistry {
    readonly protocol = 'snippets';
    protected routes() {
      return [];
    }
    protected renderError(error: RegistryError) {
      return respond(error.status, {});
    }
  }
  const registries = [
    {
      protocol: 'snippets',
      basePath: '/s',
      create: (...parts: ConstructorParameters<typeof Snippets>) => new Snippets(...parts),
    },
  ];
  t.same(await warnings({ registries }), [repository, packages], 'a protocol of the host has scopes of its own');

  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async () => null,
    createToken: async () => '',
    revokeToken: async () => undefined,
    authorize: async () => false,
  };
  t.same(await warnings({ authProvider }), [], 'a provider of the host gives its scopes the meaning that it likes');
});
