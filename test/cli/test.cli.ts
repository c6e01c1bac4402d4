import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { commitinfo } from '../../ts/00_commitinfo_data.js';
import { formatTable } from '../../ts/cli/helpers.commandline.js';
import { createFirstAdmin } from '../../ts/cli/helpers.firstadmin.js';
import { SILENT_LOGGER } from '../../ts/core/base/helpers.log.js';
import { availableProtocols, SmartRegistry } from '../../ts/index.js';
import { basic, beginUpload, oneLine, run, runHere, serve, untilRefused } from '../support/cli.js';
import { ask } from '../support/http/client.js';
import { selfSigned, within } from '../support/http/host.js';
import { startRegistry, temporaryFolder } from '../support/registry.js';

/** `${name}` as it stands in a configuration file */
const variable = (name: string) => `\${${name}}`;
const whoami = (port: number, headers: Record<string, string>) => ask(port, '/npm/-/whoami', { headers });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

t.test('help, version, and what is wrong usage', async (t) => {
  const cwd = await temporaryFolder(t);
  t.match(await run(['--version'], { cwd }), { code: 0, out: `${commitinfo.version}\n` });
  const misspelt = await run(['serv'], { cwd });
  t.equal(misspelt.code, 2, 'the exit code of the process');
  oneLine(t, misspelt, /"serv" is not a command/);
  t.match(await runHere(t, ['--help']), { code: 0, out: /Usage: smartregistry COMMAND/ });
  t.match(await runHere(t, ['serve', '--help']), { code: 0, out: /--tls-cert/ });
  t.match(await runHere(t, ['token', '--help']), { code: 0, out: /Usage: smartregistry COMMAND/ });
  const wrong: [string[], RegExp][] = [
    [[], /A command is missing/],
    [['sing'], /"sing" is not a command/],
    [['constructor'], /"constructor" is not a command/],
    [['user'], /Which one: user add/],
    [['serve', '--prot', '1'], /Unknown option '--prot'/],
    [['serve', '--port', '99999'], /--port must be/],
    [['serve', '--port'], /--port/],
    [['serve', 'here'], /"here" is one argument too many/],
    [['serve', '--tls-cert', 'x'], /go together/],
    [['user', 'add'], /NAME is missing/],
    [['user', 'add', 'ann'], /--password-stdin/],
    [['token', 'create', '--user', 'ann'], /--protocol is missing/],
    [['token', 'create', '--protocol', 'npm'], /--user is missing/],
    [['token', 'create', '--user', 'ann', '--protocol', 'ftp'], /--protocol must be one of/],
    [['token', 'create', '--user', 'ann', '--protocol', 'npm', '--expires', '30'], /--expires must be/],
  ];
  const elsewhere = { SMARTREGISTRY_DATA: join(cwd, 'data') };
  for (const [args, pattern] of wrong) {
    const result = await runHere(t, args, elsewhere);
    t.equal(result.code, 2, args.join(' '));
    oneLine(t, result, pattern);
  }
  t.same(await readdir(cwd), [], 'nothing was made');
});

t.test('first start, a user of its own, tokens, while the server runs', async (t) => {
  const cwd = await temporaryFolder(t);
  const server = await serve(t, [], { cwd });
  t.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const password = /created user admin with password (\S+)/.exec(server.seen.out)?.[1] as string;
  t.ok(password?.length >= 20);
  t.match(server.seen.out, `${server.url}/npm`, 'the lines that point npm here');
  t.equal((await stat(join(cwd, 'data'))).mode & 0o077, 0, 'the store is its owner’s alone');

  const { port } = server;
  t.match(await ask(port, '/-/health'), { status: 200, body: Buffer.from('{"status":"ok"}') });
  t.match((await whoami(port, basic('admin', password))).body.toString(), /"admin"/);
  t.equal((await whoami(port, basic('admin', 'wrong'))).status, 401);

  const add = ['user', 'add', 'ann', '--password-stdin', '--email', 'ann@example.org'];
  t.match(await run(add, { cwd, input: 'correct horse\n' }), { code: 0 });
  t.match((await whoami(port, basic('ann', 'correct horse'))).body.toString(), /"ann"/);
  const here = (args: string[], more = {}) => runHere(t, args, { SMARTREGISTRY_DATA: join(cwd, 'data'), ...more });
  const again = await here(['user', 'add', 'ann'], { SMARTREGISTRY_PASSWORD: 'x' });
  t.equal(again.code, 1);
  oneLine(t, again, /ann/);
  const listed = await here(['user', 'list']);
  t.match(listed.out, /^admin .*\*:\*:\*:\*/m);
  t.match(listed.out, /^ann +ann@example\.org +store /m);

  const created = await run(
    ['token', 'create', '--user', 'ann', '--protocol', 'npm', '--expires', '30d', '--name', 'ci'],
    { cwd },
  );
  t.match(created, { code: 0, err: '' });
  t.match(created.out, /^\S+\n$/, 'the token and nothing else');
  const token = created.out.trim();
  t.match((await whoami(port, bearer(token))).body.toString(), /"ann"/);
  const tokens = await here(['token', 'list', '--user', 'ann']);
  const [, id] = /^([0-9a-f]{64}) +ann +npm .* full +\d{4}-\d\d-\d\dT\S+Z +ci /m.exec(tokens.out) ?? [];
  t.ok(id, tokens.out);
  t.notMatch(tokens.out, token);

  t.match(await here(['token', 'revoke', 'ffffffffffff']), { code: 1, err: /no such token/ });
  t.match(await here(['token', 'list', '--user', 'nobody']), { code: 1, err: /There is no user nobody/ });
  for (const [time, days] of [
    ['36h', 1.5],
    ['2w', 14],
    ['1y', 365],
  ] as const) {
    const typo = ['--scope', 'npm:packages:*:read'];
    const brief = await here([
      'token',
      'create',
      '--user',
      'ann',
      '--protocol',
      'npm',
      '--expires',
      time,
      '--name',
      time,
      ...typo,
    ]);
    t.match(brief, { code: 0, err: /"npm:packages:\*:read" grants nothing/ });
    const row = new RegExp(` (\\S+) +${time} `).exec((await here(['token', 'list', '--user', 'ann'])).out);
    const left = Date.parse(row?.[1] ?? '') - Date.now();
    t.ok(Math.abs(left - days * 86_400_000) < 600_000, `${time}: ${row?.[1]}`);
  }
  t.match(await here(['token', 'revoke', (id as string).slice(0, 12)]), { code: 0 });
  t.notMatch((await here(['token', 'list'])).out, id);
  await new Promise((done) => setTimeout(done, 5_000));
  t.equal((await whoami(port, bearer(token))).status, 401, 'revoked for the running server within five seconds');

  t.match(await here(['user', 'passwd', 'ann'], { SMARTREGISTRY_PASSWORD: 'new' }), { code: 0 });
  const scoped = [
    'token',
    'create',
    '--user',
    'ann',
    '--protocol',
    'npm',
    '--scope',
    'npm:package:a:read',
    '--read-only',
  ];
  t.match(await here(scoped), { code: 0 });
  t.match((await here(['token', 'list'])).out, /ann .* read-only +never +- +npm:package:a:read$/m);
  const bySecret = (await here(['token', 'create', '--user', 'ann', '--protocol', 'npm'])).out.trim();
  t.match(await here(['token', 'revoke', bySecret]), { code: 0 });
  t.match(await here(['user', 'remove', 'ann']), { code: 0 });
  t.match(await here(['user', 'remove', 'ann']), { code: 1, err: /There is no user ann/ });
  t.match(await here(['token', 'create', '--user', 'ann', '--protocol', 'npm']), {
    code: 1,
    err: /no user ann/,
  });

  server.child.kill('SIGTERM');
  t.same(await server.closed, [0, null], 'a graceful end');
  t.match(server.seen.err, /stopping signal=SIGTERM/);

  const second = await serve(t, [], { cwd });
  t.notMatch(second.seen.out, /password/, 'only the first start makes an admin');
  t.match((await whoami(second.port, basic('admin', password))).body.toString(), /"admin"/);
});

t.test('the password that is given is used, and removed users stay removed', async (t) => {
  const cwd = await temporaryFolder(t);
  const env = { SMARTREGISTRY_ADMIN_PASSWORD: 'given', SMARTREGISTRY_DATA: './elsewhere', SMARTREGISTRY_PORT: '1' };
  const server = await serve(t, [], { cwd, env });
  t.notMatch(server.seen.out, /password|given/);
  t.match((await whoami(server.port, basic('admin', 'given'))).body.toString(), /"admin"/);
  t.same(await readdir(cwd), ['elsewhere']);
  server.child.kill('SIGINT');
  t.same(await server.closed, [0, null]);
  t.match(await run(['user', 'remove', 'admin', '--data', 'elsewhere'], { cwd }), { code: 0 });
  const second = await serve(t, [], { cwd, env });
  t.equal((await whoami(second.port, basic('admin', 'given'))).status, 401);
});

t.test('two that start at once agree on the admin and on the secret', async (t) => {
  const cwd = await temporaryFolder(t);
  const servers = await Promise.all([serve(t, [], { cwd }), serve(t, [], { cwd })]);
  const passwords = servers.map(({ seen }) => /with password (\S+)/.exec(seen.out)?.[1]).filter(Boolean);
  t.equal(passwords.length, 1, 'one of them made it');
  for (const { port } of servers) {
    t.match((await whoami(port, basic('admin', passwords[0] as string))).body.toString(), /"admin"/);
  }
  for (const { child } of servers) child.kill('SIGTERM');
  for (const { closed } of servers) t.same(await closed, [0, null]);
  const secrets = await readSecrets(join(cwd, 'data'));
  t.equal(secrets.length, 1);
  t.ok((secrets[0] as string).length >= 32);
});

t.test('of two that make the admin at the same moment one shows a password, the right one', async (t) => {
  const config = { storage: { directory: await temporaryFolder(t) }, auth: { tokenStore: 'bucket' as const } };
  const open = () => startRegistry(t, { ...config, auth: { ...config.auth, jwtSecret: 'the secret that both have' } });
  const registries = await Promise.all([open(), open(), open()]);
  const shown = await Promise.all(registries.map((registry) => createFirstAdmin(registry, config, {}, SILENT_LOGGER)));
  const passwords = shown.filter((password) => password !== undefined);
  t.equal(passwords.length, 1);
  const [password = ''] = passwords;
  t.equal(await registries[0]!.getAuthManager().authenticate({ username: 'admin', password }), 'admin');
});

const readSecrets = async (directory: string): Promise<string[]> => {
  const auth = { jwtSecret: 'x'.repeat(32), tokenStore: 'memory' as const };
  const registry = new SmartRegistry({ storage: { directory }, auth });
  await registry.init();
  const document = await registry.getStorage().read<{ jwtSecret: string }>('auth/secret.json');
  await registry.destroy();
  return document ? [document.value.jwtSecret] : [];
};

t.test('a configuration file', async (t) => {
  const cwd = await temporaryFolder(t);
  await mkdir(join(cwd, 'etc'));
  const file = join(cwd, 'etc', 'config.json');
  const write = (config: unknown) => writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
  await write({
    storage: { directory: `../${variable('PLACE')}` },
    auth: {
      jwtSecret: variable('SECRET'),
      tokenStore: 'bucket',
      users: [{ username: 'ann', password: `$${variable('not-a-variable')}` }],
      selfRegistration: variable('REGISTER'),
    },
    npm: { enabled: true, basePath: '/packages', registryUrl: 'https://npm.example.org/packages' },
  });
  const env = { PLACE: 'kept', SECRET: 'a "quoted" secret', REGISTER: 'false' };
  const server = await serve(t, ['--config', 'etc/config.json'], { cwd, env });
  t.notMatch(server.seen.out, /created user/, 'there are users');
  t.match(server.seen.out, 'https://npm.example.org/packages');
  t.match(await ask(server.port, '/packages/-/whoami', { headers: basic('ann', variable('not-a-variable')) }), {
    status: 200,
  });
  t.same((await readdir(cwd)).sort(), ['etc', 'kept'], 'paths are relative to the file');
  const listed = await run(['user', 'list'], { cwd, env: { ...env, SMARTREGISTRY_CONFIG: 'etc/config.json' } });
  t.match(listed.out, /^ann +- +config /m);
  const readOnly = await run(['user', 'passwd', 'ann', '--config', file], {
    cwd,
    env: { ...env, SMARTREGISTRY_PASSWORD: 'x' },
  });
  t.equal(readOnly.code, 1);
  oneLine(t, readOnly, /configuration/);

  const wrong: [unknown, RegExp][] = [
    [{ auth: { jwtSecret: variable('NOT_SET') } }, /config\.auth\.jwtSecret needs the environment variable NOT_SET/],
    [{ auth: { users: [{ username: 'a', password: '${SECRET' }] } }, /config\.auth\.users\[0\]\.password has a "\$\{"/],
    [{ nmp: { enabled: true } }, /config\.nmp is unknown; did you mean npm\?/],
    [{ auth: { tokenStore: 'redis' } }, /config\.auth\.redis is missing: tokenStore "redis" needs it/],
    [{ auth: { tokenStore: 'database', database: { url: 'mysql://ann:hidden@h' } } }, /config\.auth\.database\.url/],
    [{ port: '80' }, /config\.port must be a number from 0 to 65535/],
    [{ tls: 'cert.pem' }, /config\.tls must be \{ cert, key \}/],
    [{ storageHooks: {} }, /config\.storageHooks holds code/],
    [{ npm: { enabled: 'yes' } }, /config\.npm\.enabled must be true or false/],
    [{ storage: { bucketName: 'b' } }, /config\.storage\.endpoint/],
    [{ auth: { tokenStore: 'file' } }, /config\.auth\.tokenStore/],
    [{ auth: 1 }, /config\.auth must be an object/],
    ['[]', /must hold one JSON object/],
    ['{\n "auth": {\n "jwtSecret": "hidden" "x"', /not valid JSON \(line 3\)$/m],
    // the engine names no position here, and quotes the text
    ['{\n "auth": {\n "jwtSecret": "hidden",\n "users": nobody }\n}', /not valid JSON \(line 4\)$/m],
    ['{ "auth": hidden,\n "port": 5000 }', /not valid JSON \(line 1\)$/m],
    ['{ "auth": hidden }', /not valid JSON( \(line 1\))?$/m],
    ['[[0, , 1],\n[0, , 1],\n[0, , 1]]', /not valid JSON( \(line 1\))?$/m],
    ['{ "auth":\n\n', /not valid JSON: it ends too early$/m],
  ];
  for (const [config, pattern] of wrong) {
    await write(config);
    const place = { SMARTREGISTRY_DATA: join(cwd, 'unwanted') };
    const result = await runHere(t, ['serve', '--port', '0', '--config', file], { ...env, ...place });
    t.equal(result.code, 1, JSON.stringify(config));
    oneLine(t, result, pattern);
    t.notMatch(result.err, /hidden/);
  }
  t.same((await readdir(cwd)).sort(), ['etc', 'kept'], 'nothing is made for a configuration that is wrong');
  const none = await runHere(t, ['serve', '--config', join(cwd, 'none.json')]);
  t.equal(none.code, 1);
  oneLine(t, none, /none\.json cannot be read: ENOENT/);
  await write({ storage: { directory: 'x' } });
  const both = await runHere(t, ['serve', '--config', file, '--data', join(cwd, 'y')]);
  t.equal(both.code, 2);
  oneLine(t, both, /choose one/);
  await write({ auth: { jwtSecret: 's', tokenStore: 'memory' } });
  const memory = await runHere(t, ['token', 'create', '--user', 'ann', '--protocol', 'npm', '--config', file]);
  t.equal(memory.code, 1);
  oneLine(t, memory, /only the serving process knows its tokens/);
});

t.test('without a configuration every protocol there is answers', async (t) => {
  const server = await serve(t, [], { cwd: await temporaryFolder(t) });
  for (const protocol of availableProtocols()) {
    const { headers } = await ask(server.port, `/${protocol}/`);
    t.ok(headers['content-type'], protocol);
  }
  await ask(server.port, '/npm/-/user/token/secret-token?x=secret-query', { method: 'DELETE' });
  await ask(server.port, '/npm/-/user/token//secret-token', { method: 'DELETE' });
  await ask(server.port, '/npm/-/v1/done/secret-login', {});
  for (const path of [/\/user\/token\/\*/, /\/v1\/done/]) await server.logged(path);
  t.match(
    server.seen.err,
    /^\S+Z info request id=\S+ method=DELETE path=\/npm\/-\/user\/token\/\*\*\* status=401 ms=\S+ bytes=\d+ ip=127\.0\.0\.1 refusal="/m,
  );
  t.notMatch(server.seen.err, /secret/);
});

t.test('SIGTERM lets an upload finish, a second one does not', async (t) => {
  const cwd = await temporaryFolder(t);
  const env = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };
  const { Authorization } = basic('admin', 'given');
  const begin = async (port: number) => {
    const raw = await beginUpload(port, '/npm/a', 10, Authorization);
    raw.socket.write('not ');
    return raw;
  };
  const patient = await serve(t, [], { cwd, env });
  const upload = await begin(patient.port);
  patient.child.kill('SIGTERM');
  await untilRefused(patient.port);
  t.equal(patient.child.exitCode, null, 'it waits');
  upload.socket.write('json: ');
  t.match(await upload.end(), /^HTTP\/1\.1 400 /, 'and answers');
  t.same(await within(patient.closed, 'end'), [0, null]);

  const hurried = await serve(t, [], { cwd, env });
  await begin(hurried.port);
  hurried.child.kill('SIGTERM');
  await untilRefused(hurried.port);
  // two signals within a tenth of a second count as one
  await new Promise((done) => setTimeout(done, 300));
  hurried.child.kill('SIGTERM');
  t.same(await within(hurried.closed, 'end'), [143, null]);
});

const tls = selfSigned();
t.test('TLS', { skip: !tls && 'there is no openssl to make a certificate' }, async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'cert.pem'), tls!.cert);
  await writeFile(join(cwd, 'key.pem'), tls!.key);
  const server = await serve(t, ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'], { cwd });
  t.match(server.url, /^https:/);
  t.match(server.seen.out, `${server.url}/npm`);
  const missing = await run(['serve', '--tls-cert', 'none.pem', '--tls-key', 'key.pem'], { cwd });
  t.equal(missing.code, 1);
  oneLine(t, missing, /none\.pem cannot be read: ENOENT/);
});

t.test('what users named themselves commands no terminal and makes no lines', async (t) => {
  const table = await formatTable([['NAME'], ['\u001b[2Jx'], ['a\nroot'], ['\u202egnp']]);
  const long = await formatTable([['ID', 'OF'], ...Array.from({ length: 150_000 }, (_, n) => [`${n}`, 'x'])]);
  t.match(long.slice(0, 30), /^ID {6}OF\n0 {7}x\n/, 'as many rows as there are');
  t.equal(table, 'NAME\n\ufffd[2Jx\na\ufffdroot\n\ufffdgnp\n');
});
