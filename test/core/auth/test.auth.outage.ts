import t from 'tap';
import { PackageOwners } from '../../../ts/core/auth/classes.packageowners.js';
import type { IPutOptions } from '../../../ts/core/objectstore/interfaces.objectstore.js';
import { RegistryError } from '../../../ts/index.js';
import { failure, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';

/** Goes down when a change below a prefix was made, before it is answered. */
class BreakingStore extends MemoryObjectStore {
  public breaksAt: string | undefined;

  public override async put(key: string, body: Uint8Array | ReadableStream<Uint8Array>, options: IPutOptions = {}) {
    const done = await super.put(key, body, options);
    this.breakAt(key);
    return done;
  }

  public override async delete(key: string, options: { ifMatch?: string } = {}): Promise<void> {
    await super.delete(key, options);
    this.breakAt(key);
  }

  /** Makes the change, which fails, and repairs the store. */
  public async during(prefix: string, change: () => Promise<unknown>): Promise<string> {
    this.breaksAt = prefix;
    const outcome = await failure(change());
    this.breaksAt = undefined;
    this.outage = undefined;
    return outcome;
  }

  private breakAt(key: string): void {
    if (this.breaksAt === undefined || !key.startsWith(this.breaksAt)) return;
    this.outage = new RegistryError('unavailable', 'down');
    throw this.outage;
  }
}

const start = async () => {
  const store = new BreakingStore();
  const config = { users: [{ username: 'root', password: 'all of it' }], anonymousScopes: [] };
  return { ...(await startAuth({ store, config })), store };
};

t.test('a revocation that breaks off half-way: the token is invalid here at once, and is not hidden', async (t) => {
  const { auth, store } = await start();
  const secret = await auth.createNpmToken('root');
  t.ok(await auth.validateToken(secret));
  t.equal(await store.during('auth/', () => auth.revokeToken(secret)), 'unavailable');
  t.equal(await auth.validateToken(secret), null);
  t.same(await auth.listTokens('root'), []);
});

t.test('the same for a session token', async (t) => {
  const { auth, tokens, store } = await start();
  const password = await auth.createToken('root', 'oci', { expiresIn: 1800 });
  const caller = await auth.validateCredential({ kind: 'basic', username: 'root', password }, 'oci');
  const { token } = await tokens.issue(caller, { scopes: ['oci:repository:x:pull'], catalog: false });
  t.ok(await auth.validateToken(token, 'oci'));
  t.equal(await store.during('auth/revoked/', () => auth.revokeToken(token)), 'unavailable');
  t.equal(await auth.validateToken(token, 'oci'), null);
});

t.test('rights that were taken away count here at once, also if the answer of the store is lost', async (t) => {
  const { auth, store } = await start();
  await auth.users.create({ username: 'eve', password: 'pass word' }, { scopes: ['npm:*:*:*'] });
  const token = await auth.validateToken(await auth.createNpmToken('eve'));
  t.ok(await auth.authorize(token, 'npm:package:x', 'delete'));
  t.equal(await store.during('auth/users/', () => auth.users.setScopes('eve', ['npm:*:*:read'])), 'unavailable');
  t.notOk(await auth.authorize(token, 'npm:package:x', 'delete'));
});

t.test('owners of whom only the first could be added are shown at once', async (t) => {
  const { auth, store, clock } = await start();
  const owners = new PackageOwners(auth, { protocol: 'cargo', type: 'crate', now: () => clock.ms });
  for (const username of ['ann', 'bob']) await auth.users.create({ username, password: 'pass word' }, { scopes: [] });
  t.same(await owners.list('foo'), []);
  t.equal(await store.during('auth/users/bob', () => owners.add('foo', ['ann', 'bob'])), 'unavailable');
  const shown = (await owners.list('foo')).map(({ userId }) => userId);
  t.ok(shown.includes('ann'), shown.join());
});
