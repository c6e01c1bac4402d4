import { rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { basic, beginUpload, oneLine, run, serve, untilRefused } from '../support/cli.js';
import { ask, RawClient } from '../support/http/client.js';
import { within } from '../support/http/host.js';
import { publishOf } from '../support/npm/packages.js';
import { temporaryFolder } from '../support/registry.js';

t.test('each option of serve is a variable too, and the option wins', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'config.json'), JSON.stringify({ storage: { directory: './kept-here' } }));
  const env = {
    SMARTREGISTRY_HOST: 'localhost',
    SMARTREGISTRY_PORT: '0',
    SMARTREGISTRY_CONFIG: 'config.json',
    SMARTREGISTRY_ADMIN_PASSWORD: 'given',
  };
  const named = await serve(t, [], { cwd, env, port: null });
  t.match(named.url, /^http:\/\/localhost:\d+$/);
  t.not(new URL(named.url).port, '5000');
  t.match(await run(['user', 'list', '--data', 'kept-here'], { cwd }), { code: 0, out: /^admin /m });
  const chosen = await serve(t, ['--host', '127.0.0.1'], { cwd, env: { ...env, SMARTREGISTRY_PORT: 'none' } });
  t.match(chosen.url, /^http:\/\/127\.0\.0\.1:/);
});

t.test('a publish that is under way at SIGTERM is there after the next start', async (t) => {
  const cwd = await temporaryFolder(t);
  const env = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };
  const body = Buffer.from(JSON.stringify(await publishOf('a', '1.0.0')));
  const first = await serve(t, [], { cwd, env });
  const half = await RawClient.connect(first.port);
  half.socket.write('GET /npm/-/ping HTTP/1.1\r\nHost: x\r\n');
  const upload = await beginUpload(first.port, '/npm/a', body.byteLength, basic('admin', 'given').Authorization);
  upload.socket.write(body.subarray(0, 50));
  first.child.kill('SIGTERM');
  await untilRefused(first.port);
  half.socket.write('\r\n');
  t.match(await half.end(), /^HTTP\/1\.1 200 /, 'a request of which the head is on its way is answered');
  upload.socket.write(body.subarray(50));
  t.match(await upload.end(), /^HTTP\/1\.1 201 /);
  t.same(await within(first.closed, 'end'), [0, null]);
  const second = await serve(t, [], { cwd, env });
  t.equal((await ask(second.port, '/npm/a/1.0.0')).status, 200);
});

t.test('health tells of a store that went away and of its return', async (t) => {
  const cwd = await temporaryFolder(t);
  const { port } = await serve(t, [], { cwd, env: { SMARTREGISTRY_ADMIN_PASSWORD: 'given' } });
  t.equal((await ask(port, '/-/health')).status, 200);
  await rename(join(cwd, 'data'), join(cwd, 'unmounted'));
  t.equal((await ask(port, '/-/health')).status, 503);
  t.equal((await ask(port, '/npm/a')).status, 503, 'and nothing reads as absent meanwhile');
  await rename(join(cwd, 'unmounted'), join(cwd, 'data'));
  t.equal((await ask(port, '/-/health')).status, 200);
});

t.test('what cannot be used is said in one line, before anything is made', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'cert.pem'), 'no certificate');
  const tls = await run(['serve', '--port', '0', '--tls-cert', 'cert.pem', '--tls-key', 'cert.pem'], { cwd });
  t.match(tls, { code: 1, out: '' });
  oneLine(t, tls, /^smartregistry: cert\.pem and cert\.pem cannot be used: the certificate cannot be read: /);
  const file = await run(['serve', '--port', '0', '--data', 'cert.pem'], { cwd });
  t.match(file, { code: 1, out: '' });
  oneLine(t, file, /^smartregistry: The storage directory .*cert\.pem cannot be created: EEXIST$/m);
  if (process.platform === 'linux') {
    const nowhere = await run(['serve', '--port', '0', '--data', '/proc/x/data'], { cwd });
    t.match(nowhere, { code: 1, out: '' });
    oneLine(t, nowhere, /^smartregistry: The storage directory \/proc\/x\/data cannot be created: ENOENT$/m);
  }
  const deep = await serve(t, ['--data', 'new/data'], { cwd, env: { SMARTREGISTRY_ADMIN_PASSWORD: 'given' } });
  t.equal((await ask(deep.port, '/-/health')).status, 200, 'a directory is made with those above it');
  t.equal((await stat(join(cwd, 'new', 'data'))).mode & 0o777, 0o700, 'for its owner alone');
});
