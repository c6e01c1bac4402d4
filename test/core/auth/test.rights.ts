import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { Permissions } from '../../../ts/core/auth/classes.permissions.js';
import { MemoryTokenStore } from '../../../ts/core/auth/tokenstores/classes.memorytokenstore.js';
import {
  DefaultAuthProvider,
  type IAuthProvider,
  type IAuthToken,
  type ICredentials,
  type IPermissions,
  type ITokenOptions,
  RegistryStorage,
  type SmartRegistry,
  type TRegistryProtocol,
} from '../../../ts/index.js';
import { failure, SECRET, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';
import { Actor as NpmActor } from '../../support/npm/actors.js';
import { basic, Actor as OciActor, PASSWORD } from '../../support/oci/actors.js';
import { image } from '../../support/oci/samples.js';
import { type IAnswer, send, startRegistry } from '../../support/registry.js';
import { shelf } from '../../support/shelf.js';

/** What ann may do; root may do everything, eve and strangers nothing. */
const ANN = [
  'npm:package:@team/*:read',
  'npm:package:@team/*:write',
  'oci:repository:team/*:pull',
  'oci:repository:team/*:push',
  'shelf:shelf:team-*:read',
  'shelf:shelf:team-*:write',
];
const rules: Record<string, Permissions> = {
  ann: new Permissions({ layers: [ANN], anybody: [] }),
  root: new Permissions({ layers: [['*:*:*:*']], anybody: [] }),
};
const nobody = new Permissions({ layers: [], anybody: [] });
const rulesFor = (token: IAuthToken | null): Permissions => rules[token?.userId ?? ''] ?? nobody;

const auth = { jwtSecret: SECRET, tokenStore: 'memory' } as const;
const usersWith = (scopes: (name: string) => string[]) =>
  ['ann', 'root', 'eve'].map((username) => ({ username, password: PASSWORD, scopes: scopes(username) }));

/** A provider with sessions of its own, which decides name by name. */
class Custom implements IAuthProvider {
  private readonly tokens = new Map<string, { userId: string; protocol: TRegistryProtocol; readonly?: boolean }>();

  public async authenticate({ username, password }: ICredentials) {
    return password === PASSWORD ? username : null;
  }

  public async validateToken(secret: string): Promise<IAuthToken | null> {
    const found = this.tokens.get(secret);
    if (!found) return null;
    const { protocol, ...rest } = found;
    return { ...rest, type: protocol, scopes: [`${protocol}:*:*:*`], tokenId: secret };
  }

  public async createToken(userId: string, protocol: TRegistryProtocol, { readonly }: ITokenOptions = {}) {
    const secret = randomUUID();
    this.tokens.set(secret, { userId, protocol, readonly });
    return secret;
  }

  public async revokeToken(secret: string) {
    this.tokens.delete(secret);
  }

  public async listTokens(user: string) {
    return [...this.tokens]
      .filter(([, { userId }]) => userId === user)
      .map(([id, { userId, protocol, readonly = false }]) => {
        return { id, userId, protocol, hint: '', scopes: [], readonly, createdAt: new Date() };
      });
  }

  public async authorize(token: IAuthToken | null, resource: string, action: string) {
    return rulesFor(token).allows(resource, action);
  }
}

/** The same, and it can also tell all rights of a caller at once. */
class CustomInBulk extends Custom {
  public async permissions(token: IAuthToken | null): Promise<IPermissions> {
    return rulesFor(token);
  }
}

/** Overrides only the decision, and has rights in bulk from a class that does not know of it. */
class DecidesAfterBulk extends CustomInBulk {
  public override async permissions(): Promise<IPermissions> {
    return rules.root as Permissions;
  }
}
class DecidesAgain extends DecidesAfterBulk {
  public override async authorize(token: IAuthToken | null, resource: string, action: string) {
    return super.authorize(token, resource, action);
  }
}

const optionsOf = () => {
  const storage = new RegistryStorage(new MemoryObjectStore());
  return { storage, tokens: new MemoryTokenStore(), now: () => new Date() };
};
/** whose users may do everything, and anybody may read, unless a subclass decides otherwise */
const generous = { ...auth, users: usersWith(() => ['*:*:*:*']) };

/** The default provider with another decision. */
class Stricter extends DefaultAuthProvider {
  public override async authorize(token: IAuthToken | null, resource: string, action: string) {
    return rulesFor(token).allows(resource, action) && super.authorize(token, resource, action);
  }
}

/** The default provider with other rights. */
class OtherRights extends DefaultAuthProvider {
  public override async permissions(token: IAuthToken | null): Promise<Permissions> {
    return new Permissions({
      layers: token ? [token.scopes, rulesOf(token)] : [],
      anybody: [],
      readonly: token?.readonly,
    });
  }
}
const rulesOf = ({ userId }: IAuthToken): string[] => (userId === 'ann' ? ANN : userId === 'root' ? ['*:*:*:*'] : []);

const assigned = (): IAuthProvider => {
  const provider = new DefaultAuthProvider(generous, optionsOf());
  const decide = provider.authorize.bind(provider);
  provider.authorize = async (token, resource, action) =>
    rulesFor(token).allows(resource, action) && decide(token, resource, action);
  return provider;
};

const shown = ({ status, text }: IAnswer, fields: (body: never) => unknown = () => undefined): string => {
  const seen = status === 200 ? fields(JSON.parse(text || '{}') as never) : undefined;
  return `${status} ${JSON.stringify(seen) ?? ''}`.trim();
};

type TOutcomes = Record<string, string>;
type TAsk = (name: string, answer: Promise<IAnswer>, fields?: (body: never) => unknown) => Promise<void>;

const askNpm = async (registry: SmartRegistry, who: string, secret: string | undefined, ask: TAsk): Promise<void> => {
  const npm = new NpmActor(registry, secret);
  for (const name of ['@team%2fa', 'secret', 'absent']) {
    await ask(`row: packument of ${name}`, npm.get(`/${name}`), ({ name }: { name: string }) => name);
    await ask(`row: dist-tag of ${name}`, npm.put(`/-/package/${name}/dist-tags/next`, '"1.0.0"'));
    await ask(`visibility of ${name}`, npm.get(`/-/package/${name}/visibility`), (body) => body);
  }
  const found = ({ objects, total }: { objects: { package: { name: string } }[]; total: number }) => [
    ...objects.map((object) => object.package.name),
    total,
  ];
  await ask('search', npm.get('/-/v1/search?text='), found);
  await ask('listing', npm.get('/-/user/root/package'), (body) => body);
  await ask('npm token list', npm.get('/-/npm/v1/tokens'), ({ total }: { total: number }) => total);
  const body = { password: PASSWORD, readonly: false };
  let made: { key?: string } = {};
  await ask('npm token create', npm.post('/-/npm/v1/tokens', body), (token: { key: string }) => {
    made = token;
    return typeof token.key;
  });
  await ask('npm token revoke', npm.delete(`/-/npm/v1/tokens/token/${made.key ?? 'none'}`));
  await ask('whoami', npm.get('/-/whoami'), (body) => body);
  for (const name of ['team-x', 'secret']) {
    const headers: Record<string, string> = who === 'nobody' ? {} : { authorization: basic(who) };
    await ask(`late: ${name}`, send(registry, 'POST', '/shelf/late', { headers, body: { shelf: name } }), (b) => b);
  }
};

const askOci = async (registry: SmartRegistry, credential: string | undefined, ask: TAsk): Promise<void> => {
  const first = new OciActor(registry, credential);
  const scope = 'repository:team/a:pull,push,delete repository:secret:pull registry:catalog:*';
  let jwt: string | undefined;
  await ask('OCI token', first.get(`/token?scope=${encodeURIComponent(scope)}`), ({ token }: { token: string }) => {
    jwt = token;
    return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).access;
  });
  for (const [how, oci] of Object.entries({ direct: first, 'with a JWT': new OciActor(registry, `Bearer ${jwt}`) })) {
    for (const name of ['team/a', 'team/b', 'secret', 'absent'])
      await ask(`${how}, row: manifest of ${name}`, oci.get(`/${name}/manifests/v1`), () => 'there');
    const query = (from: string) => `/team/a/blobs/uploads/?mount=${picture.layers[0]!.digest}&from=${from}`;
    for (const from of ['team/b', 'secret']) await ask(`${how}, mount from ${from}`, oci.send('POST', query(from)));
    await ask(`${how}, row: delete`, oci.delete('/team/a/manifests/v1'));
    await ask(`${how}, catalog`, oci.get('/_catalog'), ({ repositories }: { repositories: string[] }) => repositories);
  }
};

const picture = image('what only the private repository has');

const outcomesOf = async (t: Test, more: object): Promise<TOutcomes> => {
  const registry = await startRegistry(t, {
    npm: { enabled: true },
    oci: { enabled: true },
    registries: [shelf],
    auth,
    ...more,
  });
  const manager = registry.getAuthManager();
  const npm = new NpmActor(registry, await manager.createNpmToken('root'));
  for (const name of ['@team/a', 'secret']) t.equal((await npm.publish(name, '1.0.0')).status, 201);
  const oci = new OciActor(registry, basic('root'));
  for (const name of ['secret', 'team/b']) t.equal((await oci.pushImage(name, 'v1', picture)).status, 201);
  t.equal((await oci.pushImage('team/a', 'v1', image('another'))).status, 201);
  const outcomes: TOutcomes = {};
  for (const who of ['ann', 'eve', 'nobody']) {
    const ask: TAsk = async (name, answer, fields) => {
      outcomes[`${who}: ${name}`] = shown(await answer, fields);
    };
    await askNpm(registry, who, who === 'nobody' ? undefined : await manager.createNpmToken(who), ask);
    await askOci(registry, who === 'nobody' ? undefined : basic(who), ask);
    // what was mounted is taken away again, for the next caller
    await oci.delete(`/team/a/blobs/${picture.layers[0]!.digest}`);
  }
  return outcomes;
};

t.test('the same decisions wherever rights are asked, whoever makes them', async (t) => {
  const scopes = (name: string) => rulesOf({ userId: name, scopes: [] });
  const expected = await outcomesOf(t, { auth: { ...auth, anonymousScopes: [], users: usersWith(scopes) } });
  t.match(expected, {
    'ann: row: packument of @team%2fa': '200 "@team/a"',
    'ann: row: packument of secret': '403',
    'ann: search': '200 ["@team/a",1]',
    'ann: listing': '200 {"@team/a":"write"}',
    'ann: npm token create': '200 "string"',
    'ann: late: team-x': '200 {"shelf":"team-x"}',
    'ann: late: secret': '403',
    'ann: OCI token':
      '200 [{"type":"repository","name":"team/a","actions":["pull","push"]},{"type":"registry","name":"catalog","actions":["*"]}]',
    'ann: direct, mount from team/b': '201',
    'ann: direct, mount from secret': '202',
    'ann: direct, row: manifest of team/b': '200 "there"',
    'ann: with a JWT, row: manifest of team/b': '401',
    'ann: with a JWT, catalog': '200 ["team/a","team/b"]',
    'nobody: search': '401',
    'nobody: OCI token': '200 []',
    'nobody: with a JWT, row: manifest of team/a': '401',
  });
  const providers: [string, () => IAuthProvider][] = [
    ['a subclass that overrides authorize()', () => new Stricter(generous, optionsOf())],
    ['a default provider whose authorize() is assigned', assigned],
    ['a subclass that overrides permissions()', () => new OtherRights(generous, optionsOf())],
    ['a provider of its own', () => new Custom()],
    ['a provider of its own with rights in bulk', () => new CustomInBulk()],
    ['one that overrides authorize() after permissions()', () => new DecidesAgain()],
  ];
  for (const [name, make] of providers) {
    await t.test(name, async (t) => {
      const found = await outcomesOf(t, { authProvider: make() });
      for (const [question, outcome] of Object.entries(expected)) t.equal(found[question], outcome, question);
    });
  }
});

/** Allows everything to everybody, an empty password too: an LDAP server does so (RFC 4513 section 5.1.2). */
const lenient = (tokens: Record<string, IAuthToken>): IAuthProvider & { asked: string[] } => {
  const asked: string[] = [];
  return {
    asked,
    authenticate: async ({ username, password }) => {
      asked.push(`${username} ${password}`);
      return username;
    },
    validateToken: async (secret) => tokens[secret] ?? null,
    createToken: async () => 'secret',
    revokeToken: async () => undefined,
    authorize: async () => true,
  };
};

t.test('a token’s own limits hold with a provider that allows everything', async (t) => {
  const soon = new Date(Date.UTC(2030, 0, 1) + 60_000);
  const tokens: Record<string, IAuthToken> = {
    reader: { type: 'oci', userId: 'ann', scopes: ['oci:*:*:*'], readonly: true },
    ending: { type: 'oci', userId: 'ann', scopes: ['oci:*:*:*'], expiresAt: soon },
    npm: { type: 'npm', userId: 'ann', scopes: ['npm:*:*:*'] },
  };
  const bulk = { permissions: async () => rules.root as Permissions };
  for (const [how, provider] of Object.entries({ byName: lenient(tokens), inBulk: { ...lenient(tokens), ...bulk } })) {
    const { auth, tokens: oci, clock } = await startAuth({ provider });
    const [reader, ending, npm] = [
      await auth.validateToken('reader', 'oci'),
      await auth.validateToken('ending', 'oci'),
      await auth.validateToken('npm', 'npm'),
    ];
    const issued = await oci.issue(reader, {
      scopes: ['oci:repository:x:pull', 'oci:repository:x:push'],
      catalog: false,
    });
    t.same(issued.scopes, ['oci:repository:x:pull'], `${how}: the JWT of a read-only token names pull only`);

    const right = (action: string) => ({ protocol: 'oci', type: 'repository', action });
    t.same(await auth.allowedNames(reader, right('pull'), ['a', 'b']), ['a', 'b'], how);
    t.same(await auth.allowedNames(reader, right('push'), ['a', 'b']), [], `${how}: read-only`);
    t.same(await auth.allowedNames(npm, right('pull'), ['a', 'b']), [], `${how}: a token of another protocol`);
    t.same(await auth.allowedNames(ending, right('pull'), ['a', 'b']), ['a', 'b'], how);
    t.equal(await auth.holdsSome(reader, 'oci', 'repository', 'pull'), true, how);
    t.equal(await auth.holdsSome(reader, 'oci', 'repository', 'push'), false, `${how}: read-only`);
    t.equal(await auth.holdsSome(npm, 'oci', 'repository', 'pull'), false, `${how}: of another protocol`);
    t.equal(await auth.holdsSome(ending, 'oci', 'repository', 'pull'), true, how);
    clock.forward(60);
    t.same(await auth.allowedNames(ending, right('pull'), ['a', 'b']), [], `${how}: it has expired since`);
    t.equal(await auth.holdsSome(ending, 'oci', 'repository', 'pull'), false, `${how}: it has expired since`);
    const late = await oci.issue(ending, { scopes: ['oci:repository:x:pull'], catalog: false });
    t.same(late.scopes, [], `${how}: it has expired since`);
  }
});

t.test('a session token limits also the rights in bulk of a custom provider', async (t) => {
  const { auth, tokens } = await startAuth({ provider: new CustomInBulk() });
  const caller = { type: 'oci', userId: 'root', scopes: ['oci:*:*:*'] };
  const { token } = await tokens.issue(caller, { scopes: ['oci:repository:a:pull'], catalog: false });
  const session = await auth.validateToken(token, 'oci');
  const right = { protocol: 'oci', type: 'repository', action: 'pull' };
  t.same(await auth.allowedNames(session, right, ['a', 'b']), ['a']);
  t.equal(await auth.holdsSome(session, 'oci', 'repository', 'push'), false);
  t.same((await auth.permissions(session))?.narrow(['oci:*:*:*']), ['oci:repository:a:pull']);
});

t.test(
  'a session token of an account is none for a provider of the application, and the other way round',
  async (t) => {
    const users = [{ username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] }];
    const own = await startAuth({ config: { users } });
    const custom = await startAuth({ provider: new Custom() });
    const caller = { type: 'oci', userId: 'root', scopes: ['oci:*:*:*'] };
    const issue = async ({ tokens }: typeof own) =>
      (await tokens.issue(caller, { scopes: ['oci:repository:a:pull'], catalog: false })).token;
    const [ofAccount, ofProvider] = [await issue(own), await issue(custom)];
    t.match(await own.auth.validateToken(ofAccount, 'oci'), { userId: 'root' });
    t.match(await custom.auth.validateToken(ofProvider, 'oci'), { userId: 'root' });
    t.equal(await custom.auth.validateToken(ofAccount, 'oci'), null);
    t.equal(await own.auth.validateToken(ofProvider, 'oci'), null);
  },
);

t.test('the bearer of a session token may do what anybody may, in bulk too', async (t) => {
  const { auth, tokens } = await startAuth({
    config: {
      users: [{ username: 'root', password: PASSWORD, scopes: ['*:*:*:*'] }],
      anonymousScopes: ['oci:repository:open-*:pull'],
    },
  });
  const caller = { type: 'oci', userId: 'root', scopes: ['oci:*:*:*'] };
  const { token } = await tokens.issue(caller, { scopes: ['oci:repository:a:pull'], catalog: false });
  const session = await auth.validateToken(token, 'oci');
  const right = { protocol: 'oci', type: 'repository', action: 'pull' };
  t.same(await auth.allowedNames(session, right, ['a', 'b', 'open-x']), ['a', 'open-x']);
  for (const [name, isAllowed] of [
    ['a', true],
    ['b', false],
    ['open-x', true],
  ] as const) {
    t.equal(await auth.authorize(session, `oci:repository:${name}`, 'pull'), isAllowed, name);
  }
});

t.test('an empty password is put to no provider', async (t) => {
  const provider = lenient({});
  const { auth } = await startAuth({ provider });
  t.equal(await auth.validateCredential({ kind: 'basic', username: 'ann', password: '' }, 'npm'), null);
  t.equal(await auth.verify({ kind: 'basic', username: 'ann', password: '' }, 'npm'), null);
  t.same(provider.asked, []);
  t.match(await auth.validateCredential({ kind: 'basic', username: 'ann', password: 'x' }, 'npm'), { userId: 'ann' });
  t.same(provider.asked, ['ann x']);
});

t.test('session tokens are for any protocol', async (t) => {
  const { auth, clock } = await startAuth({
    config: { users: [{ username: 'ann', password: 'pass', scopes: ['shelf:shelf:a:*'] }], anonymousScopes: [] },
  });
  const secret = await auth.createToken('ann', 'shelf', { expiresIn: 600 });
  const caller = await auth.validateToken(secret, 'shelf');
  const scopes = ['shelf:shelf:a:read', 'shelf:shelf:b:read'];
  const issued = await auth.issueSessionToken(caller, 'shelf', { scopes, expiresIn: 3600, claims: { mine: 'yes' } });
  t.match(issued, { scopes: ['shelf:shelf:a:read'], expiresIn: 600 });
  const session = await auth.validateToken(issued.token, 'shelf');
  t.match(session, { type: 'shelf', userId: 'ann', scopes: ['shelf:shelf:a:read'] });
  t.match(auth.sessionClaims(session!), { protocol: 'shelf', payload: { mine: 'yes', aud: 'smartregistry/shelf' } });
  t.equal(auth.sessionClaims(caller!), undefined);
  t.equal(await auth.validateToken(issued.token, 'oci'), null, 'and for that one only');
  t.ok(await auth.authorize(session, 'shelf:shelf:a', 'read'));
  t.notOk(await auth.authorize(session, 'shelf:shelf:a', 'write'), 'it allows what it names');
  const more = { scope: 'shelf:shelf:a:write', sub: 'root', exp: 4_102_444_800, aud: 'smartregistry/oci' };
  const bold = await auth.issueSessionToken(caller, 'shelf', { scopes, expiresIn: 60, claims: more });
  const claimed = await auth.validateToken(bold.token, 'shelf');
  t.match(claimed, { userId: 'ann', scopes: ['shelf:shelf:a:read'], expiresAt: new Date(clock.ms + 60_000) });
  t.notOk(await auth.authorize(claimed, 'shelf:shelf:a', 'write'), 'claims of a protocol give no right');
  const again = auth.issueSessionToken(session, 'shelf', { scopes, expiresIn: 60 });
  t.equal(await failure(again), 'forbidden');
  t.equal(await failure(auth.issueSessionToken(caller, 'shelf', { scopes: ['npm:*:*:*'], expiresIn: 60 })), 'invalid');
  await auth.revokeToken(secret);
  t.equal(await auth.validateToken(issued.token, 'shelf'), null, 'void with the token it was got with');
  clock.forward(1);
});

t.test('a token with few scopes lists, through a token of the endpoint, no more than itself', async (t) => {
  const authProvider = new (class extends DefaultAuthProvider {
    public override async authorize(token: IAuthToken | null, resource: string, action: string) {
      return super.authorize(token, resource, action);
    }
  })({ ...generous, anonymousScopes: [] }, optionsOf());
  const registry = await startRegistry(t, { oci: { enabled: true }, auth, authProvider });
  const root = new OciActor(registry, basic('root'));
  for (const name of ['team/a', 'secret']) t.equal((await root.pushImage(name, 'v1', image(name))).status, 201);
  const scopes = ['oci:repository:team/*:pull'];
  const robot = new OciActor(
    registry,
    basic('x', await registry.getAuthManager().createToken('root', 'oci', { scopes })),
  );
  const { token } = (await robot.get('/token?scope=registry:catalog:*')).json();
  for (const oci of [robot, new OciActor(registry, `Bearer ${token}`)]) {
    t.same((await oci.get('/_catalog')).json(), { repositories: ['team/a'] });
  }
});
