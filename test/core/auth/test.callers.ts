import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import type { AuthManager } from '../../../ts/index.js';
import { Clock, SECRET, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';

const ANN = { username: 'ann', password: 'long enough' };
const bearer = (token: string) => ({ kind: 'token', token }) as const;
const basic = { kind: 'basic', ...ANN } as const;

/** Two processes on one store, and a user. */
const processes = async () => {
  const [store, clock] = [new MemoryObjectStore(), new Clock()];
  const [here, there] = [await startAuth({ store, clock }), await startAuth({ store, clock })];
  await here.auth.users.create(ANN);
  return { store, clock, here, there };
};

/** A session token, got with a token. */
const sessionOf = async ({ auth }: { auth: AuthManager }, secret: string, expiresIn = 3600): Promise<string> => {
  const caller = await auth.validateToken(secret, 'oci');
  return (await auth.issueSessionToken(caller, 'oci', { scopes: ['oci:repository:a:pull'], expiresIn })).token;
};

t.test('a verified caller costs no second look, and is the same one until it has to be verified anew', async (t) => {
  const { here, store, clock } = await processes();
  const { auth } = here;
  const secret = await auth.createToken('ann', 'oci');
  for (const credential of [bearer(secret), bearer(await sessionOf(here, secret)), basic]) {
    const caller = await auth.verify(credential, 'oci');
    t.match(caller, { token: { userId: 'ann' } });
    t.ok(caller!.validUntil > clock.ms && caller!.validUntil <= clock.ms + 5000, 'at most 5 s');
    store.calls = [];
    t.equal(await auth.verify(credential, 'oci'), caller);
    t.equal(auth.remembered(credential, 'oci'), caller);
    t.same(store.calls, []);
    t.equal(auth.remembered(credential, 'npm'), undefined, 'for this protocol only');
    clock.ms = caller!.validUntil;
    t.equal(auth.remembered(credential, 'oci'), undefined);
    t.not(await auth.verify(credential, 'oci'), caller);
  }
  t.equal((await auth.verify(null, 'oci'))?.token, null);
  t.equal(await auth.verify(bearer('wrong'), 'oci'), null);
  t.equal(auth.remembered(bearer('wrong'), 'oci'), undefined, 'what is not valid is not remembered');
  t.equal(auth.remembered({ ...basic, password: 'wrong' }, 'oci'), undefined);
  const shifted = { kind: 'basic', username: 'annlong', password: ' enough' } as const;
  t.equal(auth.remembered(shifted, 'oci'), undefined, 'name and password are told apart');
});

t.test('a change in this process is seen at once, whoever makes it', async (t) => {
  const { here } = await processes();
  const { auth } = here;
  let secret = '';
  const changes: Record<string, () => Promise<unknown>> = {
    'a token is revoked': () => auth.revokeToken(secret),
    'and by the provider': () => auth.provider.revokeToken(secret),
    'a session token is revoked': async () => auth.revokeToken(await sessionOf(here, secret)),
    'rights are changed': () => auth.users.setScopes('ann', ['npm:*:*:*']),
    'a password is changed': () => auth.users.setPassword('ann', 'another one'),
    'a user is removed': () => auth.users.remove('ann'),
  };
  for (const [change, make] of Object.entries(changes)) {
    secret = await auth.createToken('ann', 'oci');
    const caller = await auth.verify(bearer(secret), 'oci');
    t.equal(auth.remembered(bearer(secret), 'oci'), caller);
    await make();
    t.equal(auth.remembered(bearer(secret), 'oci'), undefined, change);
  }
});

t.test('a change in another process is seen within five seconds of it, however old what is known is', async (t) => {
  const made = await processes();
  const { here, there, clock } = made;
  const [first, second] = [await here.auth.createToken('ann', 'oci'), await here.auth.createToken('ann', 'oci')];
  const sessions = [await sessionOf(here, second), await here.auth.createOciToken('ann', [])];
  const all = [bearer(second), ...sessions.map(bearer), basic];
  // there, the account is looked up now, and the rest later
  await there.auth.verify(bearer(first), 'oci');
  clock.forward(3);
  for (const credential of all) {
    const caller = await there.auth.verify(credential, 'oci');
    t.equal(caller?.validUntil, clock.ms + 1500, 'the account was read three seconds ago, and 4.5 s is all');
    t.equal(there.auth.remembered(credential, 'oci'), caller);
  }
  await here.auth.users.remove('ann');
  clock.forward(1.5);
  for (const credential of all) {
    t.equal(there.auth.remembered(credential, 'oci'), undefined);
    t.equal(await there.auth.verify(credential, 'oci'), null);
  }
});

t.test('a session token is believed no longer than the token it was got with', async (t) => {
  const { here, there, clock } = await processes();
  const parent = await here.auth.createToken('ann', 'oci');
  const session = await sessionOf(here, parent);
  await there.auth.verify(bearer(parent), 'oci');
  clock.forward(2);
  await there.auth.users.setPassword('ann', 'another one'); // there the account is looked up anew, the parent is not
  t.equal((await there.auth.verify(bearer(session), 'oci'))?.validUntil, clock.ms + 2500);
});

t.test('a session token is believed no longer than since its revocation was looked up', async (t) => {
  const { here, clock } = await processes();
  const { auth } = here;
  const session = await auth.createOciToken('ann', ['oci:repository:a:pull']);
  await auth.validateToken(session, 'oci');
  clock.forward(2);
  await auth.users.setPassword('ann', 'another one'); // the account is looked up anew, the session is not
  t.equal((await auth.verify(bearer(session), 'oci'))?.validUntil, clock.ms + 2500);
});

t.test('a caller ends with the token', async (t) => {
  const { here, clock } = await processes();
  const { auth } = here;
  const short = await auth.createToken('ann', 'oci', { expiresIn: 2 });
  t.equal((await auth.verify(bearer(short), 'oci'))?.validUntil, clock.ms + 2000);
  const session = await sessionOf(here, await auth.createToken('ann', 'oci'), 1);
  clock.forward(29);
  t.equal((await auth.verify(bearer(session), 'oci'))?.validUntil, clock.ms + 2000, 'with the leeway of clocks');
});

t.test('a verification that began before a change is not kept', async (t) => {
  const { here } = await processes();
  const { auth } = here;
  const credential = bearer(await auth.createToken('ann', 'oci'));
  const running = auth.verify(credential, 'oci');
  await auth.users.setScopes('ann', ['npm:*:*:*']);
  const caller = await running;
  t.equal(auth.remembered(credential, 'oci'), undefined);
  t.not(await auth.verify(credential, 'oci'), caller);
  t.ok(auth.remembered(credential, 'oci'), 'one that began after it is');
});

t.test('a clock that was set back proves nothing', async (t) => {
  const { here, clock } = await processes();
  const credential = bearer(await here.auth.createToken('ann', 'oci'));
  await here.auth.verify(credential, 'oci');
  clock.forward(-1);
  t.equal(here.auth.remembered(credential, 'oci'), undefined);
});

t.test('a session token in the plain format has to name an account', async (t) => {
  const { here, clock } = await processes();
  const now = clock.ms / 1000;
  const claims = { iss: 'smartregistry', aud: 'smartregistry/shelf', sub: 'ann', exp: now + 60, nbf: now, scope: 'a' };
  const sign = (more: object) => jsonwebtoken.sign({ ...claims, ...more }, SECRET, { noTimestamp: true });
  t.equal(await here.auth.validateToken(sign({}), 'shelf'), null);
  t.match(await here.auth.validateToken(sign({ srt_uid: '' }), 'shelf'), { scopes: [] }, 'a scope that is none');
  for (const more of [{ iss: 'other' }, { aud: 'smartregistry/' }, { aud: 7 }, { aud: null }]) {
    const forged = jsonwebtoken.sign(JSON.stringify({ ...claims, srt_uid: '', ...more }), SECRET);
    t.equal(await here.auth.validateToken(forged, 'shelf'), null, JSON.stringify(more));
  }
});
