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
  const many = Array.from({ length: 20_000 }, (_, at) => `some/p${at}`);
  for (const [before, found] of [
    [many.slice(1), { 'open/a': [] }],
    [many, {}],
  ] as const) {
    const query = { 'packages[]': [...before, 'open/a'] };
    const answer = await send(registry, 'GET', '/composer/security-advisories', { query });
    t.same(answer.json(), { advisories: found }, 'of more than 20,000 names no client gets an answer');
  }
  t.equal((await ask(`packages[]=x&`.repeat(20_001))).status, 400);
});

t.test('the notice of an installation is taken, whatever it says', async (t) => {
  const { anon } = await composerWorld(t, { auth: { anonymousScopes: [] } });
  const body = JSON.stringify({ downloads: [{ name: 'a/b', version: '1.0.0.0' }] });
  t.match(await anon.send('POST', '/downloads', body), { status: 200 });
  t.equal((await anon.get('/downloads')).status, 405);
});
