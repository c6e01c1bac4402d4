import t from 'tap';
import type { IStorageHookContext } from '../../../ts/index.js';
import {
  BaseRegistry,
  type IProtocolConfig,
  type IRegistryServices,
  type IRoute,
  type RegistryCall,
  respond,
} from '../../../ts/index.js';
import { send, startRegistry } from '../../support/registry.js';

/** A protocol whose author has never heard of hooks. */
class Plain extends BaseRegistry {
  public readonly protocol = 'plain';

  protected routes(): IRoute[] {
    const access = { type: 'thing', action: 'read', name: 'name' } as const;
    const ways: [string, (call: RegistryCall) => Promise<unknown>][] = [
      ['object', (call) => call.serveObject('plain/x')],
      ['exact', (call) => call.serveImmutable('plain/x', { etag: 'e' })],
      ['artifact', (call) => call.serveArtifact('plain/x', { etag: 'e', size: 7, listedBy: { key: 'k', etag: 'e' } })],
      [
        'document',
        (call) =>
          call.serveDocument('plain/x', { variant: 'v', render: (body: object) => ({ body, contentType: 'a/b' }) }),
      ],
    ];
    return ways.map(([way, handle]) => ({
      method: 'GET',
      path: `/{name}/${way}`,
      access,
      handle: async (call) => (await handle(call)) ?? respond(404, ''),
    }));
  }

  protected renderError = ({ status, message }: { status: number; message: string }) => respond(status, message);
}

const plain = {
  protocol: 'plain',
  basePath: '/plain',
  create: (services: IRegistryServices, config: IProtocolConfig) => new Plain(services, config),
};

t.test('get hooks run for whatever is served, and are told the name that the route was authorised for', async (t) => {
  const told: string[] = [];
  const tell = (hook: string, { key, metadata }: IStorageHookContext) =>
    told.push(`${hook} ${key} ${metadata?.packageName} ${metadata?.kind}`);
  let allowed = true;
  const registry = await startRegistry(t, {
    registries: [plain],
    storageHooks: {
      beforeGet: async (context) => {
        tell('before', context);
        return { allowed, reason: 'not today' };
      },
      afterGet: async (context) => void tell('after', context),
    },
  });
  await registry.getStorage().update('plain/x', () => ({ a: 1 }));
  for (const way of ['object', 'exact', 'artifact', 'document']) {
    const kind = way === 'document' ? 'document' : 'artifact';
    for (const headers of [{}, { 'if-none-match': '"y"' }, { range: 'bytes=0-0' }]) {
      const { status } = await send(registry, 'GET', `/plain/ann/${way}`, { headers });
      t.ok(status < 300, `${way}: ${status}`);
      t.same(told.splice(0), [`before plain/x ann ${kind}`, `after plain/x ann ${kind}`], way);
    }
    allowed = false;
    t.match(await send(registry, 'GET', `/plain/ann/${way}`), { status: 403, text: 'not today' }, way);
    t.match(await send(registry, 'HEAD', `/plain/ann/${way}`), { status: 403 }, way);
    told.length = 0;
    allowed = true;
  }
});
