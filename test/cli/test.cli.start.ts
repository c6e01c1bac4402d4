import { mkdir, readdir, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { keepTlsRenewed } from '../../ts/cli/helpers.tlsfiles.js';
import type { ITlsFiles } from '../../ts/http/interfaces.http.js';
import { SmartRegistry } from '../../ts/index.js';
import { basic, beginUpload, oneLine, run, runHere, serve, untilRefused } from '../support/cli.js';
import { ask } from '../support/http/client.js';
import { selfSigned, within } from '../support/http/host.js';
import { temporaryFolder } from '../support/registry.js';
import { startS3Server } from '../support/store/s3-server.js';

const GIVEN = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };
const whoami = async (port: number, headers: Record<string, string>) =>
  (await ask(port, '/npm/-/whoami', { headers })).status;

const stop = async (server: Awaited<ReturnType<typeof serve>>) => {
  server.child.kill('SIGTERM');
  await within(server.closed, 'end', 10_000);
};

t.test('the text at the start says how to make a token for this store', async (t) => {
  const cwd = await temporaryFolder(t);
  const advice = '  # a token for a client: smartregistry token create --user NAME --protocol PROTOCOL';
  for (const args of [[], ['--data', 'data']]) {
    const server = await serve(t, args, { cwd });
    await stop(server);
    t.ok(server.seen.out.endsWith(`\n${[advice, ...args].join(' ')}\n`), server.seen.out);
  }
});

t.test('a given password that counts no more is told of, and how to change it', async (t) => {
  const cwd = await temporaryFolder(t);
  const first = await serve(t, [], { cwd, env: GIVEN });
  t.notMatch(first.seen.err, /ADMIN_PASSWORD/, 'the first start uses it');
  await stop(first);
  const again = await serve(t, [], { cwd, env: GIVEN });
  t.notMatch(again.seen.err, /ADMIN_PASSWORD/, 'the same one is right on every start');
  await stop(again);

  const changed = await serve(t, [], { cwd, env: { SMARTREGISTRY_ADMIN_PASSWORD: 'another' } });
  t.match(
    changed.seen.err,
    /warn SMARTREGISTRY_ADMIN_PASSWORD has no effect: the user admin has another password already; to change it: smartregistry user passwd admin$/m,
  );
  t.equal(await whoami(changed.port, basic('admin', 'given')), 200, 'nothing was changed');
  await stop(changed);

  t.match(await run(['user', 'remove', 'admin'], { cwd }), { code: 0 });
  const removed = await serve(t, [], { cwd, env: GIVEN });
  t.match(
    removed.seen.err,
    /no effect: the user admin was removed; to make it again: smartregistry user add admin --admin$/m,
  );
  await stop(removed);

  await writeFile(join(cwd, 'config.json'), JSON.stringify({ auth: { users: [{ username: 'ann', password: 'x' }] } }));
  const configured = await serve(t, ['--config', 'config.json'], { cwd, env: GIVEN });
  t.match(configured.seen.err, /no effect: the users are those of config\.auth\.users$/m);
});

t.test('only serve makes a store; other commands name the folder they looked in', async (t) => {
  const cwd = await temporaryFolder(t);
  const place = { SMARTREGISTRY_DATA: join(cwd, 'data'), SMARTREGISTRY_PASSWORD: 'x' };
  const commands = [
    ['user', 'list'],
    ['user', 'add', 'ann'],
    ['user', 'passwd', 'ann'],
    ['user', 'remove', 'ann'],
    ['token', 'list'],
    ['token', 'create', '--user', 'ann', '--protocol', 'npm'],
    ['token', 'revoke', 'x'],
    ['gc'],
    ['rebuild'],
  ];
  for (const command of commands) {
    const result = await runHere(t, command, place);
    t.equal(result.code, 1, command.join(' '));
    oneLine(
      t,
      result,
      /There is no store in \/.*data: set it with --data or --config, or create one with "smartregistry serve"$/m,
    );
  }
  t.same(await readdir(cwd), [], 'nothing was made');
  const other = await runHere(t, ['user', 'list'], { SMARTREGISTRY_DATA: cwd });
  t.match(other, { code: 1, err: /There is no store in/ }, 'a folder of something else is no store');
  t.same(await readdir(cwd), []);
});

t.test('only serve makes a bucket', async (t) => {
  const server = await startS3Server();
  if (!server) return t.pass('no S3 server', { skip: 'no S3 server here' });
  t.teardown(() => server.stop());
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'config.json'), JSON.stringify({ storage: server.config }));
  const place = { SMARTREGISTRY_CONFIG: join(cwd, 'config.json') };
  const list = () => runHere(t, ['user', 'list'], place);
  const early = await list();
  t.equal(early.code, 1);
  oneLine(t, early, new RegExp(`The bucket "${server.config.bucketName}" at \\S+ cannot be used`));
  t.match(await list(), { code: 1 }, 'it was not made');
  t.match(await runHere(t, ['gc'], place), { code: 1 });
  await stop(await serve(t, ['--config', 'config.json'], { cwd, env: GIVEN }));
  t.match(await list(), { code: 0, out: /^admin /m });
});

t.test('a port that is taken: nothing is printed or made for a server that does not start', async (t) => {
  const cwd = await temporaryFolder(t);
  const server = await serve(t, [], { cwd });
  const second = await run(['serve', '--port', String(server.port), '--data', 'other'], { cwd });
  t.match(second, { code: 1, out: '' }, 'no password that would never be shown again');
  t.match(second.err, /^smartregistry: The port is in use already: choose another with --port \(/m);
  const other = await serve(t, ['--data', 'other'], { cwd });
  t.match(other.seen.out, /created user admin with password/, 'the next start is the first one');
});

t.test('help COMMAND prints the help of the command', async (t) => {
  t.match(await runHere(t, ['help', 'serve']), { code: 0, out: /^Usage: smartregistry serve / });
  t.match(await runHere(t, ['help', 'user', 'add']), { code: 0, out: /^Usage: smartregistry user add / });
  t.match(await runHere(t, ['user', 'add', '--help']), { code: 0, out: /^Usage: smartregistry user add / });
  t.match(await runHere(t, ['help', 'user']), { code: 0, out: /^Usage: smartregistry COMMAND/ });
  t.match(await runHere(t, ['help']), { code: 0, out: /^Usage: smartregistry COMMAND/ });
  const wrong = await runHere(t, ['help', 'sing']);
  t.equal(wrong.code, 2);
  oneLine(t, wrong, /"sing" is not a command/);
});

t.test('--log-level and --log-format', async (t) => {
  const cwd = await temporaryFolder(t);
  for (const [option, value] of [
    ['--log-level', 'loud'],
    ['--log-format', 'xml'],
  ] as const) {
    const wrong = await runHere(t, ['serve', option, value]);
    t.equal(wrong.code, 2);
    oneLine(t, wrong, new RegExp(`${option} must be one of `));
  }
  for (const [variable, value] of [
    ['SMARTREGISTRY_LOG_LEVEL', 'loud'],
    ['SMARTREGISTRY_LOG_FORMAT', 'xml'],
    ['SMARTREGISTRY_PORT', 'http'],
  ] as const) {
    const wrong = await runHere(t, ['serve'], { [variable]: value });
    oneLine(t, wrong, new RegExp(`: ${variable} must be `));
  }
  const json = await serve(t, ['--log-format', 'json'], { cwd, env: GIVEN });
  await whoami(json.port, basic('admin', 'given'));
  await whoami(json.port, basic('admin', 'wrong'));
  await stop(json);
  const lines = json.seen.err
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [good, refused, stopping] = lines;
  t.match(good, { level: 'info', msg: 'request', method: 'GET', path: '/npm/-/whoami', status: 200, user: 'admin' });
  t.match(good, { id: /^[\w-]{36}$/, ms: Number, bytes: Number, ip: '127.0.0.1' });
  t.ok((good?.bytes as number) > 20);
  t.notOk('refusal' in (good as object));
  t.match(refused, { status: 401, refusal: /not valid/ });
  t.notOk('user' in (refused as object));
  t.not(refused?.id, good?.id);
  t.match(stopping, { level: 'info', msg: 'stopping', signal: 'SIGTERM' });
  t.notMatch(json.seen.err, /given|wrong/, 'no password');

  const quiet = await serve(t, [], { cwd, env: { ...GIVEN, SMARTREGISTRY_LOG_LEVEL: 'warn' } });
  await whoami(quiet.port, {});
  await stop(quiet);
  t.equal(quiet.seen.err, '');
});

t.test('the secret of a store is made once, by whoever comes first', async (t) => {
  const cwd = await temporaryFolder(t);
  const secret = async () => {
    const auth = { jwtSecret: 'x'.repeat(32), tokenStore: 'memory' as const };
    const registry = new SmartRegistry({ storage: { directory: join(cwd, 'data') }, auth });
    await registry.init();
    const document = await registry.getStorage().read<{ jwtSecret: string }>('auth/secret.json');
    await registry.destroy();
    return document?.value.jwtSecret;
  };
  const tokenOf = async (port: number) => {
    const { body } = await ask(port, '/v2/token?scope=repository:a:pull', { headers: basic('admin', 'given') });
    return (JSON.parse(body.toString()) as { token: string }).token;
  };
  const isGood = async (port: number, token: string) =>
    (await ask(port, '/v2/', { headers: { Authorization: `Bearer ${token}` } })).status === 200;

  const both = await Promise.all([serve(t, [], { cwd, env: GIVEN }), serve(t, [], { cwd, env: GIVEN })]);
  const [one, two] = both;
  const before = await secret();
  t.ok((before?.length ?? 0) >= 32);
  const token = await tokenOf(one.port);
  t.ok(await isGood(one.port, token));
  t.ok(await isGood(two.port, token), 'what one process signed is good at the other');
  await Promise.all(both.map(stop));
  const later = await serve(t, [], { cwd, env: GIVEN });
  t.ok(await isGood(later.port, token), 'and after the next start');
  t.equal(await secret(), before);
});

t.test('an account that is added may read and publish, and delete nothing', async (t) => {
  const cwd = await temporaryFolder(t);
  const server = await serve(t, [], { cwd, env: GIVEN });
  t.match(await run(['user', 'add', 'ann', '--password-stdin'], { cwd, input: 'correct horse' }), { code: 0 });
  const { out } = await run(['user', 'list'], { cwd });
  t.match(out, /^ann +- +\S+ +\*:\*:\*:read \*:\*:\*:pull \*:\*:\*:write \*:\*:\*:push$/m);
  const remove = { method: 'DELETE', headers: basic('ann', 'correct horse') };
  t.equal((await ask(server.port, '/npm/a/-rev/1', remove)).status, 403);
  t.equal((await ask(server.port, '/npm/a/-rev/1', { ...remove, headers: basic('admin', 'given') })).status, 404);
});

t.test('accounts are kept in the store, also if tokens are kept in memory', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(
    join(cwd, 'config.json'),
    JSON.stringify({ storage: { directory: 'data' }, auth: { tokenStore: 'memory' } }),
  );
  await stop(await serve(t, ['--config', 'config.json'], { cwd, env: GIVEN }));
  const env = { SMARTREGISTRY_CONFIG: join(cwd, 'config.json'), SMARTREGISTRY_PASSWORD: 'correct horse' };
  t.match(await runHere(t, ['user', 'add', 'ann'], env), { code: 0, err: '' });
  t.match(await runHere(t, ['user', 'list'], env), { code: 0, out: /^ann /m });
});

t.test('one keystroke that arrives as two signals lets requests under way finish', async (t) => {
  const cwd = await temporaryFolder(t);
  const server = await serve(t, [], { cwd, env: GIVEN });
  const upload = await beginUpload(server.port, '/npm/a', 10, basic('admin', 'given').Authorization);
  upload.socket.write('not ');
  // as a package manager passes it on, which the terminal has sent it to as well
  server.child.kill('SIGINT');
  server.child.kill('SIGTERM');
  await untilRefused(server.port);
  t.equal(server.child.exitCode, null, 'it waits');
  upload.socket.write('json: ');
  t.match(await upload.end(), /^HTTP\/1\.1 400 /, 'and answers');
  t.same(await within(server.closed, 'end'), [0, null]);
});

const first = selfSigned();
const second = selfSigned();
const skip = !first && 'there is no openssl to make a certificate';

const certificateOf = async (port: number): Promise<string> =>
  await new Promise<string>((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', port, path: '/-/health', agent: false, rejectUnauthorized: false });
    request.once('error', reject).once('response', (response) => {
      resolve((response.socket as import('node:tls').TLSSocket).getPeerX509Certificate()?.toString() ?? '');
      response.resume();
    });
  });

const writePair = async (cwd: string, { cert, key }: ITlsFiles) => {
  await writeFile(join(cwd, 'cert.pem'), cert);
  await writeFile(join(cwd, 'key.pem'), key);
};

t.test('TLS files that no handshake could use are refused at the start', { skip }, async (t) => {
  const cwd = await temporaryFolder(t);
  const attempt = async (pair: ITlsFiles) => {
    await writePair(cwd, pair);
    const result = await runHere(t, [
      ...['serve', '--port', '0', '--data', join(cwd, 'data')],
      ...['--tls-cert', join(cwd, 'cert.pem'), '--tls-key', join(cwd, 'key.pem')],
    ]);
    t.match(result, { code: 1, out: '' });
    t.equal(result.err.trimEnd().split('\n').length, 1, result.err);
    return result.err;
  };
  t.match(
    await attempt({ cert: '', key: '' }),
    /cert\.pem and .*key\.pem cannot be used: the certificate cannot be read: /,
  );
  t.match(await attempt({ cert: first!.cert, key: '' }), /the key cannot be read: /);
  t.match(await attempt({ cert: first!.cert, key: second!.key }), /the key does not belong to the certificate$/m);
  t.same((await readdir(cwd)).sort(), ['cert.pem', 'key.pem'], 'no store was made');
});

t.test('a renewed certificate is served without a restart', { skip }, async (t) => {
  const cwd = await temporaryFolder(t);
  await writePair(cwd, first!);
  // the names of the files in the configuration are relative to it
  await mkdir(join(cwd, 'etc'));
  await writeFile(join(cwd, 'etc', 'config.json'), JSON.stringify({ tls: { cert: '../cert.pem', key: '../key.pem' } }));
  const server = await serve(t, ['--config', 'etc/config.json'], { cwd, env: GIVEN });
  t.match(server.url, /^https:/);
  t.equal(await certificateOf(server.port), first!.cert);
  const until = async (pattern: RegExp) => {
    while (!pattern.test(server.seen.err)) await new Promise((done) => setTimeout(done, 20));
  };

  await writeFile(join(cwd, 'cert.pem'), second!.cert);
  server.child.kill('SIGHUP');
  await within(until(/warn A new TLS certificate cannot be used: the old one stays error=/), 'warning');
  t.equal(await certificateOf(server.port), first!.cert, 'half of a pair changes nothing');

  await writePair(cwd, second!);
  server.child.kill('SIGHUP');
  await within(until(/info The TLS certificate was renewed/), 'renewal');
  t.equal(await certificateOf(server.port), second!.cert);
});

/** Looks every few ms; `renewed` resolves with the number of renewals once there are that many. */
const watching = async (t: Test, cwd: string) => {
  const renewals: ITlsFiles[] = [];
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (message: string) => void warnings.push(message), error: () => {} };
  const files = { cert: join(cwd, 'cert.pem'), key: join(cwd, 'key.pem') };
  t.teardown(keepTlsRenewed({ files, current: first!, renew: (tls) => renewals.push(tls), logger, lookMs: 10 }));
  const until = (done: () => boolean) =>
    within(
      (async () => {
        while (!done()) await new Promise((go) => setTimeout(go, 5));
      })(),
      'a look at the files',
    );
  return { renewals, warnings, until };
};

t.test('files that change are found without a signal, and complained of once', { skip }, async (t) => {
  const cwd = await temporaryFolder(t);
  await writePair(cwd, { ...first!, key: 'half a k' });
  const { renewals, warnings, until } = await watching(t, cwd);
  await until(() => warnings.length > 0);
  await new Promise((done) => setTimeout(done, 100));
  t.equal(warnings.length, 1, 'once for the same trouble');
  t.equal(renewals.length, 0);
  await writePair(cwd, second!);
  await until(() => renewals.length > 0);
  t.same(renewals, [second]);
  await new Promise((done) => setTimeout(done, 100));
  t.equal(renewals.length, 1, 'once for the same files');
  await writeFile(join(cwd, 'key.pem'), 'half a k');
  await until(() => warnings.length > 1);
  t.pass('the same trouble is told of again when there was none between');
  const sameKey = selfSigned(second!.key);
  await writePair(cwd, sameKey!);
  await until(() => renewals.length > 1);
  t.same(renewals[1], sameKey, 'a new certificate of the same key');
});
