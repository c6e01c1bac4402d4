import t, { type Test } from 'tap';
import {
  BaseRegistry,
  type IAuthProvider,
  type IProtocolConfig,
  type IRegistryServices,
  type IResponse,
  type IRoute,
  type RegistryCall,
  type RegistryError,
  respond,
  type SmartRegistry,
} from '../../../ts/index.js';
import { send, startRegistry } from '../../support/registry.js';

/** Notes that are written and read by name; the names are a secret if `isSecretive`. */
class NoteRegistry extends BaseRegistry {
  public readonly protocol = 'note';

  constructor(
    services: IRegistryServices,
    config: IProtocolConfig,
    private readonly isSecretive: boolean,
  ) {
    super(services, config);
  }

  protected override get hidesNames(): boolean {
    return this.isSecretive;
  }

  protected routes(): IRoute[] {
    const right = (action: string) => ({ type: 'note', action, name: 'name' });
    const one = { type: 'note', action: 'read', name: ({ name }: Record<string, string>) => `${name}`.toLowerCase() };
    return [
      { method: 'GET', path: '/{name}', access: one, handle: (call) => this.show(call) },
      {
        method: 'GET',
        path: '/{name}/later',
        access: { type: 'note', listing: true },
        handle: (call) => this.late(call),
      },
      { method: 'PUT', path: '/{name}', access: right('write'), handle: (call) => this.write(call) },
      { method: 'DELETE', path: '/{name}', access: right('delete'), handle: async () => ({}) },
    ];
  }

  protected renderError(error: RegistryError): IResponse {
    return respond(error.status, { problem: error.message });
  }

  private async show(call: RegistryCall): Promise<IResponse> {
    const render = (body: object) => ({ body, contentType: 'application/json' });
    const key = `notes/${(call.params.name as string).toLowerCase()}.json`;
    const shown = await call.serveDocument<object>(key, { variant: '', render });
    if (!shown) throw call.absent();
    return shown;
  }

  private async late(call: RegistryCall): Promise<object> {
    await call.authorize(call.params.name as string, { action: 'read' });
    return {};
  }

  private async write(call: RegistryCall): Promise<object> {
    await call.storage.update(`notes/${call.params.name}.json`, () => ({ text: 'a secret' }));
    return {};
  }
}

const start = async (
  t: Test,
  more: { isSecretive?: boolean; anonymousScopes?: string[]; authProvider?: IAuthProvider } = {},
): Promise<SmartRegistry> => {
  const { isSecretive = true, anonymousScopes = [], authProvider } = more;
  const registry = await startRegistry(t, {
    auth: {
      jwtSecret: 'a-secret-of-the-tests',
      tokenStore: 'memory',
      anonymousScopes,
      users: [{ username: 'ann', password: 'correct horse' }],
    },
    authProvider,
    registries: [
      {
        protocol: 'note',
        basePath: '/note',
        create: (services, config) => new NoteRegistry(services, config, isSecretive),
      },
    ],
  });
  await registry.getStorage().update('notes/open.json', () => ({ text: 'open' }));
  await registry.getStorage().update('notes/hidden.json', () => ({ text: 'a secret' }));
  return registry;
};

const callerWith = async (registry: SmartRegistry, scopes: string[]) => ({
  headers: { Authorization: `Bearer ${await registry.getAuthManager().createToken('ann', 'note', { scopes })}` },
});

/** All that a caller sees of an answer, without the name itself. */
const seen = async (attempt: ReturnType<typeof send>, name: string) => {
  const { status, headers, text } = await attempt;
  return { status, headers, text: text.replaceAll(name, 'NAME') };
};

t.test('a name that a caller must not read looks like one that is not there', async (t) => {
  const registry = await start(t);
  const reader = await callerWith(registry, ['note:note:open:read']);
  t.equal((await send(registry, 'GET', '/note/open', reader)).status, 200, 'what the caller may read');
  for (const method of ['GET', 'HEAD']) {
    const hidden = await seen(send(registry, method, '/note/hidden', reader), 'hidden');
    t.equal(hidden.status, 404, method);
    t.notOk('WWW-Authenticate' in hidden.headers, 'nothing asks for other credentials');
    t.same(await seen(send(registry, method, '/note/absent', reader), 'absent'), hidden, 'a name that is not there');
  }
  const admin = await callerWith(registry, ['note:*:*:*']);
  t.equal((await send(registry, 'GET', '/note/hidden', admin)).status, 200, 'another caller may read it');
  // the answer to somebody with every right is the one to compare with: nothing hides from this caller
  t.same(
    await seen(send(registry, 'GET', '/note/absent', admin), 'absent'),
    await seen(send(registry, 'GET', '/note/hidden', reader), 'hidden'),
  );
});

t.test('the name in the answer is the one that the route has made of the path', async (t) => {
  const registry = await start(t);
  const reader = await callerWith(registry, ['note:note:open:read']);
  const admin = await callerWith(registry, ['note:*:*:*']);
  const hidden = await send(registry, 'GET', '/note/HIDDEN', reader);
  t.same(hidden.json(), { problem: 'hidden is not in this registry' });
  const absent = await send(registry, 'GET', '/note/ABSENT', admin);
  t.same(absent.json(), { problem: 'absent is not in this registry' });
});

t.test('a name that the handler asks about is hidden too', async (t) => {
  const registry = await start(t);
  const reader = await callerWith(registry, ['note:note:open:read']);
  t.equal((await send(registry, 'GET', '/note/open/later', reader)).status, 200);
  t.equal((await send(registry, 'GET', '/note/hidden/later', reader)).status, 404);
});

t.test('a caller that may read nothing is asked for credentials, or refused', async (t) => {
  const registry = await start(t);
  const nobody = await send(registry, 'GET', '/note/hidden');
  t.equal(nobody.status, 401, 'without credentials');
  t.equal(nobody.headers['WWW-Authenticate'], 'Basic realm="note"');
  const wrong = await send(registry, 'GET', '/note/hidden', { headers: { Authorization: 'Bearer wrong' } });
  t.equal(wrong.status, 401, 'with credentials that are not valid');
  const writer = await callerWith(registry, ['note:note:*:write']);
  t.equal((await send(registry, 'GET', '/note/hidden', writer)).status, 403, 'without any right to read');
  const other = await callerWith(registry, ['note:other:*:read']);
  t.equal((await send(registry, 'GET', '/note/hidden', other)).status, 403, 'with rights of another type');
});

t.test('names are hidden from an anonymous caller that may read others', async (t) => {
  const registry = await start(t, { anonymousScopes: ['note:note:open:read'] });
  t.equal((await send(registry, 'GET', '/note/open')).status, 200);
  t.equal((await send(registry, 'GET', '/note/hidden')).status, 404);
});

t.test('writes and deletes are refused as everywhere, whether the name exists or not', async (t) => {
  const registry = await start(t);
  const reader = await callerWith(registry, ['note:note:open:read', 'note:note:open:write']);
  for (const method of ['PUT', 'DELETE']) {
    const [hidden, absent] = [
      await seen(send(registry, method, '/note/hidden', reader), 'hidden'),
      await seen(send(registry, method, '/note/absent', reader), 'absent'),
    ];
    t.equal(hidden.status, 403, method);
    t.same(absent, hidden);
    t.equal((await send(registry, method, '/note/hidden')).status, 401, `${method} of an anonymous caller`);
  }
});

t.test('without the property a name that must not be read is refused', async (t) => {
  const registry = await start(t, { isSecretive: false });
  const reader = await callerWith(registry, ['note:note:open:read']);
  t.equal((await send(registry, 'GET', '/note/hidden', reader)).status, 403);
  t.equal((await send(registry, 'GET', '/note/absent', reader)).status, 403);
});

t.test('a provider that decides name by name hides names from users, not from strangers', async (t) => {
  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async (token) => (token === 'of-ann' ? { userId: 'ann', scopes: [] } : null),
    createToken: async () => 'of-ann',
    revokeToken: async () => undefined,
    authorize: async (token, resource, action) => token !== null && resource === 'note:note:open' && action === 'read',
  };
  const registry = await start(t, { authProvider });
  const ann = { headers: { Authorization: 'Bearer of-ann' } };
  t.equal((await send(registry, 'GET', '/note/open', ann)).status, 200);
  t.equal((await send(registry, 'GET', '/note/hidden', ann)).status, 404);
  t.equal((await send(registry, 'GET', '/note/hidden')).status, 401);
});
