import t from 'tap';
import { basicOf } from '../support/people.js';
import { GemActor, gemWorld, PASSWORD } from '../support/rubygems/actors.js';
import { gemOf } from '../support/rubygems/gems.js';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

t.test('which rights a key is made for', async (t) => {
  const { anon, registry } = await gemWorld(t);
  const auth = registry.getAuthManager();
  const authorization = basicOf('ann', PASSWORD);
  let number = 0;
  const isReadonly = async (fields: string): Promise<boolean | undefined> => {
    const name = `key-${++number}`;
    const body = `name=${name}&${fields}`;
    const made = await anon.send('POST', '/api/v1/api_key', { headers: { authorization, ...FORM }, body });
    t.match(made, { status: 200, headers: { 'Cache-Control': 'no-store' } }, fields);
    const token = (await auth.listTokens('ann')).find((one) => one.name === name);
    t.ok(token, `${fields}: the name of the key`);
    return token?.readonly === true;
  };
  for (const right of ['index_rubygems', 'show_dashboard', 'access_webhooks']) {
    t.equal(await isReadonly(`${right}=true`), true, right);
  }
  for (const right of [
    'push_rubygem',
    'yank_rubygem',
    'add_owner',
    'remove_owner',
    'update_owner',
    'configure_trusted_publishers',
  ]) {
    t.equal(await isReadonly(`index_rubygems=true&${right}=true`), false, right);
  }
  const isRefused = async (fields: string): Promise<void> => {
    const body = `name=none&${fields}`;
    const refused = await anon.send('POST', '/api/v1/api_key', { headers: { authorization, ...FORM }, body });
    t.match(refused, { status: 422, text: /^The key needs at least one right, such as push_rubygem/ }, fields);
  };
  await isRefused('other=true');
  for (const value of ['1', 'on', 'TRUE']) t.equal(await isReadonly(`index_rubygems=${value}`), true, value);
  for (const value of ['false', '0', 'truely', 'off']) {
    t.equal(await isReadonly(`index_rubygems=true&push_rubygem=${value}`), true, value);
    await isRefused(`index_rubygems=${value}`);
  }
  t.notOk(
    (await auth.listTokens('ann')).some(({ name }) => name === 'none'),
    'no key without a right is made',
  );
});

t.test('a key is made once, and only for a name and a password', async (t) => {
  const { anon, registry, writer } = await gemWorld(t);
  const auth = registry.getAuthManager();
  const keys = async () => (await auth.listTokens('ann')).length;
  const before = await keys();
  const ask = (method: string, authorization: string, body?: string) =>
    anon.send(method, '/api/v1/api_key', { headers: { authorization, ...(body && FORM) }, ...(body && { body }) });
  const ann = basicOf('ann', PASSWORD);
  t.match(await ask('HEAD', ann), { status: 200, text: '' });
  t.equal(await keys(), before, 'nobody would know the key of a HEAD');
  for (const authorization of [writer.token, `Bearer ${writer.token}`, basicOf('ann', writer.token as string)]) {
    const refused = await ask('GET', authorization as string);
    t.match(refused, { status: 401, text: /made for a user name and a password/ }, `${authorization}`);
  }
  t.equal(await keys(), before);
  t.match(await ask('GET', ann.replace('Basic ', 'bASIC   ')), { status: 200, text: /^srt_rubygems_/ });
  t.match(await ask('POST', ann, 'push_rubygem=true'), { status: 200, text: /^srt_rubygems_/ });
  await auth.users.create({ username: 'eve', password: 'with: a colon:' }, { scopes: [] });
  t.equal((await ask('GET', basicOf('eve', 'with: a colon:'))).status, 200, 'a password with colons');
  const names = (await auth.listTokens('ann')).map(({ name }) => name);
  t.equal(names.filter((name) => name === 'gem signin').length, 2, 'a key without a name');
  t.equal((await ask('POST', ann, `name=${'x'.repeat(16 * 1024)}`)).status, 413, 'a form of megabytes');
});

t.test('owners are for those who may read the gem, and in the words of gem', async (t) => {
  const { admin, registry, tokenOf } = await gemWorld(t, { auth: { anonymousScopes: [] } });
  await admin.push(gemOf('demo', '1.0'));
  const auth = registry.getAuthManager();
  for (const username of ['eve', 'yes']) await auth.users.create({ username, password: PASSWORD }, { scopes: [] });
  const path = '/api/v1/gems/demo/owners';
  t.equal(
    (await admin.form('POST', path, { email: 'eve' })).text,
    'Owner added successfully: eve may now push and yank versions of demo\n',
  );
  t.equal((await admin.form('POST', path, { owner: 'yes' })).status, 200, 'the name of the field for handles');
  const yaml = await admin.get(`${path}.yaml`);
  t.equal(yaml.headers['Content-Type'], 'text/yaml; charset=utf-8');
  t.match(yaml.text, /handle: eve\n/);
  t.match(yaml.text, /handle: "yes"\n/);
  const json = (await admin.get(`${path}.json`)).json() as unknown as { id: number; handle: string; role: string }[];
  t.same(
    json.map(({ handle, role }) => [handle, role]),
    [
      ['eve', 'owner'],
      ['yes', 'owner'],
    ],
  );
  for (const { id } of json) t.match(yaml.text, `- id: ${id}\n`);
  const eve = new GemActor(registry, await auth.createRubyGemsToken('eve'));
  t.equal((await eve.push(gemOf('demo', '2.0'))).status, 200, 'an owner may push');
  t.equal(
    (await eve.form('DELETE', path, { email: 'yes' })).text,
    'Owner removed successfully: yes is no longer an owner of demo\n',
  );
  t.same((await eve.get(`${path}.json`)).text.match(/handle/g)?.length, 1);
  const stranger = await tokenOf({ scopes: ['rubygems:gem:other:*'] });
  for (const kind of ['yaml', 'json']) t.equal((await stranger.get(`${path}.${kind}`)).status, 404, kind);
  t.equal((await admin.get('/api/v1/gems/none/owners.json')).status, 404);
});

t.test('who is no owner does not learn which gems there are', async (t) => {
  const { admin, tokenOf } = await gemWorld(t, { auth: { anonymousScopes: [] } });
  await admin.push(gemOf('demo', '1.0'));
  const stranger = await tokenOf({ scopes: ['rubygems:gem:other:*'] });
  for (const method of ['POST', 'DELETE']) {
    for (const gem of ['demo', 'none']) {
      const { status, text } = await stranger.form(method, `/api/v1/gems/${gem}/owners`, { email: 'eve' });
      t.same([status, text], [403, `Only an owner of ${gem} or an administrator may change its owners\n`]);
    }
    t.match(await admin.form(method, '/api/v1/gems/none/owners', { email: 'eve' }), {
      status: 404,
      text: 'none is not in this registry\n',
    });
    t.match(await admin.form(method, '/api/v1/gems/-odd/owners', { email: 'eve' }), { status: 404 });
  }
});
