import t from 'tap';
import {
  CargoActor as Actor,
  type CargoActor,
  cargoWorld,
  details,
  PASSWORD,
  publishes,
} from '../support/cargo/actors.js';

const config = async (actor: CargoActor) => (await actor.get('/config.json')).json();

t.test('where everybody may read everything, cargo needs no token to read', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const open = { dl: 'http://cargo.example.org/cargo/api/v1/crates', api: 'http://cargo.example.org/cargo' };
  t.same(await config(anon), open);
  t.same(await config(writer), open, 'the same with a token');
});

t.test('the URLs in config.json are those that the caller uses', async (t) => {
  const { registry } = await cargoWorld(t, { trustProxy: true });
  const proxied = await registry.handleRequest({
    method: 'GET',
    path: '/cargo/config.json',
    prefix: '/packages',
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'crates.example.org:8443' },
    query: {},
  });
  const { dl, api } = (await new Response(proxied.body).json()) as { dl: string; api: string };
  t.same(
    [dl, api],
    ['https://crates.example.org:8443/packages/cargo/api/v1/crates', 'https://crates.example.org:8443/packages/cargo'],
  );
  const { anon } = await cargoWorld(t, { cargo: { enabled: true, registryUrl: 'https://crates.example.org/c/' } });
  t.same(await config(anon), { dl: 'https://crates.example.org/c/api/v1/crates', api: 'https://crates.example.org/c' });
});

for (const anonymousScopes of [[], ['cargo:crate:open-*:read'], ['npm:*:*:read']]) {
  t.test(`a registry with the anonymous scopes [${anonymousScopes}] makes cargo send its token`, async (t) => {
    const { anon, reader, writer, registry } = await cargoWorld(t, { auth: { anonymousScopes } });
    const refused = await anon.get('/config.json');
    t.equal(refused.status, 401, 'after any other status cargo does not try with the token');
    t.equal(refused.headers['WWW-Authenticate'], 'Cargo login_url="http://cargo.example.org/cargo/me"');
    t.same(details(refused), ['Authentication is required']);
    t.equal((await new Actor(registry, 'wrong').get('/config.json')).status, 401);
    for (const actor of [reader, writer]) t.equal((await config(actor))['auth-required'], true);
    t.equal((await anon.get('/me')).status, 200, 'the page that the challenge names is for everybody');
  });
}

t.test('a provider that decides name by name is asked whether everybody may read everything', async (t) => {
  for (const isOpen of [true, false]) {
    const { registry } = await cargoWorld(t, {
      authProvider: {
        authenticate: async () => null,
        validateToken: async (token) => (token === 'good' ? { userId: 'ann', scopes: [] } : null),
        createToken: async () => 'good',
        revokeToken: async () => undefined,
        authorize: async (token) => isOpen || token !== null,
      },
    });
    t.equal((await new Actor(registry).get('/config.json')).status, isOpen ? 200 : 401);
    const { 'auth-required': required } = await config(new Actor(registry, 'good'));
    t.equal(required, isOpen ? undefined : true);
  }
});

t.test('who may do what', async (t) => {
  const { registry, anon, writer, reader, admin } = await cargoWorld(t, { auth: { anonymousScopes: [] } });
  await publishes(t, writer, 'fyk', '1.0.0');
  const auth = registry.getAuthManager();
  const bob = new Actor(registry, await auth.createCargoToken('bob'));
  const npm = new Actor(registry, await auth.createNpmToken('root'));
  const basic = `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`;
  const rows: [string, (actor: CargoActor) => Promise<{ status: number }>, Record<string, number>][] = [
    ['index', (who) => who.get('/3/f/fyk'), { anon: 401, npm: 401, bob: 404, reader: 200, writer: 200, admin: 200 }],
    ['no index', (who) => who.get('/3/x/xxx'), { anon: 401, npm: 401, bob: 404, reader: 404, writer: 404 }],
    ['download', (who) => who.download('fyk', '1.0.0'), { anon: 401, npm: 401, bob: 404, reader: 200, writer: 200 }],
    ['owners', (who) => who.get('/api/v1/crates/fyk/owners'), { anon: 401, npm: 401, bob: 404, reader: 200 }],
    ['readme', (who) => who.get('/api/v1/crates/fyk/1.0.0/readme'), { anon: 401, npm: 401, bob: 404, reader: 404 }],
    ['search', (who) => who.get('/api/v1/crates?q=fyk'), { anon: 401, npm: 401, bob: 200, reader: 200, writer: 200 }],
    ['yank', (who) => who.yank('fyk', '1.0.0'), { anon: 401, npm: 401, bob: 403, reader: 403, writer: 200 }],
    ['unyank', (who) => who.unyank('fyk', '1.0.0'), { anon: 401, npm: 401, bob: 403, reader: 403, writer: 200 }],
    ['publish', (who) => who.publish('fyk', '1.0.0'), { anon: 401, npm: 401, bob: 403, reader: 403, writer: 409 }],
  ];
  const actors: Record<string, CargoActor> = { anon, npm, bob, reader, writer, admin };
  for (const [what, act, statuses] of rows) {
    for (const [who, status] of Object.entries(statuses)) {
      const answer = await act(actors[who] as CargoActor);
      t.equal(answer.status, status, `${what} by ${who}`);
    }
  }
  t.same((await bob.get('/api/v1/crates?q=fyk')).json(), { crates: [], meta: { total: 0 } });
  t.equal((await bob.publish('bob-tool', '1.0.0')).status, 200);
  const withPassword = await anon.get('/3/f/fyk', { authorization: basic });
  t.equal(withPassword.status, 200, 'user and password');
  const bearer = await anon.get('/3/f/fyk', { authorization: `Bearer ${writer.token}` });
  t.equal(bearer.status, 200, 'Bearer');
  const asPassword = `Basic ${Buffer.from(`__token__:${writer.token}`).toString('base64')}`;
  t.equal((await anon.get('/3/f/fyk', { authorization: asPassword })).status, 200, 'the token as a password');
});

t.test('a hidden crate and an absent one are the same answer', async (t) => {
  const { registry, writer } = await cargoWorld(t, { auth: { anonymousScopes: [] } });
  await publishes(t, writer, 'secret', '1.0.0');
  const bob = new Actor(registry, await registry.getAuthManager().createCargoToken('bob'));
  const tells = async (path: string) => {
    const { status, text } = await bob.get(path);
    return [status, text.replaceAll('secrex', 'secret')];
  };
  for (const path of ['/se/cr/NAME', '/api/v1/crates/NAME/1.0.0/download', '/api/v1/crates/NAME/1.0.0/readme']) {
    t.same(await tells(path.replace('NAME', 'secret')), await tells(path.replace('NAME', 'secrex')), path);
  }
});

t.test('a token for one crate finds it although cargo asks for the other spelling first', async (t) => {
  const { writer, tokenOf } = await cargoWorld(t, { auth: { anonymousScopes: [] } });
  await publishes(t, writer, 'foo-bar', '1.0.0');
  const limited = await tokenOf({ scopes: ['cargo:crate:foo-bar:read'] });
  t.equal((await limited.get('/fo/o_/foo_bar')).status, 404, 'cargo stops at a 403');
  t.equal((await limited.get('/fo/o-/foo-bar')).status, 200);
});

t.test('scopes are for names in lower case', async (t) => {
  const { tokenOf, writer } = await cargoWorld(t);
  const limited = await tokenOf({ scopes: ['cargo:crate:my-lib:write', 'cargo:crate:my-lib:read'] });
  t.equal((await limited.publish('My-Lib', '1.0.0')).status, 200);
  t.equal((await limited.publish('other', '1.0.0')).status, 403);
  t.equal((await limited.yank('MY-LIB', '1.0.0')).status, 200);
  t.equal((await writer.index('/my/-l/my-lib')).length, 1);
});

t.test('a right to read is for the name in lower case too', async (t) => {
  const { writer, tokenOf } = await cargoWorld(t, { auth: { anonymousScopes: [] } });
  await publishes(t, writer, 'My-Lib', '1.0.0');
  const limited = await tokenOf({ scopes: ['cargo:crate:my-lib:read'] });
  for (const path of ['/my/-l/my-lib', '/api/v1/crates/My-Lib/1.0.0/download', '/api/v1/crates/MY-LIB/owners']) {
    t.equal((await limited.get(path)).status, 200, path);
  }
});

t.test('the page for people without a token, and the start page', async (t) => {
  const { anon, registry } = await cargoWorld(t);
  const page = await anon.get('/me');
  t.match(page.headers, { 'Content-Type': /^text\/plain/, 'Cache-Control': 'no-cache' });
  t.match(page.text, /smartregistry token create --user NAME --protocol cargo\n/);
  t.match(page.text, /cargo login --registry NAME\n\nThe index .*: sparse\+http:\/\/cargo\.example\.org\/cargo\/\n$/);
  t.equal((await anon.get('/config.json')).headers['Cache-Control'], 'no-cache');
  for (const url of ['https://x.example.org/cargo', 'https://x.example.org/cargo//']) {
    t.same(registry.getRegistry('cargo')?.clientSetup(url), [
      '# in .cargo/config.toml of the project, or (also for cargo install) of your home folder:',
      '[registries.my-registry]',
      'index = "sparse+https://x.example.org/cargo/"',
      'credential-provider = "cargo:token"',
      '# then:',
      'cargo login --registry my-registry',
    ]);
  }
});
