import { randomUUID } from 'node:crypto';
import t from 'tap';
import type {
  IAuthProvider,
  IAuthToken,
  ICredentials,
  ITokenInfo,
  ITokenOptions,
  TRegistryProtocol,
} from '../../../ts/index.js';
import { failure, startAuth } from '../../support/auth.js';
import { ofKind } from '../../support/expect.js';
import { send, startRegistry } from '../../support/registry.js';
import { shelf } from '../../support/shelf.js';

interface ISession extends ITokenOptions {
  userId: string;
  protocol: TRegistryProtocol;
}

/** The LDAP provider of the readme, with a directory and sessions in memory. */
class LdapAuthProvider implements IAuthProvider {
  public isConnected = false;
  public readonly sessionStore = new Map<string, ISession>();
  private readonly ldapClient = {
    passwords: new Map([['ann', 'correct horse']]),
    bind: async (name: string, password: string) => ({ success: this.ldapClient.passwords.get(name) === password }),
  };

  public async init() {
    this.isConnected = true;
  }

  public async authenticate(credentials: ICredentials) {
    const result = await this.ldapClient.bind(credentials.username, credentials.password);
    return result.success ? credentials.username : null;
  }

  public async validateToken(token: string, _protocol?: TRegistryProtocol): Promise<IAuthToken | null> {
    const session = this.sessionStore.get(token);
    // the readme's example hands on what the session has, which is no scopes for a token that was made without
    return session ? { userId: session.userId, scopes: session.scopes as string[] } : null;
  }

  public async createToken(userId: string, protocol: TRegistryProtocol, options?: ITokenOptions) {
    const token = randomUUID();
    this.sessionStore.set(token, { userId, protocol, ...options });
    return token;
  }

  public async revokeToken(token: string) {
    this.sessionStore.delete(token);
  }

  public async authorize(token: IAuthToken | null, resource: string, action: string) {
    if (!token) return action === 'read';
    return this.checkPermissions(token.userId, resource, action);
  }

  private checkPermissions(userId: string, resource: string, action: string): boolean {
    return userId === 'ann' && (action === 'read' || resource.split(':')[2]?.startsWith('ann-') === true);
  }
}

t.test('the provider is asked for everything', async (t) => {
  const provider = new LdapAuthProvider();
  const { auth, store } = await startAuth({ provider, config: { anonymousScopes: [] } });
  t.ok(provider.isConnected);
  t.equal(auth.provider, provider);
  t.equal(await auth.authenticate({ username: 'ann', password: 'correct horse' }), 'ann');
  t.equal(await auth.authenticate({ username: 'ann', password: 'wrong' }), null);

  const secret = await auth.createNpmToken('ann', true);
  t.same(provider.sessionStore.get(secret), { userId: 'ann', protocol: 'npm', readonly: true });
  const token = await auth.validateToken(secret, 'npm');
  t.same(token, { type: 'npm', userId: 'ann', scopes: ['npm:*:*:*'] });
  t.ok(await auth.authorize(token, 'npm:package:ann-tools', 'write'));
  t.notOk(await auth.authorize(token, 'npm:package:tools', 'write'));
  t.notOk(await auth.authorize(token, 'pypi:package:ann-tools', 'write'), 'it was validated for npm');

  t.ok(await auth.authorize(null, 'npm:package:x', 'read'), 'anonymousScopes is not applied: the provider decides');
  t.notOk(await auth.authorize(null, 'npm:package:x', 'pull'));
  t.notOk(await auth.authorize(null, 'npm:package:x', 'write'));
  t.ok(await auth.holdsSome(null, 'npm', 'package', 'read'));
  t.notOk(await auth.holdsSome(null, 'npm', 'package', 'write'));
  t.ok(
    await auth.holdsSome(token, 'npm', 'package', 'write'),
    'perhaps: the provider is asked again when the name is known',
  );
  const names = ['ann-a', 'b', 'ann-c'];
  t.same(await auth.allowedNames(token, { protocol: 'npm', type: 'package', action: 'write' }, names), [
    'ann-a',
    'ann-c',
  ]);
  t.same(await auth.allowedNames(null, { protocol: 'npm', type: 'package', action: 'read' }, names), names);

  t.match(await auth.validateCredential({ kind: 'basic', username: 'x', password: secret }, 'npm'), { userId: 'ann' });
  t.match(await auth.validateCredential({ kind: 'basic', username: 'ann', password: 'correct horse' }, 'pypi'), {
    userId: 'ann',
    type: 'pypi',
  });
  await auth.revokeToken(secret);
  t.equal(await auth.validateToken(secret, 'npm'), null);

  const options = { scopes: ['pypi:package:x:read'], expiresIn: 60, name: 'ci' };
  const limited = await auth.createToken('ann', 'pypi', options);
  t.same(provider.sessionStore.get(limited), { userId: 'ann', protocol: 'pypi', ...options });
  t.equal(await auth.revokeTokenOf('bob', limited), false);
  t.equal(await auth.revokeTokenOf('ann', limited), true);
  t.same(store.keys(), [], 'nothing of it is in the registry’s own store');
});

t.test('a user revokes a token by the id under which the provider lists it', async (t) => {
  class Listing extends LdapAuthProvider {
    public readonly revoked: string[] = [];

    public async listTokens(userId: string): Promise<ITokenInfo[]> {
      const rest = { protocol: 'npm', hint: '', scopes: [], readonly: false, createdAt: new Date(0) };
      return userId === 'ann' ? [{ id: 'number 7', userId, ...rest }] : [];
    }

    public override async revokeToken(token: string): Promise<void> {
      this.revoked.push(token);
    }
  }
  const provider = new Listing();
  const { auth } = await startAuth({ provider });
  t.equal(await auth.revokeTokenOf('bob', 'number 7'), false);
  t.equal(await auth.revokeTokenOf('ann', 'number 8'), false);
  t.same(provider.revoked, []);
  t.equal(await auth.revokeTokenOf('ann', 'number 7'), true);
  t.same(provider.revoked, ['number 7']);
});

t.test('what such a provider does not do is refused clearly', async (t) => {
  const { auth } = await startAuth({ provider: new LdapAuthProvider() });
  t.throws(() => auth.users, ofKind('unsupported'));
  t.equal(await failure(auth.listTokens('ann')), 'unsupported');
  t.equal(await failure(auth.listTokens()), 'unsupported');
  t.equal(await failure(auth.findTokenIds('aaaaaaaa', 2)), 'unsupported');
  t.equal(await failure(auth.register({ username: 'eve', password: 'x' })), 'forbidden');
  t.same(await auth.getUser('ann'), { userId: 'ann' });
});

t.test('what holds for every provider', async (t) => {
  const provider = new LdapAuthProvider();
  const known: Record<string, IAuthToken> = {
    readonly: { userId: 'ann', scopes: ['npm:*:*:*'], readonly: true },
    expired: { userId: 'ann', scopes: ['npm:*:*:*'], expiresAt: new Date(0) },
    pypi: { type: 'pypi', userId: 'ann', scopes: [] },
  };
  provider.validateToken = async (token) => known[token] ?? null;
  const { auth } = await startAuth({ provider });
  const token = await auth.validateToken('readonly', 'npm');
  t.ok(await auth.authorize(token, 'npm:package:ann-x', 'read'));
  t.notOk(await auth.authorize(token, 'npm:package:ann-x', 'write'), 'read-only');
  t.equal(await auth.validateToken('expired', 'npm'), null);
  t.equal(await auth.validateToken('pypi', 'npm'), null);
  t.equal(await auth.validateToken('pypi', 'pypi'), known.pypi, 'a complete token is handed on as it is');
});

t.test('the registry with it', async (t) => {
  const registry = await startRegistry(t, { registries: [shelf], authProvider: new LdapAuthProvider() });
  const headers = { Authorization: `Bearer ${await registry.getAuthManager().createToken('ann', 'shelf')}` };
  t.equal((await send(registry, 'PUT', '/shelf/ann-a/x', { headers, body: 'hello' })).status, 201);
  t.equal((await send(registry, 'PUT', '/shelf/b/x', { headers, body: 'hello' })).status, 403);
  t.equal((await send(registry, 'PUT', '/shelf/ann-a/y', { body: 'hello' })).status, 401);
  t.equal((await send(registry, 'GET', '/shelf/ann-a/x')).text, 'hello');
});
