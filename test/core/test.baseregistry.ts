import t from 'tap';
import { Housekeeper, type IChore } from '../../ts/core/base/classes.housekeeper.js';
import { type IPackageUpkeep, PackageRegistry } from '../../ts/core/classes.packageregistry.js';
import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  RegistryError,
  respond,
  SmartRegistry,
} from '../../ts/index.js';
import { ofKind } from '../support/expect.js';
import { send, startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';
import { MemoryObjectStore } from '../support/store/memory-objectstore.js';

/** A protocol whose handlers do what the path says. */
class Plain extends BaseRegistry {
  public readonly protocol = 'plain';
  protected override readonly answerHeaders = { 'X-Version': '1', 'X-Kind': 'plain' };

  protected routes(): IRoute[] {
    const fail = (error: unknown) => async () => {
      throw error;
    };
    const row = (path: string, handle: IRoute['handle'], access: IRoute['access'] = 'public'): IRoute => ({
      method: 'GET',
      path,
      access,
      handle,
    });
    return [
      row('/own', async () => respond(200, 'x', { 'X-Kind': 'own' })),
      row('/internal', fail(new RegistryError('internal', 'a fault of ours', { cause: new Error('the cause') }))),
      row('/outage', fail(new RegistryError('unavailable', 'away', { headers: { 'Retry-After': '7' } }))),
      row('/late', fail(new DOMException('an auth provider gave up', 'TimeoutError'))),
      row('/refused', fail(new RegistryError('unauthenticated', 'no', { headers: { 'WWW-Authenticate': 'Own' } }))),
      row('/nobody', fail(new RegistryError('unauthenticated', 'no'))),
      row('/mute', fail(new RegistryError('conflict', 'cannot be rendered'))),
      row('/user', async ({ userId }) => ({ userId }), 'authenticated'),
      row('/anyone', async ({ userId = 'nobody' }) => ({ userId }), 'identified'),
      row('/list', async () => ({}), { type: 'thing', listing: true }),
      row('/list/written', async () => ({}), { type: 'thing', listing: true, action: 'write' }),
      row('/things/{name}', async (call) => ({ link: call.linkTo('/x'), url: call.publicUrl }), {
        type: 'thing',
        action: 'read',
        name: 'name',
      }),
      row('/careless', async (call) => call.authorize('x').then(() => ({}))),
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    if (error.kind === 'conflict') throw new Error('no words');
    return respond(error.status, { problem: error.message }, { 'X-Problem': error.kind });
  }

  public override mounts(): string[] {
    return [this.basePath, '/second'];
  }

  public override aliases(): Record<string, string> {
    return { '/short': '/things', '/second': '/nowhere' };
  }
}

const auth = {
  jwtSecret: 'a-secret-of-the-tests',
  tokenStore: 'memory' as const,
  users: [{ username: 'ann', password: 'correct horse', scopes: ['plain:thing:a:read'] }],
};

const start = async (t: Parameters<typeof startRegistry>[0], config: Partial<IRegistryConfig> = {}, plain = {}) => {
  const logged: [string, Record<string, unknown> | undefined][] = [];
  const create = (services: IRegistryServices, settings: IProtocolConfig) => new Plain(services, settings);
  const registry = await startRegistry(t, {
    auth,
    registries: [{ protocol: 'plain', basePath: '/plain', create, ...plain }],
    storage: { objectStore: new MemoryObjectStore() },
    logger: { info() {}, warn() {}, error: (message, fields) => void logged.push([message, fields]) },
    ...config,
  });
  const as = async (scopes?: string[]) => ({
    Authorization: `Bearer ${await registry.getAuthManager().createToken('ann', 'plain', { scopes })}`,
  });
  return { registry, logged, as, get: (path: string, more = {}) => send(registry, 'GET', path, more) };
};

t.test('headers of every answer, unless a handler has set them itself', async (t) => {
  const { get } = await start(t);
  t.match((await get('/plain/own')).headers, { 'X-Version': '1', 'X-Kind': 'own' });
  for (const path of ['/plain/nobody', '/plain/nowhere', '/plain/outage']) {
    t.match((await get(path)).headers, { 'X-Version': '1', 'X-Kind': 'plain', 'X-Problem': /./ }, path);
  }
});

t.test('errors: rendered by the protocol, with their own headers, and a challenge if there is none', async (t) => {
  const { get, logged } = await start(t);
  t.match(await get('/plain/outage'), { status: 503, headers: { 'Retry-After': '7' }, text: '{"problem":"away"}' });
  t.equal((await get('/plain/refused')).headers['WWW-Authenticate'], 'Own');
  t.equal((await get('/plain/nobody')).headers['WWW-Authenticate'], 'Basic realm="plain"');
  t.equal((await get('/plain/nowhere')).headers['WWW-Authenticate'], undefined);
  logged.length = 0;
  const mute = await get('/plain/mute');
  t.match(mute, { status: 409, text: 'cannot be rendered' });
  t.match(logged, [['An error could not be rendered', { protocol: 'plain', cause: { message: 'no words' } }]]);
});

t.test('a time-out is the fault of the client only if its own request was aborted', async (t) => {
  const { get } = await start(t);
  t.match(await get('/plain/late'), { status: 503, headers: { 'Retry-After': '5' } });
  t.match(await get('/plain/late', { signal: new AbortController().signal }), { status: 503 });
  t.match(await get('/plain/late', { signal: AbortSignal.abort() }), { status: 408 });
});

t.test('a fault is logged with the request it belongs to, a refusal is not', async (t) => {
  const { get, logged } = await start(t);
  for (const path of ['/plain/nowhere', '/plain/nobody']) await get(path);
  t.same(logged, []);
  const trace: Record<string, unknown> = { id: 'r1' };
  const answer = await get('/plain/internal', { trace });
  t.match(answer, { status: 500, text: '{"problem":"The registry failed to answer this request"}' });
  t.match(logged, [
    [
      'a fault of ours',
      { id: 'r1', protocol: 'plain', method: 'GET', path: '/internal', kind: 'internal', cause: /the cause\n +at / },
    ],
  ]);
  t.match(trace, { id: 'r1', protocol: 'plain', refusal: 'a fault of ours' });
  logged.length = 0;
  await get('/plain/outage');
  t.match(logged, [['away', { kind: 'unavailable', cause: undefined }]]);
  logged.length = 0;
  await get('/plain/careless');
  t.match(logged, [['A route of plain authorises without type and action', {}]]);
});

t.test('mounts, aliases, and the links of what is behind them', async (t) => {
  const { get, registry } = await start(t, {}, { basePath: '/plain//' });
  const headers = { host: 'reg.example.org' };
  const url = 'http://reg.example.org/plain';
  t.same((await get('/plain/things/a', { headers })).json(), { link: '/plain/x', url });
  t.same((await get('/short/a', { headers })).json(), { link: '/plain/x', url }, 'links begin with the first mount');
  t.same((await get('/second/things/a', { headers })).json(), {
    link: '/second/x',
    url: 'http://reg.example.org/second',
  });
  const plain = registry.getRegistry('plain') as Plain;
  t.same(plain.mountPoints(), [
    { prefix: '/plain' },
    { prefix: '/second' },
    { prefix: '/short', alias: { home: '/plain', folder: '/things' } },
  ]);
  t.equal(plain.urlAt('https://a.example.org//'), 'https://a.example.org/plain');
  t.same(registry.clientSetups('https://a.example.org'), [
    { protocol: 'plain', url: 'https://a.example.org/plain', lines: [], mounts: ['/plain', '/second'] },
  ]);
  const named = await start(t, {}, { registryUrl: 'https://Other.example.org:443/p/' });
  t.same((await named.get('/plain/things/a', { headers })).json(), {
    link: 'https://other.example.org/p/x',
    url: 'https://other.example.org/p',
  });
  t.equal(named.registry.getRegistry('plain')?.urlAt('https://a'), 'https://Other.example.org:443/p/');
});

t.test('what a row may ask of its caller', async (t) => {
  const { get, as, registry } = await start(t, { auth: { ...auth, anonymousScopes: ['plain:thing:open:read'] } });
  const ann = await as();
  const status = async (path: string, headers = {}) => (await get(path, { headers })).status;
  t.equal(await status('/plain/user'), 401);
  t.equal(await status('/plain/anyone'), 401);
  t.equal(await status('/plain/user', ann), 200);
  t.equal(await status('/plain/anyone', ann), 200);
  const { token } = await registry.getAuthManager().issueSessionToken(null, 'plain', { scopes: [], expiresIn: 60 });
  const nobody = { Authorization: `Bearer ${token}` };
  t.equal(await status('/plain/user', nobody), 401, 'a token of nobody');
  t.same((await get('/plain/anyone', { headers: nobody })).json(), { userId: 'nobody' });
  t.equal(await status('/plain/list'), 200);
  t.equal(await status('/plain/list/written'), 401);
  t.equal(await status('/plain/list/written', ann), 200, 'a known user gets an empty list');
  t.equal(await status('/plain/own', { Authorization: 'Bearer wrong' }), 200, 'public');
  t.equal(await status('/plain/list', { Authorization: 'Bearer wrong' }), 401);
  const refused = await get('/plain/things/b', { headers: ann });
  t.match(refused, { status: 403, text: /does not allow read on thing b/ });
});

t.test('a registry says nothing of itself if nobody has written it', async (t) => {
  const { registry } = await start(t);
  const plain = registry.getRegistry('plain') as Plain;
  t.same([plain.clientSetup('x'), plain.listings(), plain.chores(), plain.importer()], [[], [], [], undefined]);
  t.equal(await plain.sweepOrphans(), 0);
  await t.rejects(plain.runCommand('sing', { operands: [], options: {}, print() {} }), {
    kind: 'unsupported',
    message: 'plain has no command "sing"',
  } as never);
  const stopped = new Error('stopped');
  await t.rejects(plain.collectGarbage({ signal: AbortSignal.abort(stopped) }), stopped);
});

/** A protocol of packages, as far as its upkeep goes. */
class Packages extends PackageRegistry<object> {
  public readonly protocol = 'packages';
  public since: Date[] = [];
  public swept: Record<string, unknown>[] = [];

  protected routes = () => [];
  protected renderError = ({ status, message }: RegistryError) => respond(status, message);

  protected upkeep(): IPackageUpkeep<object> {
    const reconcile = async (since: Date) => this.since.push(since);
    const catalog = { rebuild: async () => 5, reconcile };
    return { catalog, sweep: { mine: 7 } as never, packages: 'boxes', artifacts: 'lids' };
  }
}

t.test('the upkeep of a protocol of packages', async (t) => {
  const now = new Date('2026-01-10T00:00:00Z');
  let swept: Record<string, unknown>[] = [];
  const storage = {
    now: () => now,
    sweepPackages: async (options: { onOrphan?: (key: string, size: number) => void }) => {
      swept.push(options);
      for (const size of [10, 20, 30]) options.onOrphan?.('key', size);
      return 3;
    },
  };
  const packages = new Packages({ storage } as unknown as IRegistryServices, { enabled: true });
  t.equal(await packages.listings()[0]?.rebuild(), 5);
  const [chore, ...others] = packages.chores() as [IChore];
  t.same(others, []);
  t.match(chore, { name: 'Listing boxes whose listing was missed', everyMs: 86_400_000 });
  t.same(await chore.work({ signal: new AbortController().signal }), { boxes: 1 });
  t.same(packages.since, [new Date('2026-01-08T00:00:00Z')], 'two days, so that one run may fail');
  t.equal(await packages.sweepOrphans({ olderThanMs: 5 }), 3);
  t.match(swept, [{ mine: 7, olderThanMs: 5 }]);
  swept = [];
  const progress: unknown[] = [];
  const { signal } = new AbortController();
  const report = await packages.collectGarbage({
    graceMs: 9,
    dryRun: true,
    signal,
    onProgress: (one) => void progress.push(one),
  });
  t.same(report, { protocol: 'packages', removed: { lids: 3 }, bytes: 60 });
  t.match(swept, [{ mine: 7, olderThanMs: 9, dryRun: true, signal }]);
  t.same(progress, [
    { protocol: 'packages', phase: 'lids', done: 1 },
    { protocol: 'packages', phase: 'lids', done: 2 },
    { protocol: 'packages', phase: 'lids', done: 3 },
  ]);
  swept = [];
  await packages.collectGarbage();
  t.notOk('olderThanMs' in (swept[0] as object), 'without a word the sweep has its own age');
  swept = [];
  const stopped = new Error('stopped');
  await t.rejects(packages.collectGarbage({ signal: AbortSignal.abort(stopped) }), stopped);
  t.same(swept, []);
  const late = new AbortController();
  storage.sweepPackages = async () => {
    late.abort(stopped);
    return 0;
  };
  await t.rejects(packages.collectGarbage({ signal: late.signal }), stopped, 'also behind the last step');
});

t.test('the chores of a registry', async (t) => {
  const { add } = Housekeeper.prototype;
  const choresOf = async (config: Partial<IRegistryConfig>) => {
    const chores: IChore[] = [];
    Housekeeper.prototype.add = (chore) => void chores.push(chore);
    try {
      return { registry: await startRegistry(t, config), chores };
    } finally {
      Housekeeper.prototype.add = add;
    }
  };
  const objectStore = new MemoryObjectStore();
  const swept: unknown[] = [];
  const create = (...args: Parameters<typeof shelf.create>) =>
    Object.assign(shelf.create(...args), {
      sweepOrphans: async (options: object) => swept.push(options),
      chores: () => [{ name: 'Dusting', everyMs: 5, work: async () => undefined }],
    });
  const { registry, chores } = await choresOf({ storage: { objectStore }, registries: [{ ...shelf, create }], auth });
  t.match(chores, [
    { name: 'Sweeping unfinished uploads', everyMs: 3_600_000 },
    { name: 'Sweeping expired tokens', everyMs: 86_400_000, perProcess: true },
    { name: 'Sweeping artifacts that no document names', everyMs: 86_400_000 },
    { name: 'shelf: Dusting', everyMs: 5 },
  ]);
  t.equal(chores.length, 4);
  const { signal } = new AbortController();
  const [uploads, tokens, orphans] = chores as [IChore, IChore, IChore];
  t.type(await uploads.work({ signal }), 'object');
  await registry.getAuthManager().createToken('ann', 'shelf', { expiresIn: 1e-9 });
  await new Promise((resolve) => setTimeout(resolve, 2));
  t.same(await tokens.work({ signal }), { expired: 1 });
  t.same(await orphans.work({ signal }), { orphans: 1 });
  t.match(swept, [{ signal }]);
  await t.rejects(orphans.work({ signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
  const shared = await choresOf({
    storage: { objectStore: new MemoryObjectStore() },
    auth: { ...auth, tokenStore: 'bucket' },
  });
  t.equal(shared.chores[1]?.perProcess, false, 'of tokens in a store one process takes its turn');
});

t.test('a start that failed may be tried again, and leaves nothing behind', async (t) => {
  const objectStore = new MemoryObjectStore();
  let failing = true;
  let destroyed = 0;
  const create = (...args: Parameters<typeof shelf.create>) =>
    Object.assign(shelf.create(...args), {
      init: async () => {
        if (failing) throw new RegistryError('unavailable', 'not yet');
      },
      destroy: async () => void destroyed++,
    });
  const registry = new SmartRegistry({
    storage: { objectStore },
    auth,
    registries: [{ ...shelf, create }],
    logger: false,
  });
  t.equal(await registry.checkHealth(), false, 'not before the start');
  await t.rejects(registry.init(), ofKind('unavailable'));
  t.equal(destroyed, 1);
  t.equal(registry.isInitialized(), false);
  t.same(registry.protocols(), []);
  t.equal(registry.handles('/shelf/a'), false);
  await t.rejects(registry.collectGarbage(), /init\(\)/);
  t.throws(() => registry.getAuthManager(), /init\(\)/);
  failing = false;
  await registry.init();
  t.equal((await send(registry, 'GET', '/shelf/about')).status, 200);
  await registry.destroy();
  t.equal(destroyed, 2);
  t.equal(await registry.checkHealth(), false);
  await t.rejects(registry.init(), /was destroyed/);
  t.throws(() => registry.getStorage(), /was destroyed/);
});

t.test('protocols that are off, and paths below no mount', async (t) => {
  const off = { ...shelf, enabled: false };
  const trace: Record<string, unknown> = {};
  const registry = await startRegistry(t, { registries: [off], npm: { enabled: false }, auth });
  t.same(registry.protocols(), []);
  t.equal(registry.trustProxy, false);
  const lost = await send(registry, 'GET', '/shelf/about', { trace });
  t.match(lost, { status: 404, text: '{"error":"No registry is mounted at this path"}' });
  t.same(trace, { refusal: 'No registry is mounted at this path' });
  const head = await send(registry, 'head', '/nowhere');
  t.match(head, { status: 404, text: '' });
  t.match(await send(registry, 'GET', '/x', { prefix: '/a b/' }), { status: 400, text: /prefix of the request/ });
  t.equal((await send(registry, 'GET', '/x', { prefix: '/a//' })).status, 404, 'slashes at its end do not matter');
});
