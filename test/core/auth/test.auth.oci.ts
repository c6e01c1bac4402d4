import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import type { IAuthProvider } from '../../../ts/index.js';
import { Clock, failure, SECRET, startAuth } from '../../support/auth.js';
import { MemoryObjectStore } from '../../support/memory-store.js';

const users = [
  { username: 'root', password: 'all of it' },
  {
    username: 'dev',
    password: 'pass',
    scopes: ['oci:repository:team/*:pull', 'oci:repository:team/*:push', 'npm:*:*:*'],
  },
];
const config = {
  users,
  anonymousScopes: [] as string[],
  ociTokens: { enabled: true, realm: 'https://auth.example.com/token', service: 'my-registry' },
};
const claimsOf = (jwt: string) =>
  jsonwebtoken.decode(jwt, { complete: true }) as unknown as {
    header: jsonwebtoken.JwtHeader;
    payload: jsonwebtoken.JwtPayload;
  };
/** What a client asks the token endpoint for. */
const wanted = (...scopes: string[]) => ({ scopes, catalog: false });
const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

t.test('the claims of the distribution token specification', async (t) => {
  const { auth, tokens, clock } = await startAuth({ config });
  const jwt = await auth.createOciToken('root', [
    'oci:repository:myapp:push',
    'oci:repository:myapp:pull',
    'oci:repository:a/b:pull',
  ]);
  const { header, payload } = claimsOf(jwt);
  const now = clock.ms / 1000;
  t.same(header, { alg: 'HS256', typ: 'JWT' });
  t.match(payload, {
    iss: 'https://auth.example.com/token',
    sub: 'root',
    aud: 'my-registry',
    iat: now,
    nbf: now,
    exp: now + 3600,
  });
  t.match(payload.jti, /^jwt-/);
  t.same(payload.access, [
    { type: 'repository', name: 'myapp', actions: ['push', 'pull'] },
    { type: 'repository', name: 'a/b', actions: ['pull'] },
  ]);
  const token = await auth.validateToken(jwt, 'oci');
  t.match(token, { type: 'oci', userId: 'root', tokenId: payload.jti, expiresAt: new Date(clock.ms + 3_600_000) });
  t.same(token?.scopes, ['oci:repository:myapp:push', 'oci:repository:myapp:pull', 'oci:repository:a/b:pull']);
  t.ok(await auth.authorize(token, 'oci:repository:myapp', 'push'));
  t.notOk(await auth.authorize(token, 'oci:repository:myapp', 'delete'));
  t.notOk(await auth.authorize(token, 'oci:repository:other', 'pull'));
  t.notOk(await auth.authorize(token, 'npm:package:x', 'read'));
  t.equal(await auth.validateToken(jwt, 'npm'), null);
  t.match(await auth.validateCredential({ kind: 'basic', username: 'x', password: jwt }, 'oci'), { userId: 'root' });
  t.equal(tokens.service, 'my-registry');
  t.equal(tokens.realm, 'https://auth.example.com/token');

  const plain = await startAuth({ config: { users } });
  t.match(claimsOf(await plain.auth.createOciToken('root', [])).payload, {
    iss: 'smartregistry',
    aud: 'smartregistry',
    access: [],
  });
});

t.test('it carries only what the user holds', async (t) => {
  const { auth } = await startAuth({ config });
  const table: [asked: string[], granted: string[]][] = [
    [['oci:repository:team/x:push', 'oci:repository:other:push'], ['oci:repository:team/x:push']],
    [['oci:repository:team/x:pull,push,delete'], ['oci:repository:team/x:pull', 'oci:repository:team/x:push']],
    [['oci:repository:team/x:*'], ['oci:repository:team/x:pull', 'oci:repository:team/x:push']],
    [['oci:*:*:*'], ['oci:repository:team/*:pull', 'oci:repository:team/*:push']],
    [['*:*:*:*'], ['oci:repository:team/*:pull', 'oci:repository:team/*:push']],
    [['oci:repository:other:push'], []],
    [[], []],
  ];
  for (const [asked, granted] of table) {
    const token = await auth.validateToken(await auth.createOciToken('dev', asked), 'oci');
    t.same(token?.scopes, granted, asked.join(' '));
  }
  t.equal(await failure(auth.createOciToken('dev', ['npm:package:x:write'])), 'invalid');
  t.equal(await failure(auth.createOciToken('nobody', [])), 'notFound');
  t.equal(await failure(auth.createOciToken('dev', [], 0)), 'invalid');
});

t.test('and at every moment no more than the user has then', async (t) => {
  const { auth } = await startAuth({ config });
  const eve = { username: 'eve', password: 'pass' };
  await auth.users.create(eve, { scopes: ['oci:*:*:*'] });
  const jwt = await auth.createOciToken('eve', ['oci:repository:x:pull,push']);
  const token = await auth.validateToken(jwt);
  t.ok(await auth.authorize(token, 'oci:repository:x', 'push'));
  await auth.users.setScopes('eve', ['oci:*:*:pull']);
  t.notOk(await auth.authorize(await auth.validateToken(jwt), 'oci:repository:x', 'push'));
  t.ok(await auth.authorize(await auth.validateToken(jwt), 'oci:repository:x', 'pull'));
  await auth.users.remove('eve');
  t.equal(await auth.validateToken(jwt), null);
  t.notOk(await auth.authorize(token, 'oci:repository:x', 'pull'));
  await auth.users.create(eve, { scopes: ['oci:*:*:*'] });
  t.equal(await auth.validateToken(jwt), null, 'the name has come back, the account has not');
});

t.test('what is not a token of this registry', async (t) => {
  const { auth, clock } = await startAuth({ config });
  const jwt = await auth.createOciToken('root', ['oci:repository:x:pull']);
  const { header, payload } = claimsOf(jwt);
  const [head, body, signature] = jwt.split('.') as [string, string, string];
  const more = { ...payload, access: [{ type: '*', name: '*', actions: ['*'] }] };
  const sign = (claims: object, secret = SECRET, options: jsonwebtoken.SignOptions = {}) =>
    jsonwebtoken.sign(claims, secret, options);
  const without = (claim: string) => Object.fromEntries(Object.entries(payload).filter(([name]) => name !== claim));
  const foreign = ({ srt_uid, ...claims }: jsonwebtoken.JwtPayload) => claims;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicPem = createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' }).toString();
  const hmac = (text: string, key: string) => `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;

  t.ok(await auth.validateToken(sign(payload)), 'the tests sign as the registry does');
  const table: [string, string][] = [
    ['other claims under the old signature', `${head}.${encode(more)}.${signature}`],
    ['another signature', `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`],
    ['no signature', `${head}.${body}.`],
    ['alg none', `${encode({ ...header, alg: 'none' })}.${body}.`],
    ['alg NoNe', `${encode({ ...header, alg: 'NoNe' })}.${body}.`],
    ['alg none under the old signature', `${encode({ ...header, alg: 'none' })}.${body}.${signature}`],
    ['another secret', sign(payload, 'guessed')],
    ['an empty secret', hmac(`${head}.${body}`, '')],
    ['HS512 with the right secret', sign(payload, SECRET, { algorithm: 'HS512' })],
    ['RS256 by a key of the attacker', jsonwebtoken.sign(payload, rsa.privateKey, { algorithm: 'RS256' })],
    ['HS256 keyed by a public key', hmac(`${head}.${body}`, publicPem)],
    ['RS256 in the header, HS256 in the signature', hmac(`${encode({ ...header, alg: 'RS256' })}.${body}`, SECRET)],
    ['a critical extension', hmac(`${encode({ ...header, crit: ['exp'] })}.${body}`, SECRET)],
    ['another audience', sign({ ...payload, aud: 'other-registry' })],
    ['no audience', sign(without('aud'))],
    ['another issuer', sign({ ...payload, iss: 'https://evil.example.com' })],
    ['no issuer', sign(without('iss'))],
    ['no expiry', sign(without('exp'))],
    ['no subject', sign(foreign(without('sub')))],
    [
      'a subject that is no text',
      hmac(`${head}.${encode(foreign({ ...payload, sub: 7 as unknown as string }))}`, SECRET),
    ],
    ['text instead of claims', hmac(`${head}.${Buffer.from('"hello"').toString('base64url')}`, SECRET)],
    ['claims that are not JSON', hmac(`${head}.${Buffer.from('{').toString('base64url')}`, SECRET)],
    ['another account of the name', sign({ ...payload, srt_uid: 'other' })],
    ['expired long ago', sign({ ...payload, iat: 1, nbf: 1, exp: 2 })],
    ['not valid yet', sign({ ...payload, nbf: clock.ms / 1000 + 60 })],
  ];
  for (const [what, forged] of table) t.equal(await auth.validateToken(forged, 'oci'), null, what);
});

t.test('clocks may differ by 30 seconds', async (t) => {
  const { auth, clock } = await startAuth({ config });
  const jwt = await auth.createOciToken('root', ['oci:repository:x:pull'], 60);
  clock.forward(89);
  const token = await auth.validateToken(jwt);
  t.ok(await auth.authorize(token, 'oci:repository:x', 'pull'));
  clock.forward(2);
  t.equal(await auth.validateToken(jwt), null);
  t.notOk(await auth.authorize(token, 'oci:repository:x', 'pull'));
  clock.ms -= 91_000 + 29_000;
  t.ok(await auth.validateToken(jwt), 'issued in the near future');
  clock.ms -= 2_000;
  t.equal(await auth.validateToken(jwt), null);
});

t.test('revocation: of the JWT, of the token it was got with, of both by another process', async (t) => {
  const [store, clock] = [new MemoryObjectStore(), new Clock()];
  const [here, there] = [await startAuth({ store, clock, config }), await startAuth({ store, clock, config })];
  const make = async () => {
    const password = await here.auth.createToken('root', 'oci', { expiresIn: 1800 });
    t.match(password, /^srt_oci_/, 'the long-lived one is opaque');
    const caller = await here.auth.validateCredential({ kind: 'basic', username: 'root', password }, 'oci');
    const issued = await here.tokens.issue(caller, wanted('oci:repository:x:pull,push'));
    t.match(
      issued,
      { expiresIn: 1800, issuedAt: clock.now(), scopes: ['oci:repository:x:pull', 'oci:repository:x:push'] },
      'it does not outlive its parent',
    );
    for (const { auth } of [here, there]) t.ok(await auth.validateToken(issued.token, 'oci'));
    return { password, ...issued };
  };
  const ways: [string, (made: Awaited<ReturnType<typeof make>>) => Promise<unknown>][] = [
    ['the JWT itself', ({ token }) => here.auth.revokeToken(token)],
    ['the id of the JWT', ({ tokenId }) => here.auth.revokeToken(tokenId)],
    ['the token behind it', ({ password }) => here.auth.revokeToken(password)],
    [
      'all of the user',
      async () => {
        for (const { id } of await here.auth.listTokens('root')) t.ok(await here.auth.revokeTokenOf('root', id));
      },
    ],
  ];
  for (const [way, revoke] of ways) {
    const made = await make();
    await revoke(made);
    t.equal(await here.auth.validateToken(made.token), null, `${way}: here at once`);
    clock.forward(5);
    t.equal(await there.auth.validateToken(made.token), null, `${way}: there within 5 s`);
  }

  // base64url has spare bits: the same JWT in another spelling
  const { token } = await make();
  const last = token.at(-1)!;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
  await here.auth.revokeToken(token);
  t.equal(await here.auth.validateToken(twin), null);

  const mine = await make();
  t.equal(await here.auth.revokeTokenOf('dev', mine.token), false);
  t.equal(await here.auth.revokeTokenOf('root', mine.token), true);
  t.equal(await here.auth.revokeTokenOf('root', jsonwebtoken.sign({ sub: 'root' }, 'other secret')), false);
  // a JWT is accepted for half a minute after its end, because clocks differ: so long its revocation must stay
  const short = () => here.auth.createOciToken('root', ['oci:repository:x:pull'], 600);
  const [kept, revoked] = [await short(), await short()];
  await here.auth.revokeToken(revoked);
  clock.forward(600 + 20);
  await here.auth.sweep();
  clock.forward(5);
  t.ok(await there.auth.validateToken(kept), 'a little late');
  t.equal(await there.auth.validateToken(revoked), null, 'and what was revoked stays so');

  clock.forward(3 * 3600);
  await here.auth.sweep();
  t.same(
    store.keys().filter((key) => key.startsWith('auth/revoked/')),
    [store.keys().find((key) => /revoked/.test(key))],
    'only the one revoked by id, whose end is not known, is kept',
  );
});

t.test('what the caller may not, the JWT may not', async (t) => {
  const { auth, tokens } = await startAuth({ config: { ...config, anonymousScopes: ['oci:repository:open/*:pull'] } });
  const asked = wanted('oci:repository:open/x:pull,push', 'oci:repository:team/x:pull,push');
  const password = await auth.createToken('dev', 'oci', { readonly: true });
  const reader = await tokens.issue(await auth.validateToken(password), asked);
  t.same(reader.scopes.sort(), ['oci:repository:open/x:pull', 'oci:repository:team/x:pull']);

  const anonymous = await tokens.issue(null, asked, 300);
  t.same(anonymous.scopes, ['oci:repository:open/x:pull']);
  const token = await auth.validateToken(anonymous.token, 'oci');
  t.match(token, { userId: '', type: 'oci' });
  t.ok(await auth.authorize(token, 'oci:repository:open/x', 'pull'));
  t.notOk(await auth.authorize(token, 'oci:repository:team/x', 'pull'));
  t.notOk(await auth.authorize(token, 'oci:repository:open/x', 'push'));
  t.equal(await failure(tokens.issue(token, asked)), 'forbidden', 'a JWT cannot renew itself');
});

t.test('a token service elsewhere that knows the secret', async (t) => {
  const { auth, clock } = await startAuth({ config });
  const now = clock.ms / 1000;
  const access = [
    { type: 'repository', name: 'x', actions: ['pull', 'push'] },
    null,
    { type: 'repository', name: 'y' },
    'z',
  ];
  const claims = {
    iss: 'https://auth.example.com/token',
    aud: ['my-registry', 'other'],
    sub: 'stranger',
    exp: now + 300,
    uid: 'theirs',
    access,
  };
  const jwt = jsonwebtoken.sign(claims, SECRET, { noTimestamp: true });
  const token = await auth.validateToken(jwt, 'oci');
  t.match(token, { userId: 'stranger', scopes: ['oci:repository:x:pull', 'oci:repository:x:push'] });
  t.ok(await auth.authorize(token, 'oci:repository:x', 'push'), 'it need not be a user here');
  t.notOk(await auth.authorize(token, 'oci:repository:x', 'delete'));
  t.notOk(await auth.authorize(token, 'oci:repository:y', 'pull'));
  t.same(await auth.allowedNames(token, { protocol: 'oci', type: 'repository', action: 'pull' }, ['x', 'y']), ['x']);
  await auth.revokeToken(jwt);
  t.equal(await auth.validateToken(jwt, 'oci'), null, 'without a jti it is known by what was signed');
  const strict = await startAuth({ config: { ...config, ociTokens: { ...config.ociTokens, issuer: 'acme' } } });
  t.equal(await strict.auth.validateToken(jwt, 'oci'), null);
  t.ok(await strict.auth.validateToken(jsonwebtoken.sign({ ...claims, iss: 'acme' }, SECRET), 'oci'));
});

t.test('with a provider of the embedder', async (t) => {
  const asked: string[] = [];
  const provider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async (token) => (token.startsWith('eyJ') ? { userId: 'from-jwt-of-theirs', scopes: [] } : null),
    createToken: async () => 'secret',
    revokeToken: async () => {},
    authorize: async (token, resource, action) => {
      asked.push(`${token?.userId ?? '-'} ${action} ${resource}`);
      return token?.userId === 'ann' ? action !== 'delete' : action === 'pull' && resource === 'oci:repository:open';
    },
  };
  const { auth, tokens } = await startAuth({ provider });
  const jwt = await auth.createOciToken('ann', ['oci:repository:x:*'], 60);
  const token = await auth.validateToken(jwt, 'oci');
  t.match(token, { userId: 'ann', scopes: ['oci:repository:x:pull', 'oci:repository:x:push'] });
  asked.length = 0;
  t.ok(await auth.authorize(token, 'oci:repository:x', 'push'));
  t.notOk(await auth.authorize(token, 'oci:repository:y', 'push'), 'the JWT does not name it');
  t.ok(await auth.authorize(token, 'oci:repository:open', 'pull'), 'as anybody may');
  t.same(asked, ['ann push oci:repository:x', '- push oci:repository:y', '- pull oci:repository:open']);
  t.match(await auth.validateToken(jsonwebtoken.sign({}, 'theirs'), 'oci'), { userId: 'from-jwt-of-theirs' });
  await auth.revokeToken(jwt);
  t.equal(await auth.validateToken(jwt, 'oci'), null, 'one of ours that is void is not put to the provider');
  t.same((await tokens.issue(null, wanted('oci:repository:open:pull,push'))).scopes, ['oci:repository:open:pull']);
});

t.test('a forged token is verified once, whatever audiences it names', async (t) => {
  const { auth } = await startAuth({ config });
  const audiences = (count: number) => Array.from({ length: count }, (_, at) => `smartregistry/${at}`);
  const forged = (count: number): string => {
    const payload = { iss: 'smartregistry', sub: 'root', exp: 4_000_000_000, aud: audiences(count) };
    return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}.${'A'.repeat(43)}`;
  };
  let verifications = 0;
  const { verify } = jsonwebtoken;
  jsonwebtoken.verify = ((...args: Parameters<typeof verify>) => {
    verifications++;
    return verify(...args);
  }) as typeof verify;
  t.teardown(() => {
    jsonwebtoken.verify = verify;
  });
  t.equal(await auth.validateToken(forged(600)), null);
  t.equal(verifications, 1, 'with one verification for each audience, 14 KB of a stranger held the loop for 1.4 s');
  const claims = { sub: 'root', srt_uid: '', scope: 'shelf:shelf:a:read', exp: 4_000_000_000 };
  const signed = (aud: unknown, iss: string) => jsonwebtoken.sign({ ...claims, aud, iss }, SECRET);
  t.match(await auth.validateToken(signed(['x', 'smartregistry/shelf'], 'smartregistry')), { type: 'shelf' });
  for (const [aud, iss] of [
    ['smartregistry/shelf', 'another'],
    ['smartregistry/', 'smartregistry'],
    ['another', 'smartregistry'],
    ['my-registry', 'smartregistry'],
    [undefined, 'smartregistry'],
    [[{ toString: 'x' }, 7], 'smartregistry'],
  ] as const) {
    const payload = Buffer.from(JSON.stringify({ ...claims, aud, iss })).toString('base64url');
    const head = `${encode({ alg: 'HS256', typ: 'JWT' })}.${payload}`;
    const jwt = `${head}.${createHmac('sha256', SECRET).update(head).digest('base64url')}`;
    t.equal(await auth.validateToken(jwt), null, JSON.stringify([aud, iss]));
  }
});
