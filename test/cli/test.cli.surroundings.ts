import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { requestLogger } from '../../ts/cli/helpers.log.js';
import { basic, run, runHere, serve } from '../support/cli.js';
import { ask } from '../support/http/client.js';
import { startRegistry, temporaryFolder } from '../support/registry.js';
import { manyTurns } from '../support/waiting.js';

const GIVEN = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };

t.test('a server goes on when nobody reads its output any more, as after `serve | head -1`', async (t) => {
  const cwd = await temporaryFolder(t);
  const server = await serve(t, [], { cwd, env: GIVEN });
  for (const output of [server.child.stdout!, server.child.stderr!]) {
    output.destroy();
    await once(output, 'close');
  }
  for (let count = 0; count < 5; count++) {
    t.equal((await ask(server.port, '/npm/-/ping')).status, 200, 'each request is a line that nobody reads');
    await manyTurns();
  }
  t.equal(server.child.exitCode, null);
});

t.test('a password keeps its blanks, and loses one line end', async (t) => {
  const cwd = await temporaryFolder(t);
  const { port } = await serve(t, [], { cwd, env: GIVEN });
  const whoami = async (name: string, password: string) =>
    (await ask(port, '/npm/-/whoami', { headers: basic(name, password) })).status;
  const inputs: [name: string, input: string, password: string][] = [
    ['ann', ' with blanks  \r\n', ' with blanks  '],
    ['bob', 'two lines\n\n', 'two lines\n'],
  ];
  for (const [name, input, password] of inputs) {
    t.match(await run(['user', 'add', name, '--password-stdin'], { cwd, input }), { code: 0 });
    t.equal(await whoami(name, password), 200, JSON.stringify(password));
    t.equal(await whoami(name, password.trim()), 401);
  }
});

t.test('a password that is typed has to be typed twice', async (t) => {
  const data = await temporaryFolder(t);
  await startRegistry(t, { storage: { directory: data } });
  const { stdin } = process;
  t.teardown(() => void Object.defineProperty(process, 'stdin', { value: stdin, configurable: true }));
  const typed = async (keys: string) => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
    Object.defineProperty(process, 'stdin', { value: terminal, configurable: true });
    terminal.write(keys);
    return runHere(t, ['user', 'add', 'ann'], { SMARTREGISTRY_DATA: data });
  };
  t.match(await typed('one\rtwo\r'), { code: 1, err: /The two passwords differ$/m });
  t.match(await typed('\u0004'), { code: 1, err: /No password was given$/m });
  t.match(await typed('one\rone\r'), { code: 0, out: 'added user ann\n' });
});

t.test('variables in a configuration file: an empty one is a text, and a password stays one', async (t) => {
  const cwd = await temporaryFolder(t);
  const file = join(cwd, 'config.json');
  const variable = (name: string) => `\${${name}}`;
  const users = ['TRUE', 'DIGITS'].map((name) => ({ username: name.toLowerCase(), password: variable(name) }));
  const ociTokens = { enabled: variable('ON'), service: variable('EMPTY') };
  await writeFile(file, JSON.stringify({ auth: { users, ociTokens } }));
  const env = { TRUE: 'true', DIGITS: '12345', EMPTY: '', ON: 'true' };
  t.match(await runHere(t, ['config', 'check', file], env), { code: 0, err: '' });
  const { port } = await serve(t, ['--config', file], { cwd, env });
  for (const [name, password] of [
    ['true', 'true'],
    ['digits', '12345'],
  ] as const) {
    t.equal((await ask(port, '/npm/-/whoami', { headers: basic(name, password) })).status, 200, password);
  }
});

t.test('serve warns of scopes that grant nothing, as config check does', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'config.json'), JSON.stringify({ auth: { anonymousScopes: ['npm:packages:*:read'] } }));
  const server = await serve(t, ['--config', 'config.json'], { cwd, env: GIVEN });
  await server.logged(/warn The scope "npm:packages:\*:read" grants nothing/);
});

t.test('a request that its client leaves is logged as one', async (t) => {
  const lines: [string, Record<string, unknown> | undefined][] = [];
  const log = requestLogger({ info: (message, fields) => lines.push([message, fields]), warn() {}, error() {} });
  const report = { id: 'a', method: 'GET', path: '/npm/a', status: 200, durationMs: 1.26, bytes: 5 };
  log({ ...report, aborted: true, userId: 'ann', tokenId: 'f00', refusal: 'no', ip: '10.0.0.1', userAgent: 'npm' });
  log({ ...report, aborted: false, path: '/npm/-/v1/done/secret' });
  t.match(lines, [
    ['request', { ...report, durationMs: undefined, ms: 1.3, aborted: true, user: 'ann', token: 'f00', refusal: 'no' }],
    ['request', { path: '/npm/-/v1/done/***' }],
  ]);
  t.match(lines[0]?.[1], { ip: '10.0.0.1', userAgent: 'npm' });
  t.equal(lines[1]?.[1]?.aborted, undefined, 'and others have no such field');
});

t.test('words that JavaScript has for itself are no commands', async (t) => {
  for (const word of ['constructor', '__proto__', 'toString']) {
    t.match(await runHere(t, [word]), { code: 2, err: new RegExp(`"${word}" is not a command`) });
    t.match(await runHere(t, ['help', word]), { code: 2, err: new RegExp(`"${word}" is not a command`) });
  }
});
