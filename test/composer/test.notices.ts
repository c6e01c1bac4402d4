import t from 'tap';
import { composerWorld } from '../support/composer/actors.js';
import { send } from '../support/registry.js';

t.test('advisories: the key is there, with none but the names that were asked for', async (t) => {
  const { writer, anon, registry } = await composerWorld(t, {
    auth: { anonymousScopes: ['composer:package:open/*:read'] },
  });
  for (const name of ['open/a', 'open/b', 'closed/c']) await writer.publish(name, '1.0.0');
  const ask = (body: string) =>
    anon.send('POST', '/security-advisories', body, { 'content-type': 'application/x-www-form-urlencoded' });
  const asked =
    'packages%5B0%5D=open%2Fa&packages%5B1%5D=closed%2Fc&packages%5B2%5D=open%2Fnone&packages%5B%5D=__proto__';
  t.match(await ask(asked), { status: 200 });
  t.same((await ask(asked)).json(), { advisories: { 'open/a': [] } });
  t.same((await ask('')).json(), { advisories: {} });
  t.same((await anon.get('/security-advisories?packages[]=open/b')).json(), { advisories: { 'open/b': [] } });
  t.same((await anon.get('/security-advisories')).json(), { advisories: {} });
  for (const field of ['packages', 'packages[]', 'packages[17]']) {
    const found = { advisories: { 'Open/A': [] } };
    t.same((await anon.get(`/security-advisories?${field}=Open/A`)).json(), found, 'as it was asked for');
    t.same((await ask(`${encodeURIComponent(field)}=Open/A`)).json(), found, field);
  }
  for (const field of ['packagesx', 'xpackages', 'packages[a]', 'packages[1', 'updatedSince']) {
    t.same((await anon.get(`/security-advisories?${field}=open/a`)).json(), { advisories: {} }, field);
    t.same((await ask(`${encodeURIComponent(field)}=open/a`)).json(), { advisories: {} }, field);
  }
  t.same((await anon.send('POST', '/security-advisories')).json(), { advisories: {} }, 'no body');
  const long = (length: number) => ask(`packages[]=${'x'.repeat(length)}&`.repeat(20_000));
  t.equal((await long(190)).status, 200);
  t.equal((await long(205)).status, 413, 'more than 4 MiB');
  const many = Array.from({ length: 20_000 }, (_, at) => `some/p${at}`);
  for (const [before, found] of [
    [many.slice(1), { 'open/a': [] }],
    [many, {}],
  ] as const) {
    const query = { 'packages[]': [...before, 'open/a'] };
    const answer = await send(registry, 'GET', '/composer/security-advisories', { query });
    t.same(answer.json(), { advisories: found }, 'of more than 20,000 names no client gets an answer');
  }
  const twice = { 'packages[]': [...Array<string>(20_001).fill('some/one'), 'open/a'] };
  const answer = await send(registry, 'GET', '/composer/security-advisories', { query: twice });
  t.same(answer.json(), { advisories: { 'open/a': [] } }, 'one name counts once');
  t.equal((await ask(`packages[]=x&`.repeat(20_001))).status, 400);
});

t.test('the notice of an installation is taken, whatever it says', async (t) => {
  const { anon } = await composerWorld(t, { auth: { anonymousScopes: [] } });
  const body = JSON.stringify({ downloads: [{ name: 'a/b', version: '1.0.0.0' }] });
  const taken = await anon.send('POST', '/downloads', body);
  t.same([taken.status, taken.json()], [200, { status: 'success' }]);
  t.equal((await anon.get('/downloads')).status, 405);
});
