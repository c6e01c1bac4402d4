import t from 'tap';
import { PasswordThrottle } from '../../../ts/core/auth/passwords/classes.passwordthrottle.js';
import { MemoryTokenStore } from '../../../ts/core/auth/tokenstores/classes.memorytokenstore.js';
import { callerAddress } from '../../../ts/core/pipeline/helpers.http.js';
import { DefaultAuthProvider, RegistryStorage } from '../../../ts/index.js';
import { Clock, failure, SECRET, startAuth } from '../../support/auth.js';
import { ofKind } from '../../support/expect.js';
import { MemoryObjectStore } from '../../support/memory-store.js';
import { send, startRegistry } from '../../support/registry.js';
import { shelf } from '../../support/shelf.js';

/** The throttle alone, as scrypt takes its time. */
const throttled = () => {
  const clock = new Clock();
  const throttle = new PasswordThrottle(() => clock.ms);
  /** seconds to wait; 0 = the password was checked, and was as `isRight` says */
  const attempt = (username: string, from: string | undefined, isRight = false): number => {
    try {
      throttle.assertAllowed({ username, from });
    } catch (error) {
      return Number((error as { headers: Record<string, string> }).headers['Retry-After']);
    }
    throttle.note({ username, from }, isRight);
    return 0;
  };
  const count = (times: number, one: () => number) => Array.from({ length: times }, one).filter((w) => w === 0).length;
  return { clock, throttle, attempt, count };
};
const ADDRESS = '192.0.2.1';
const OTHER = '192.0.2.2';

t.test('one address against one user: ten, then one in 15 s', (t) => {
  const { clock, attempt, count } = throttled();
  t.equal(
    count(20, () => attempt('ann', ADDRESS)),
    10,
  );
  t.equal(attempt('ann', ADDRESS), 15);
  t.equal(attempt('ann', OTHER, true), 0, 'the user from another address');
  t.equal(attempt('bob', ADDRESS, true), 0, 'another user from there');
  clock.forward(14);
  t.equal(attempt('ann', ADDRESS), 1);
  clock.forward(1);
  t.equal(attempt('ann', ADDRESS), 0);
  t.equal(attempt('ann', ADDRESS), 15);
  clock.forward(10_000);
  t.equal(
    count(20, () => attempt('ann', ADDRESS)),
    10,
    'never more than ten at once',
  );
  t.end();
});

t.test('a right password clears what was wrong before, and is not counted', (t) => {
  const { attempt, count } = throttled();
  for (let round = 0; round < 30; round++) {
    t.equal(
      count(9, () => attempt('ann', ADDRESS)),
      9,
    );
    t.equal(attempt('ann', ADDRESS, true), 0);
  }
  t.equal(
    count(1000, () => attempt('bob', ADDRESS, true)),
    1000,
  );
  t.end();
});

t.test('one address against many users: 100, then one in 2 s', (t) => {
  const { clock, attempt } = throttled();
  t.equal(attempt('known', ADDRESS, true), 0);
  let checked = 0;
  for (let n = 0; n < 150; n++) if (attempt(`u${n}`, ADDRESS) === 0) checked++;
  t.equal(checked, 100);
  t.equal(attempt('new', ADDRESS), 2);
  t.equal(attempt('known', ADDRESS, true), 0, 'who has logged in from there before still can');
  t.equal(attempt('new', OTHER, true), 0, 'and anybody from elsewhere');
  clock.forward(2);
  t.equal(attempt('u200', ADDRESS), 0);
  t.equal(attempt('u201', ADDRESS), 2);
  t.end();
});

t.test('many addresses against one user: 100, then one in 5 s', (t) => {
  const { attempt, clock } = throttled();
  t.equal(attempt('ann', ADDRESS, true), 0);
  let checked = 0;
  for (let n = 0; n < 150; n++) if (attempt('ann', `198.51.100.${n}`) === 0) checked++;
  t.equal(checked, 100);
  t.equal(attempt('ann', OTHER, true), 5, 'not from an address that is not known');
  t.equal(attempt('ann', ADDRESS, true), 0, 'the user is not locked out where the user has been before');
  t.equal(attempt('bob', OTHER, true), 0);
  clock.forward(5);
  t.equal(attempt('ann', OTHER, true), 0);
  t.end();
});

t.test('one address alone never uses up what all have together', (t) => {
  const { attempt, clock } = throttled();
  for (let second = 0; second < 5000; second++) {
    attempt('ann', ADDRESS);
    clock.forward(1);
  }
  t.equal(attempt('ann', OTHER, true), 0);
  t.end();
});

t.test('wrong passwords from a known address are counted there and not for others', (t) => {
  const { attempt, count } = throttled();
  t.equal(attempt('ann', ADDRESS, true), 0);
  t.equal(
    count(500, () => attempt('ann', ADDRESS)),
    10,
  );
  t.equal(attempt('bob', ADDRESS, true), 0);
  t.equal(attempt('ann', OTHER, true), 0);
  t.end();
});

t.test('what counts as one user: a name however it is written', (t) => {
  const { attempt, count } = throttled();
  count(10, () => attempt('\u00fcn\u00ef', ADDRESS));
  t.not(attempt('u\u0308ni\u0308', ADDRESS), 0);
  t.equal(attempt('uni', ADDRESS), 0);
  t.end();
});

t.test('what counts as one address', (t) => {
  const same: [string, string, string][] = [
    ['192.0.2.1', '::FFFF:192.0.2.1', 'IPv4 on a dual-stack socket'],
    ['2001:db8:0:1::1', '2001:DB8:0:1:aaaa::2', 'one /64 of IPv6'],
    ['2001:db8::1', '2001:0db8:0000:0000:ffff:1:2:3', 'however it is written'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1:2:3:4:5', 'a gap of one group'],
  ];
  const different: [string, string][] = [
    ['2001:db8:0:1::1', '2001:db8:0:2::1'],
    ['192.0.2.1', '192.0.2.10'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:2:2:3:4:5'],
  ];
  for (const [a, b, what] of same) {
    const { attempt, count } = throttled();
    count(10, () => attempt('ann', a));
    t.not(attempt('ann', b), 0, what);
  }
  for (const [a, b] of different) {
    const { attempt, count } = throttled();
    count(10, () => attempt('ann', a));
    t.equal(attempt('ann', b), 0, `${a} and ${b}`);
  }
  for (const local of [undefined, '127.0.0.1', '127.0.0.9', '::1', '::ffff:127.0.0.1']) {
    const { attempt } = throttled();
    let checked = 0;
    for (let n = 0; n < 150; n++) if (attempt(`u${n}`, local) === 0) checked++;
    t.equal(checked, 150, `${local} may be a proxy's, behind which everybody is`);
  }
  t.end();
});

t.test('a clock that is set back adds nothing and locks nobody in', (t) => {
  const { attempt, count, clock } = throttled();
  count(10, () => attempt('ann', ADDRESS));
  clock.forward(-3600);
  t.equal(attempt('ann', ADDRESS), 15);
  clock.forward(15);
  t.equal(attempt('ann', ADDRESS), 0, 'after the time that was told, not when the clock is as late again');
  t.end();
});

t.test('known callers and others take turns, by address and then by user', (t) => {
  const { attempt, throttle } = throttled();
  t.same(throttle.laneOf({ username: 'ann', from: ADDRESS }), ['new', ADDRESS, 'ann']);
  attempt('ann', ADDRESS, true);
  t.same(throttle.laneOf({ username: 'ann', from: ADDRESS }), ['known', ADDRESS, 'ann']);
  t.same(throttle.laneOf({ username: 'ann', from: OTHER }), ['new', OTHER, 'ann']);
  t.same(throttle.laneOf({ username: 'ann' }), ['new', '', 'ann']);
  t.end();
});

t.test('a flood from strangers, with right passwords beside it', async (t) => {
  const { auth } = await startAuth();
  const names = ['ann', 'bob', 'cat', 'dan'];
  for (const username of names) await auth.users.create({ username, password: 'right' });
  // 600 wrong passwords from one address, for users that are there and users that are not
  const flood = Array.from({ length: 600 }, (_, n) =>
    failure(auth.authenticate({ username: n % 2 ? `u${n}` : 'ann', password: `wrong ${n}`, from: ADDRESS })),
  );
  const logins = names.map((username, n) =>
    auth.authenticate({ username, password: 'right', from: `192.0.2.${100 + n}` }),
  );
  t.same(await Promise.all(logins), names, 'all of them, the user who is attacked too');
  const answers = await Promise.all(flood);
  const checked = answers.filter((answer) => answer === 'no error, but null').length;
  t.ok(checked <= 112, `${checked} of 600 were checked`);
  t.equal(answers.filter((answer) => answer === 'rateLimited').length, 600 - checked);
  t.equal(
    await auth.authenticate({ username: 'ann', password: 'right', from: ADDRESS }).catch(() => 'refused'),
    'refused',
  );
});

t.test('a flood through a proxy that says nothing of addresses: others get their turn', async (t) => {
  const { auth } = await startAuth();
  const names = ['ann', 'bob'];
  for (const username of names) await auth.users.create({ username, password: 'right' });
  const flood = Array.from({ length: 100 }, (_, n) =>
    failure(auth.authenticate({ username: 'eve', password: `${n}` })),
  );
  let over = 0;
  for (const one of flood) void one.then(() => over++);
  for (const username of names) t.equal(await auth.authenticate({ username, password: 'right' }), username);
  const answers = await Promise.all(flood);
  t.equal(answers.filter((answer) => answer === 'no error, but null').length, 11, 'ten, and one that had begun');
  t.ok(over > 0);
});

t.test('an absent user is limited like any other: the limit does not tell who is there', async (t) => {
  const { auth } = await startAuth();
  await auth.users.create({ username: 'ann', password: 'right' });
  const answersOf = async (username: string) => {
    const answers: string[] = [];
    for (let n = 0; n < 12; n++) {
      answers.push(await failure(auth.authenticate({ username, password: `wrong ${n}`, from: ADDRESS })));
    }
    return answers;
  };
  const known = await answersOf('ann');
  t.equal(known[9], 'no error, but null');
  t.equal(known[10], 'rateLimited');
  t.same(await answersOf('nobody'), known);
});

t.test(
  'a remembered password passes while the address is refused, but only from the address it was given at',
  async (t) => {
    const { auth, clock } = await startAuth();
    await auth.users.create({ username: 'ann', password: 'right' });
    const log = (password: string, from: string) => failure(auth.authenticate({ username: 'ann', password, from }));
    t.match(await log('right', ADDRESS), /ann/);
    for (let n = 0; n < 10; n++) t.match(await log(`wrong ${n}`, ADDRESS), /null/);
    for (let n = 0; n < 10; n++) t.match(await log(`wrong ${n}`, OTHER), /null/);
    t.equal(await log('wrong', ADDRESS), 'rateLimited');
    t.match(await log('right', ADDRESS), /ann/, 'who works here goes on working');
    t.equal(await log('right', OTHER), 'rateLimited', 'else the memory would answer guesses that nobody counts');
    clock.forward(61);
    t.match(await log('right', OTHER), /ann/, 'one more is allowed by now');
  },
);

t.test('a token that is no longer valid, as a password, is no guess', async (t) => {
  const { auth } = await startAuth({ config: { users: [{ username: 'ann', password: 'right' }] } });
  // different ones: the same one again would be one guess in any case
  const secrets = await Promise.all(Array.from({ length: 12 }, () => auth.createToken('ann', 'pypi')));
  for (const secret of secrets) await auth.revokeToken(secret);
  const as = (password: string) =>
    failure(auth.validateCredential({ kind: 'basic', username: 'ann', password, from: ADDRESS }, 'pypi'));
  for (const secret of secrets) t.equal(await as(secret), 'no error, but null');
  t.match(await as('right'), /ann/);
});

t.test('a custom provider is not asked about more guesses either', async (t) => {
  let asked = 0;
  const provider = {
    authenticate: async ({ username, password }: { username: string; password: string }) => {
      asked++;
      return password === 'right' ? username : null;
    },
    validateToken: async () => null,
    createToken: async () => 'x',
    revokeToken: async () => undefined,
    authorize: async () => true,
  };
  const { auth } = await startAuth({ provider });
  const log = (password: string, from?: string) => failure(auth.authenticate({ username: 'ann', password, from }));
  for (let n = 0; n < 20; n++) await log(`wrong ${n}`, ADDRESS);
  t.equal(asked, 10);
  t.equal(await log('right', ADDRESS), 'rateLimited');
  t.match(await log('right', OTHER), /ann/);
  asked = 0;
  await Promise.all(Array.from({ length: 200 }, (_, n) => log(`wrong ${n}`, '192.0.2.3')));
  t.ok(asked <= 10 + 32, `${asked} of 200 at once`);
});

t.test('over HTTP: 429 with Retry-After, by the address that the host or a trusted proxy gives', async (t) => {
  const auth = {
    jwtSecret: 'a-secret-of-the-tests',
    tokenStore: 'memory',
    users: [{ username: 'ann', password: 'right' }],
  };
  const config = { registries: [shelf], auth: auth as { jwtSecret: string; tokenStore: 'memory' } };
  const registry = await startRegistry(t, { ...config, trustProxy: true });
  const get = (password: string, more: { ip?: string; forwarded?: string }) =>
    send(registry, 'GET', '/shelf/a', {
      headers: {
        Authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
        'X-Forwarded-For': more.forwarded,
      },
      actor: more.ip === undefined ? undefined : { ip: more.ip },
    });
  for (let n = 0; n < 10; n++) t.equal((await get(`wrong ${n}`, { ip: ADDRESS })).status, 401);
  const refused = await get('wrong', { ip: ADDRESS });
  t.equal(refused.status, 429);
  t.match(refused.headers, { 'Retry-After': /^\d+$/ });
  t.match(refused.text, /Too many wrong passwords/);
  t.equal((await get('right', { ip: OTHER })).status, 404, 'let in');
  t.equal((await get('right', { forwarded: `1.2.3.4, ${ADDRESS}` })).status, 429, 'the last entry counts');
  t.equal((await get('right', { forwarded: `${ADDRESS}, 192.0.2.7` })).status, 404);

  const direct = await startRegistry(t, config);
  for (let n = 0; n < 10; n++) {
    const headers = {
      Authorization: `Basic ${Buffer.from(`ann:wrong ${n}`).toString('base64')}`,
      'X-Forwarded-For': `192.0.2.${n}`,
    };
    t.equal((await send(direct, 'GET', '/shelf/a', { headers })).status, 401);
  }
  const headers = {
    Authorization: `Basic ${Buffer.from('ann:x').toString('base64')}`,
    'X-Forwarded-For': '192.0.2.99',
  };
  t.equal(
    (await send(direct, 'GET', '/shelf/a', { headers })).status,
    429,
    'a header that is not trusted counts nothing',
  );
});

t.test(
  'the same wrong password sent again and again is one guess: some clients try a dozen times for one login',
  async (t) => {
    const { auth } = await startAuth();
    await auth.users.create({ username: 'eve', password: 'right' });
    const log = (password: string) => auth.authenticate({ username: 'eve', password, from: ADDRESS });
    for (let round = 0; round < 50; round++) t.equal(await log('wrong'), null);
    t.equal(await log('right'), 'eve');
    await auth.users.setPassword('eve', 'wrong');
    t.equal(await log('wrong'), 'eve', 'a new password counts at once');
    for (let guess = 0; guess < 10; guess++) t.equal(await log(`guess ${guess}`), null);
    await t.rejects(log('another guess'), ofKind('rateLimited'));
  },
);

t.test('a custom provider is asked about the same wrong password once in five seconds', async (t) => {
  const asked: string[] = [];
  const provider = {
    authenticate: async ({ username, password }: { username: string; password: string }) => {
      asked.push(password);
      return password === 'right' ? username : null;
    },
    validateToken: async () => null,
    createToken: async () => 'x',
    revokeToken: async () => {},
    authorize: async () => true,
  };
  const { auth, clock } = await startAuth({ provider });
  const log = (password: string) => auth.authenticate({ username: 'eve', password, from: ADDRESS });
  for (let round = 0; round < 50; round++) t.equal(await log('wrong'), null);
  t.same(asked, ['wrong']);
  t.equal(await log('right'), 'eve');
  clock.forward(5);
  t.equal(await log('wrong'), null);
  t.same(asked, ['wrong', 'right', 'wrong']);
});

t.test(
  'a provider that extends the default one with its own look at passwords is not asked about more guesses',
  async (t) => {
    let asked = 0;
    class Directory extends DefaultAuthProvider {
      public override async authenticate({ username, password }: { username: string; password: string }) {
        asked++;
        return password === 'right' ? username : null;
      }
    }
    const clock = new Clock();
    const storage = new RegistryStorage(new MemoryObjectStore());
    const config = { jwtSecret: SECRET, tokenStore: 'memory' } as const;
    const tokens = new MemoryTokenStore();
    const provider = new Directory(config, { storage, tokens, now: clock.now });
    const { auth } = await startAuth({ provider, clock });
    const log = (password: string, from: string) => failure(auth.authenticate({ username: 'ann', password, from }));
    for (let guess = 0; guess < 20; guess++) await log(`guess ${guess}`, ADDRESS);
    t.equal(asked, 10);
    t.equal(await log('right', ADDRESS), 'rateLimited');
    t.match(await log('right', OTHER), /ann/);
  },
);

t.test(
  'what is known of a guess at one address confirms nothing at another one, where it counts like any other',
  async (t) => {
    let asked = 0;
    const provider = {
      authenticate: async () => {
        asked++;
        return null;
      },
      validateToken: async () => null,
      createToken: async () => 'x',
      revokeToken: async () => {},
      authorize: async () => true,
    };
    const { auth } = await startAuth({ provider });
    const log = (password: string, from: string) => failure(auth.authenticate({ username: 'ann', password, from }));
    for (let guess = 0; guess < 10; guess++) await log(`guess ${guess}`, ADDRESS);
    for (let guess = 0; guess < 10; guess++) await log(`guess ${guess}`, OTHER);
    t.equal(asked, 20);
    t.equal(await log('one more', OTHER), 'rateLimited');
  },
);

t.test('the port that some proxies write behind an address makes no other address', (t) => {
  const spellings: [address: string, written: (port: number) => string][] = [
    ['192.0.2.9', (port) => `192.0.2.9:${port}`],
    ['192.0.2.9', () => '::FFFF:192.0.2.9'],
    ['2001:db8::1', (port) => `[2001:db8::1]:${port}`],
    ['2001:db8::1', () => '[2001:db8::1]'],
    ['2001:db8::1', () => '2001:db8::1'],
    ['::1', () => '[::1]:5000'],
    ['::1', () => '::1'],
  ];
  for (const [address, written] of spellings) {
    t.equal(callerAddress(undefined, true, `6.6.6.6, ${written(4711)}`), address);
    if (address === '::1') continue;
    const { attempt, count } = throttled();
    let port = 1024;
    t.equal(
      count(50, () => attempt('ann', written(port++))),
      10,
      written(0),
    );
    t.equal(attempt('ann', OTHER), 0, 'one address locks nobody out at another');
  }
  t.end();
});
