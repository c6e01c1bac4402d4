import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { hashPassword, verifyPassword } from '../../../ts/core/auth/passwords/helpers.passwords.js';
import { ShortLivedCache } from '../../../ts/core/base/classes.shortlivedcache.js';
import type { IUserConfig } from '../../../ts/index.js';
import { Clock, failure, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';

t.test('passwords are kept as scrypt records', async (t) => {
  const record = await hashPassword('pässword');
  t.match(record, /^scrypt\$16384\$8\$1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=$/);
  t.not(await hashPassword('pässword'), record, 'salted');
  t.ok(await verifyPassword('pässword', record));
  t.ok(await verifyPassword('pässword'.normalize('NFD'), record), 'typed on another system');
  t.notOk(await verifyPassword('password', record));
  t.notOk(await verifyPassword('', record));
  t.notOk(await verifyPassword('pässword', null));
  await t.rejects(verifyPassword('x', 'plain text'), /not of a known form/);
  await t.rejects(verifyPassword('x', 'scrypt$99999999$8$1$AAAA$AAAA'), /not of a known form/);
  // made by another implementation, with other parameters: those of the record count
  const old = 'scrypt$1024$8$1$c2FsdA==$Zs5JU2NO+bdJ9FjJ6Dh715TLl8xW45zhDGNs44KQfBQ=';
  t.ok(await verifyPassword('pässword', old));
  t.notOk(await verifyPassword('x', old));
});

/** CPU ms that `attempt` costs, all threads counted, median of five: unlike the clock it does not mind a busy machine */
const cost = async (attempt: () => Promise<unknown>): Promise<number> => {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const started = process.cpuUsage();
    await attempt();
    const { user, system } = process.cpuUsage(started);
    times.push((user + system) / 1000);
  }
  return times.sort((a, b) => a - b)[2]!;
};

t.test('an unknown user costs the same time as a wrong password', async (t) => {
  const { auth } = await startAuth({ config: { users: [{ username: 'fixed', password: 'pass' }] } });
  await auth.users.create({ username: 'eve', password: 'pass' });
  let guesses = 0;
  const wrong = (username: string) => cost(() => auth.authenticate({ username, password: `nope ${guesses++}` }));
  const known = await wrong('eve');
  t.ok(known > 5, `${known.toFixed(1)} ms: scrypt was run`);
  for (const name of ['nobody', 'fixed', 'not/a/name', '']) {
    const other = await wrong(name);
    t.ok(
      other > known / 3 && other < known * 3,
      `${JSON.stringify(name)}: ${other.toFixed(1)} ms, ${known.toFixed(1)} ms`,
    );
  }
});

t.test('a password that nobody can have costs nothing', async (t) => {
  const { auth, store } = await startAuth();
  await auth.users.create({ username: 'eve', password: 'x'.repeat(1024) });
  store.calls = [];
  const long = { username: 'nobody', password: 'x'.repeat(1025) };
  t.equal(await auth.authenticate(long), null);
  t.ok((await cost(() => auth.authenticate(long))) < 5, 'no scrypt');
  t.same(store.calls, []);
  t.equal(await auth.authenticate({ username: 'eve', password: 'x'.repeat(1024) }), 'eve');
});

t.test('secrets are compared in constant time', async (t) => {
  for (const file of ['passwords/helpers.passwords.ts', 'passwords/classes.passwordcheck.ts']) {
    const text = await readFile(fileURLToPath(new URL(`../../../ts/core/auth/${file}`, import.meta.url)), 'utf8');
    t.match(text, /timingSafeEqual\(/, file);
  }
});

t.test('a verified password is remembered for a minute', async (t) => {
  const { auth, clock, store } = await startAuth();
  await auth.users.create({ username: 'eve', password: 'pass' });
  const log = (password = 'pass') => auth.authenticate({ username: 'eve', password });
  t.equal(await log(), 'eve');
  store.calls = [];
  const hundred = await cost(async () => {
    for (let round = 0; round < 100; round++) await log();
  });
  t.ok(hundred < 500, `${hundred.toFixed(0)} ms for 100 logins`);
  t.same(store.calls, []);
  t.equal(await log('Pass'), null, 'only that password');
  let guesses = 0;
  t.ok((await cost(() => log(`wrong ${guesses++}`))) > 5, 'each wrong one is checked');
  const again = await cost(async () => {
    for (let round = 0; round < 100; round++) t.equal(await log('wrong again'), null);
  });
  t.ok(again < 500, `${again.toFixed(0)} ms for the same wrong one, sent 100 times`);
  clock.forward(61);
  const started = process.cpuUsage();
  await log();
  t.ok(process.cpuUsage(started).user > 5000, 'after a minute scrypt is run again');
});

t.test('many requests at once with one password cost one scrypt', async (t) => {
  const { auth } = await startAuth();
  await auth.users.create({ username: 'eve', password: 'pass' });
  const started = process.cpuUsage();
  const all = await Promise.all(
    Array.from({ length: 300 }, () => auth.authenticate({ username: 'eve', password: 'pass' })),
  );
  t.ok(all.every((userId) => userId === 'eve'));
  const { user } = process.cpuUsage(started);
  t.ok(user < 2_000_000, `${user / 1000} ms, and nobody is turned away`);
});

t.test('a flood of wrong passwords leaves the thread pool usable', async (t) => {
  const { auth } = await startAuth();
  let answered = 0;
  const flood = Array.from({ length: 100 }, async (_, n) => {
    const answer = await failure(auth.authenticate({ username: `u${n}`, password: 'x' }));
    answered++;
    return answer;
  });
  await readFile(fileURLToPath(import.meta.url));
  t.ok(answered < 20, `a file was read after ${answered} of the 100 were answered`);
  const answers = await Promise.all(flood);
  t.equal(answers.filter((answer) => answer === 'no error, but null').length, 100);
});

t.test('changing a password and removing a user: here at once, elsewhere within five seconds', async (t) => {
  const [store, clock] = [new MemoryObjectStore(), new Clock()];
  const [here, there] = [await startAuth({ store, clock }), await startAuth({ store, clock })];
  const old = { username: 'eve', password: 'old' };
  const fresh = { username: 'eve', password: 'new' };
  await here.auth.users.create(old);
  for (const { auth } of [here, there]) t.equal(await auth.authenticate(old), 'eve', 'a new user is seen at once');

  await here.auth.users.setPassword('eve', 'new');
  t.equal(await here.auth.authenticate(old), null);
  t.equal(await here.auth.authenticate(fresh), 'eve');
  clock.forward(5);
  t.equal(await there.auth.authenticate(old), null, 'although it was remembered for a minute');
  t.equal(await there.auth.authenticate(fresh), 'eve');

  await here.auth.users.remove('eve');
  t.equal(await here.auth.authenticate(fresh), null);
  clock.forward(5);
  t.equal(await there.auth.authenticate(fresh), null);
  t.equal(await failure(here.auth.users.remove('eve')), 'notFound');
  t.equal(await failure(here.auth.users.setPassword('eve', 'x')), 'notFound');
});

t.test('a user changes the password: only with the old one', async (t) => {
  const users = [{ username: 'fixed', password: 'pass' }];
  const { auth } = await startAuth({ config: { users } });
  await auth.users.create({ username: 'eve', password: 'old' });
  const secret = await auth.createNpmToken('eve');
  const change = (name: string, old: string, fresh: string) => failure(auth.users.changePassword(name, old, fresh));
  t.equal(await change('eve', 'wrong', 'new'), 'unauthenticated');
  t.equal(await change('nobody', 'old', 'new'), 'unauthenticated');
  t.equal(await change('eve', 'old', ''), 'invalid');
  t.equal(await change('eve', 'old', 'x'.repeat(1025)), 'invalid');
  t.equal(await change('fixed', 'wrong', 'new'), 'unauthenticated');
  t.equal(await change('fixed', 'pass', 'new'), 'conflict', 'it stands in the configuration');
  t.equal(await auth.authenticate({ username: 'eve', password: 'old' }), 'eve', 'nothing has changed');
  await auth.users.changePassword('eve', 'old', 'new');
  t.equal(await auth.authenticate({ username: 'eve', password: 'old' }), null, 'at once');
  t.equal(await auth.authenticate({ username: 'eve', password: 'new' }), 'eve');
  t.ok(await auth.validateToken(secret), 'tokens stay valid');
  const both = await Promise.all([change('eve', 'new', 'a'), change('eve', 'new', 'b')]);
  t.same(both.sort(), ['no error, but undefined', 'unauthenticated'], 'of two at once one proves nothing any more');
});

t.test('an old password that an administrator has replaced elsewhere changes nothing', async (t) => {
  const store = new MemoryObjectStore();
  const [here, there] = [await startAuth({ store }), await startAuth({ store })];
  await here.auth.users.create({ username: 'eve', password: 'old' });
  t.equal(await there.auth.authenticate({ username: 'eve', password: 'old' }), 'eve');
  await here.auth.users.setPassword('eve', 'reset');
  // within the five seconds in which the other process still believes the old one
  t.equal(await failure(there.auth.users.changePassword('eve', 'old', 'new')), 'unauthenticated');
  t.equal(await here.auth.authenticate({ username: 'eve', password: 'reset' }), 'eve');
});

t.test('two who take one name at once: one has it', async (t) => {
  const store = new MemoryObjectStore();
  const managers = [await startAuth({ store }), await startAuth({ store })];
  const attempts = [0, 1, 2, 3].map((n) =>
    managers[n % 2]!.auth.users.create({ username: 'eve', password: `pass${n}` }).then(
      () => 'made',
      (error: { kind?: string }) => error.kind,
    ),
  );
  const results = await Promise.all(attempts);
  t.same([...results].sort(), ['alreadyExists', 'alreadyExists', 'alreadyExists', 'made']);
  const winner = results.indexOf('made');
  for (const n of [0, 1, 2, 3]) {
    const userId = await managers[0]!.auth.authenticate({ username: 'eve', password: `pass${n}` });
    t.equal(userId, n === winner ? 'eve' : null);
  }
});

t.test('names', async (t) => {
  const { auth } = await startAuth();
  const good = [
    'a',
    'Ann',
    'ann',
    '__proto__',
    'constructor',
    'a b',
    'a@example.org',
    '..',
    'ünï',
    '日本',
    '%2F',
    'a\\b',
  ];
  for (const username of good) {
    const made = await auth.users.create({ username, password: 'pass' });
    t.equal(made.userId, username.normalize('NFC'));
    t.equal(await auth.authenticate({ username, password: 'pass' }), made.userId, username);
  }
  t.same((await auth.users.list()).map(({ userId }) => userId).sort(), [...good].sort());
  t.equal(
    await auth.authenticate({ username: 'ünï'.normalize('NFD'), password: 'pass' }),
    'ünï',
    'one name, one spelling',
  );
  const bad = [
    '',
    ' a',
    'a ',
    'a/b',
    'a:b',
    'a\nb',
    'a\u0000',
    'a\u007f',
    'a\u0085b',
    'a\u2028b',
    '\ud800',
    'x'.repeat(201),
    'ü'.repeat(101),
  ];
  for (const username of bad) {
    t.equal(
      await failure(auth.users.create({ username, password: 'pass' })),
      'invalid',
      encodeURI(Buffer.from(username).toString()),
    );
  }
  t.equal(await failure(auth.users.create({ username: 'x', password: '' })), 'invalid');
  t.equal(await failure(auth.users.create({ username: 'x', password: 'x'.repeat(1025) })), 'invalid');
  t.equal(await failure(auth.users.create({ username: 'x', password: 'x' }, { scopes: ['all'] })), 'invalid');
  t.equal(await failure(auth.users.create({ username: 'x', password: 'x' }, { email: 'x'.repeat(255) })), 'invalid');
});

t.test('self-registration is for strangers, and off by default', async (t) => {
  const eve = { username: 'eve', password: 'pass' };
  const closed = await startAuth();
  t.equal(await failure(closed.auth.register(eve)), 'forbidden');
  t.same(closed.store.keys(), []);
  t.equal((await closed.auth.users.create(eve)).userId, 'eve', 'the administrator is no stranger');

  const open = await startAuth({ config: { selfRegistration: true } });
  t.equal(await open.auth.register(eve, { email: 'eve@example.org' }), 'eve');
  t.match(await open.auth.getUser('eve'), { userId: 'eve', email: 'eve@example.org', createdAt: open.clock.now() });
  t.equal(await failure(open.auth.register({ ...eve, password: 'other' })), 'alreadyExists');
  const token = await open.auth.validateToken(await open.auth.createNpmToken('eve'));
  t.ok(await open.auth.authorize(token, 'npm:package:x', 'write'));
  t.notOk(await open.auth.authorize(token, 'npm:package:x', 'delete'), 'a stranger deletes nothing');
});

t.test('users of the configuration', async (t) => {
  const users = [{ username: 'fixed', password: 'pass', email: 'f@example.org' }];
  const { auth, store } = await startAuth({ config: { users } });
  t.equal(await auth.authenticate({ username: 'fixed', password: 'pass' }), 'fixed');
  t.equal(await auth.authenticate({ username: 'fixed', password: 'Pass' }), null);
  t.equal(await failure(auth.users.create({ username: 'fixed', password: 'mine' })), 'alreadyExists');
  t.equal(await failure(auth.users.setPassword('fixed', 'mine')), 'conflict');
  t.equal(await failure(auth.users.remove('fixed')), 'conflict');
  t.same(store.keys(), ['auth/configured-users.json']);
  t.notMatch(store.dump(), /pass|example\.org|\*/, 'nothing is written down but a name and an id');
  await auth.users.create({ username: 'added', password: 'pass' }, { scopes: ['npm:*:*:read'] });
  t.match(await auth.users.list(), [
    { userId: 'added', source: 'store', scopes: ['npm:*:*:read'] },
    { userId: 'fixed', source: 'config', scopes: ['*:*:*:*'], email: 'f@example.org' },
  ]);
  t.match(await auth.users.get('added'), { userId: 'added' });
  t.equal(await auth.users.get('nobody'), null);
});

t.test('a user of the store whom the configuration names as well is listed once, as the one who counts', async (t) => {
  const store = new MemoryObjectStore();
  await (await startAuth({ store })).auth.users.create({ username: 'ann', password: 'of the store' });
  const { auth } = await startAuth({ store, config: { users: [{ username: 'ann', password: 'of the file' }] } });
  t.match(await auth.users.list(), [{ userId: 'ann', source: 'config' }]);
  t.equal((await auth.users.list()).length, 1);
  t.equal(await auth.authenticate({ username: 'ann', password: 'of the store' }), null);
  t.equal(await auth.authenticate({ username: 'ann', password: 'of the file' }), 'ann');
});

t.test('a user of the configuration who is removed and comes back has none of the old tokens', async (t) => {
  const store = new MemoryObjectStore();
  const [ann, bob] = ['ann', '__proto__'].map((username) => ({ username, password: 'pass' })) as [
    IUserConfig,
    IUserConfig,
  ];
  const start = async (users: IUserConfig[] | undefined) => (await startAuth({ store, config: { users } })).auth;
  const first = await start([ann, bob]);
  const secrets = { ann: await first.createNpmToken('ann'), bob: await first.createNpmToken('__proto__') };
  const jwt = await first.createOciToken('ann', ['oci:repository:a:push']);
  t.ok(await (await start([bob, ann])).validateToken(secrets.ann), 'another start changes nothing');
  const without = await start([bob]);
  t.equal(await without.validateToken(secrets.ann), null);
  t.ok(await without.validateToken(secrets.bob));
  const back = await start([ann, bob]);
  t.equal(await back.validateToken(secrets.ann), null, 'this is another ann');
  t.equal(await back.validateToken(jwt), null);
  t.same(await back.listTokens('ann'), []);
  t.ok(await back.validateToken(secrets.bob), 'who was there all the time keeps them');
  const fresh = await back.createNpmToken('ann');
  t.ok(await (await start([ann])).validateToken(fresh));
  t.equal(await (await start([ann, bob])).validateToken(secrets.bob), null, 'a name may be __proto__');
});

t.test('a process that knows no users of the configuration takes nothing from them', async (t) => {
  const store = new MemoryObjectStore();
  const users = [{ username: 'ann', password: 'pass' }];
  const secret = await (await startAuth({ store, config: { users } })).auth.createNpmToken('ann');
  // as `smartregistry user list --data …` beside a server with a configuration file
  const tool = (await startAuth({ store })).auth;
  t.same(await tool.users.list(), []);
  t.ok(await (await startAuth({ store, config: { users } })).auth.validateToken(secret));
  // a server says so: there are none
  await startAuth({ store, config: { users: [] } });
  t.equal(await (await startAuth({ store, config: { users } })).auth.validateToken(secret), null);
});

t.test('tokens that release 0.3.0 made for a user of the configuration stay good', async (t) => {
  const store = new MemoryObjectStore();
  const config = { users: [{ username: 'ann', password: 'pass' }] };
  const old = await startAuth({ store, config });
  const secret = await old.auth.createNpmToken('ann');
  // such a store has no ids, and its tokens say `config`
  store.objects.delete('auth/configured-users.json');
  const record = [...store.objects].find(([key]) => key.startsWith('auth/tokens/'));
  t.match(record?.[1].bytes.toString(), '"uid":"config"');
  t.ok(await (await startAuth({ store, config })).auth.validateToken(secret));
});

t.test('replicas that start at once agree on the ids, and one that runs follows a change', async (t) => {
  const [store, clock] = [new MemoryObjectStore(), new Clock()];
  const config = { users: [{ username: 'ann', password: 'pass' }] };
  await startAuth({ store, clock, config: { users: [{ username: 'bob', password: 'pass' }] } });
  const replicas = await Promise.all([0, 1, 2].map(() => startAuth({ store, clock, config })));
  const secret = await replicas[0]!.auth.createNpmToken('ann');
  for (const { auth } of replicas) t.ok(await auth.validateToken(secret));
  // one is started with a configuration without ann, then all of them have her again
  await startAuth({ store, clock, config: { users: [] } });
  const late = await startAuth({ store, clock, config });
  clock.forward(5);
  const fresh = await late.auth.createNpmToken('ann');
  for (const { auth } of [...replicas, late]) {
    t.ok(await auth.validateToken(fresh));
    t.equal(await auth.validateToken(secret), null);
  }
});

t.test('a process that runs takes nothing from users whom its own configuration lacks', async (t) => {
  const [store, clock] = [new MemoryObjectStore(), new Clock()];
  const start = (username: string) => startAuth({ store, clock, config: { users: [{ username, password: 'pass' }] } });
  const first = await start('ann');
  const second = await start('bob');
  const secret = await second.auth.createNpmToken('bob');
  clock.forward(5);
  t.ok(await first.auth.validateToken(await first.auth.createNpmToken('ann')), 'ann has an id again');
  clock.forward(5);
  t.ok(await second.auth.validateToken(secret));
});

t.test('what is believed for a while', async (t) => {
  const clock = new Clock();
  const cache = new ShortLivedCache<{ n: number }>({ max: 10, maxAgeMs: 1000, now: () => clock.ms });
  const waiting: ((value: { n: number } | null) => void)[] = [];
  let asked = 0;
  const load = () =>
    new Promise<{ n: number } | null>((resolve) => {
      asked++;
      waiting.push(resolve);
    });
  const answer = (value: { n: number } | null) => waiting.shift()!(value);

  const [a, b] = [cache.get('k', load), cache.get('k', load)];
  answer({ n: 1 });
  t.same(await Promise.all([a, b]), [{ n: 1 }, { n: 1 }]);
  t.equal(asked, 1, 'asked together, asked once');
  clock.forward(-1);
  t.equal(cache.peek('k'), undefined, 'a clock that was set back proves nothing');
  clock.forward(1);
  t.same(cache.peek('k'), { n: 1 });

  cache.drop('k');
  const slow = cache.get('k', load);
  cache.drop('k');
  answer({ n: 2 });
  t.same(await slow, { n: 2 });
  t.equal(cache.peek('k'), undefined, 'what was asked before a change is not kept after it');

  const [first, second] = [cache.get('k', load), cache.get('k', load)];
  answer(null);
  t.equal(await first, null);
  await new Promise((resolve) => setImmediate(resolve));
  answer({ n: 3 });
  t.same(await second, { n: 3 }, 'absence is not shared');

  cache.clear();
  const late = cache.get('k', load);
  clock.forward(2);
  answer({ n: 4 });
  await late;
  t.equal(cache.peek('k'), undefined, 'age counts from the question');
});

t.test('an e-mail address has at most 254 characters', async (t) => {
  const { auth } = await startAuth();
  const create = (username: string, length: number) =>
    auth.users.create({ username, password: 'correct horse' }, { email: 'x'.repeat(length) });
  t.equal((await create('ann', 254)).email?.length, 254);
  await t.rejects(create('bob', 255), { kind: 'invalid', message: /at most 254 characters/ });
  t.equal(await auth.users.get('bob'), null);
});
