import type { Test } from 'tap';
import type { IAuthProvider, TRegistryProtocol } from '../../ts/index.js';
import type { IClientRequest, IProtocolDescription, TSend } from '../support/protocol/description.js';
import { type IProtocolWorld, protocolWorld } from '../support/protocol/world.js';
import type { IAnswer } from '../support/registry.js';

interface ICaller {
  title: string;
  send: TSend;
  /** whether the credential is valid, or there is none */
  isKnown: boolean;
  /** who is asked for a credential if a right is missing */
  isAnonymous?: boolean;
  /** its rights to the first name, beside what everybody has */
  rights: string[];
  /** whether it may read any package at all, beside what everybody may */
  readsSomething?: boolean;
}

const callersOf = async (about: IProtocolDescription, world: IProtocolWorld): Promise<ICaller[]> => {
  const { protocol, type, names, credential = (token) => ({ authorization: `Bearer ${token}` }) } = about;
  const [name, , other] = names;
  const { registry, tokenOf, callerOf } = world;
  const auth = registry.getAuthManager();
  const elsewhere: TRegistryProtocol = protocol === 'npm' ? 'cargo' : 'npm';
  const right = (of: string, action: string) => `${protocol}:${type}:${of}:${action}`;
  const caller = async (title: string, scopes: string[], rights: string[], more: object = {}): Promise<ICaller> => ({
    title,
    send: callerOf(await tokenOf({ scopes, ...more })),
    isKnown: true,
    rights,
    readsSomething: scopes.some((scope) => scope.startsWith(`${protocol}:${type}:`) && /:(read|\*)$/.test(scope)),
  });
  const unknown = (title: string, token: string): ICaller => ({
    title,
    send: callerOf(token),
    isKnown: false,
    rights: [],
  });
  const revoked = await tokenOf({});
  await auth.revokeToken(revoked);
  const expired = await tokenOf({ expiresIn: 3600, name: 'expired' });
  const { id } = (await auth.listTokens('root')).find((token) => token.name === 'expired')!;
  await registry
    .getStorage()
    .update<object>(`auth/tokens/${id}.json`, (token) => ({ ...token, expiresAt: '2020-01-01T00:00:00.000Z' }));
  const forged = await tokenOf({});
  return [
    { title: 'nobody', send: world.anonymous, isKnown: true, isAnonymous: true, rights: [] },
    await caller('a token of another type', [`${protocol}:nothing:*:*`], []),
    await caller('a token to read', [right(name, 'read')], ['read']),
    await caller('a token to write', [right(name, 'write')], ['write']),
    await caller('a token to delete', [right(name, 'delete')], ['delete']),
    await caller('a read-only token', [right('*', '*')], ['read'], { readonly: true }),
    await caller('a token of another package', [right(other, '*')], []),
    unknown('a token of another protocol', await auth.createToken('root', elsewhere)),
    unknown('a revoked token', revoked),
    unknown('an expired token', expired),
    unknown('a forged token', `${forged.slice(0, -1)}${forged.endsWith('0') ? '1' : '0'}`),
    unknown('no token at all', 'wrong'),
    {
      title: 'credentials of no user',
      send: world.callerWith({ authorization: `Basic ${Buffer.from('nobody:wrong').toString('base64')}` }),
      isKnown: false,
      rights: [],
    },
    {
      title: credential('x').authorization === undefined ? 'the token' : 'an administrator',
      send: world.admin,
      isKnown: true,
      rights: ['read', 'write', 'delete'],
      readsSomething: true,
    },
  ];
};

/** What a caller without the right gets. */
const refusalOf = (
  caller: ICaller,
  action: string,
  { hidesNames, everybodyReads }: { hidesNames: boolean; everybodyReads: boolean },
): number => {
  if (!caller.isKnown) return 401;
  if (action === 'read' && hidesNames && (caller.readsSomething || everybodyReads)) return 404;
  return caller.isAnonymous ? 401 : 403;
};

const bodyless = ({ text }: IAnswer): string => text.slice(0, 200);

/** Route x caller, for a registry that everybody reads and for a private one. */
export const protocolRights = (t: Test, about: IProtocolDescription): void => {
  const { protocol, names, hidesNames = false } = about;
  const [name] = names;
  const one = about.version(1);
  const reads: { title: string; request: (name: string, version: string) => unknown }[] = [
    { title: 'metadata', request: (of: string) => ({ method: 'GET', path: about.metadata(of) }) },
    {
      title: 'artifact',
      request: (of: string, version: string) => ({ method: 'GET', path: about.artifact(of, version) }),
    },
    ...(about.reads ?? []),
  ];

  for (const [kind, anonymousScopes] of [
    ['that everybody may read', undefined],
    ['that is private', []],
  ] as const) {
    t.test(`${protocol}: who may do what in a registry ${kind}`, async (t) => {
      const world = await protocolWorld(t, about, {
        auth: { anonymousScopes: anonymousScopes && [...anonymousScopes] },
      });
      t.ok((await world.publish(name, one)).status < 300);
      const everybodyReads = anonymousScopes === undefined;
      const callers = await callersOf(about, world);
      for (const { title, request } of reads) {
        for (const caller of callers) {
          const asked = (await request(name, one)) as IClientRequest;
          const may = caller.isKnown && (everybodyReads || caller.rights.includes('read'));
          const answer = await caller.send(asked);
          const what = `${title}, ${caller.title}: ${answer.status} ${may ? '' : bodyless(answer)}`;
          if (may) t.ok(answer.status < 300, what);
          else {
            t.equal(answer.status, refusalOf(caller, 'read', { hidesNames, everybodyReads }), what);
            t.ok(about.isError(answer), `${what} in the protocol's own form`);
            t.equal('WWW-Authenticate' in answer.headers, answer.status === 401, `${what}: a challenge`);
          }
        }
      }
      const before = await world.stored();
      const upload = {
        title: 'upload',
        action: 'write' as const,
        request: () => about.publish(name, about.version(2)),
      };
      for (const { title, action, request } of [upload, ...about.writes]) {
        for (const caller of callers.filter(({ rights }) => !rights.includes(action))) {
          const answer = await caller.send(await request(name, one));
          const what = `${title}, ${caller.title}: ${answer.status} ${bodyless(answer)}`;
          t.equal(answer.status, refusalOf(caller, action, { hidesNames, everybodyReads }), what);
          t.ok(about.isError(answer), `${what} in the protocol's own form`);
        }
      }
      t.same(await world.stored(), before, 'nothing of what was refused is stored');
      t.same(about.versionsIn(await world.get(about.metadata(name))), [one], 'and nothing is changed');
      for (const { title, action, request } of [upload, ...about.writes]) {
        for (const caller of callers.filter(({ rights }) => rights.includes(action))) {
          const { status, text } = await caller.send(await request(name, one));
          t.notOk(
            [401, 403, 500].includes(status) && status !== about.existsStatus,
            `${title}, ${caller.title}: ${status} ${text}`,
          );
        }
      }
    });
  }

  t.test(`${protocol}: a listing names what the caller may read`, async (t) => {
    const world = await protocolWorld(t, about, { auth: { anonymousScopes: [] } });
    const [first, second] = names;
    for (const each of [first, second]) t.ok((await world.publish(each, one)).status < 300);
    const scopes = [`${protocol}:${about.type}:${first}:read`];
    const reader = world.callerOf(await world.tokenOf({ scopes }));
    for (const { path, names: named } of about.listings) {
      const seen = await reader({ method: 'GET', path });
      t.equal(seen.status, 200, path);
      t.same([named(seen, first), named(seen, second)], [true, false], `${path}: ${bodyless(seen)}`);
      const all = await world.get(path);
      t.same([named(all, first), named(all, second)], [true, true], `${path}, an administrator: ${bodyless(all)}`);
      t.equal((await world.anonymous({ method: 'GET', path })).status, 401, `${path}, nobody`);
    }
  });

  t.test(`${protocol}: a name that the caller may not read and one that is absent`, async (t) => {
    const world = await protocolWorld(t, about, { auth: { anonymousScopes: [] } });
    const [hidden, readable, absent] = names;
    for (const each of [hidden, readable]) t.ok((await world.publish(each, one)).status < 300);
    const reader = world.callerOf(await world.tokenOf({ scopes: [`${protocol}:${about.type}:${readable}:read`] }));
    const seen = async (send: TSend, asked: IClientRequest, of: string) => {
      const { status, text, headers } = await send(asked);
      const { 'Content-Length': _length, ...rest } = headers;
      return { status, text: text.replaceAll(of, 'NAME'), headers: rest };
    };
    for (const { title, request } of reads) {
      const answer = async (send: TSend, of: string) => seen(send, (await request(of, one)) as IClientRequest, of);
      const forHidden = await answer(reader, hidden);
      t.equal(forHidden.status, hidesNames ? 404 : 403, title);
      t.same(await answer(reader, absent), forHidden, `${title}: the same for both`);
      if (hidesNames) t.same(await answer(world.admin, absent), forHidden, `${title}: and as an administrator sees it`);
    }
  });

  t.test(`${protocol}: a provider of the application's own decides name by name`, async (t) => {
    const asked = new Set<string>();
    const authProvider: IAuthProvider = {
      authenticate: async ({ username }) => username,
      validateToken: async (token) => (token === 'of-ann' ? { userId: 'ann', scopes: [] } : null),
      createToken: async () => 'of-ann',
      revokeToken: async () => undefined,
      authorize: async (token, resource, action) => {
        asked.add(`${resource}:${action}`);
        if (token?.userId === 'root') return true;
        return token?.userId === 'ann' && resource === `${protocol}:${about.type}:${name}` && action === 'read';
      },
    };
    const world = await protocolWorld(t, about, { authProvider });
    const [, second] = names;
    for (const each of [name, second]) t.ok((await world.publish(each, one)).status < 300);
    const ann = world.callerOf('of-ann');
    for (const { title, request } of reads) {
      t.equal((await ann((await request(name, one)) as IClientRequest)).status, 200, title);
      t.equal((await ann((await request(second, one)) as IClientRequest)).status, hidesNames ? 404 : 403, title);
      t.equal((await world.anonymous((await request(name, one)) as IClientRequest)).status, 401, `${title}, nobody`);
    }
    t.equal((await ann(await about.publish(name, about.version(2)))).status, 403);
    for (const { path, names: named } of about.listings) {
      const seen = await ann({ method: 'GET', path });
      t.same([named(seen, name), named(seen, second)], [true, false], `${path}: ${bodyless(seen)}`);
    }
    t.ok(asked.has(`${protocol}:${about.type}:${name}:write`), 'by the name of the package');
  });
};
