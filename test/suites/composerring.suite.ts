import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { MatrixColumn } from '../support/client/matrix.js';
import { type IServer, startServer } from '../support/client/server.js';
import { ClientSteps } from '../support/client/steps.js';
import { ComposerClient, type TComposerName, uploadZip } from '../support/composer/client.js';
import { packageZip, type TFiles } from '../support/composer/packages.js';

/** What is tried with each Composer, in the order of the matrix. */
const COMMANDS = [
  'require',
  'lock-file install',
  'update',
  'search',
  'show -a',
  'outdated',
  'dev branch',
  'audit',
  'a warning is printed',
  'filter list blocks',
  'cool-down passes over',
  'private: no token',
  'private: http-basic',
  'private: bearer',
  'second repository behind ours',
  'other bytes refused',
] as const;
type TCommand = (typeof COMMANDS)[number];

/** One flow for every Composer: each command as a user types it, on our command line. */
export const composerRing = async (name: TComposerName): Promise<void> => {
  const client = await ComposerClient.find(name);
  if (!client) {
    t.pass('not run', { skip: `${name} or php is not installed` });
    return;
  }
  t.teardown(() => client.home.remove());
  const server = await startServer({ config: { composer: { enabled: true, warning: 'We move on Friday' } } });
  t.teardown(() => server.stop());
  const hidden = await startServer({
    config: { composer: { enabled: true }, auth: { anonymousScopes: [] } },
  });
  t.teardown(() => hidden.stop());
  await t.test(`${name} ${client.version}`, async (t) => {
    const column = new MatrixColumn<TCommand>(`${name} (${client.version})`, 'Composer, directory', COMMANDS);
    const steps = new ClientSteps<TCommand>(t, column, [server, hidden]);
    await publicSteps(steps, client, server);
    await policySteps(steps, client, server);
    await privateSteps(steps, client, { open: server, hidden });
    column.report((line) => t.comment(line));
  });
};

const urlOf = ({ origin }: IServer): string => `${origin}/composer`;

interface IServedVersions {
  packages: Record<string, { 'published-time': string }[]>;
}

const fileOf = (project: string, path: string): string => readFileSync(join(project, 'vendor', path), 'utf8');

const publisher = async (server: IServer) => {
  const token = await server.token({ protocol: 'composer' });
  return (name: string, version: string, manifest: object = {}, files: TFiles = {}): Promise<void> =>
    uploadZip(server, token, name, packageZip(name, undefined, manifest, files), version);
};

const publicSteps = async (steps: ClientSteps<TCommand>, client: ComposerClient, server: IServer): Promise<void> => {
  const publish = await publisher(server);
  const repository = { url: urlOf(server) };
  await publish('acme/log', '1.0.0', { description: 'Writes lines to a file' });
  await publish('acme/log', '1.1.0', { description: 'Writes lines to a file' });
  await publish('acme/log', '2.0.0-beta1');
  await publish('acme/app', '1.0.0', { require: { 'acme/log': '^1.0', php: '>=7.4' } });
  const project = await client.project('project', [repository]);

  await steps.step('require', true, async (t) => {
    steps.succeeds(t, await client.run(project, 'require', 'acme/app'));
    t.match(fileOf(project, 'acme/app/src/Hello.php'), 'acme/app');
    t.match(readFileSync(join(project, 'composer.lock'), 'utf8'), /"name": "acme\/log",\s+"version": "1\.1\.0"/);
    const missing = await client.run(project, 'require', 'acme/none');
    steps.fails(t, missing, /Could not find|could not be found/i);
  });
  await steps.step('lock-file install', true, async (t) => {
    await rm(join(project, 'vendor'), { recursive: true });
    await client.clearCaches();
    steps.succeeds(t, await client.run(project, 'install'));
    t.ok(existsSync(join(project, 'vendor', 'acme', 'log', 'src', 'Hello.php')));
  });
  await steps.step('update', true, async (t) => {
    steps.says(t, await client.run(project, 'update'), /Nothing to modify in lock file/);
    await publish('acme/log', '1.2.0', { description: 'Writes lines to a file' });
    steps.says(t, await client.run(project, 'update'), /Upgrading acme\/log \(1\.1\.0 => 1\.2\.0\)/);
  });
  await steps.step('search', true, async (t) => {
    steps.says(t, await client.run(project, 'search', 'lines'), /acme\/log\s+Writes lines to a file/);
    steps.says(t, await client.run(project, 'search', '--only-name', 'acme'), /acme\/app/);
    steps.says(t, await client.run(project, 'search', '--only-vendor', 'ac'), /acme/);
  });
  await steps.step('show -a', true, async (t) => {
    const shown = await client.run(project, 'show', '-a', 'acme/log');
    steps.says(t, shown, /versions : .*2\.0\.0-beta1.*1\.2\.0.*1\.1\.0.*1\.0\.0/);
    steps.says(t, await client.run(project, 'show', '-a'), /acme\/app/);
  });
  await steps.step('outdated', true, async (t) => {
    await publish('acme/log', '2.0.0');
    steps.says(t, await client.run(project, 'outdated'), /acme\/log\s+1\.2\.0\s+. 2\.0\.0/);
  });
  await steps.step('dev branch', true, async (t) => {
    await publish('acme/branch', 'dev-main', {}, { 'state.txt': 'one' });
    const own = await client.project('branch', [repository], { 'minimum-stability': 'dev' });
    steps.succeeds(t, await client.run(own, 'require', 'acme/branch:dev-main'));
    t.equal(fileOf(own, 'acme/branch/state.txt'), 'one');
    const lock = readFileSync(join(own, 'composer.lock'));
    await publish('acme/branch', 'dev-main', {}, { 'state.txt': 'two' });
    steps.succeeds(t, await client.run(own, 'update'));
    t.equal(fileOf(own, 'acme/branch/state.txt'), 'two', 'a new reference is a new download');
    const before = await client.home.project('before', {
      'composer.json': readFileSync(join(own, 'composer.json'), 'utf8'),
      'composer.lock': `${lock}`,
    });
    await client.clearCaches();
    steps.succeeds(t, await client.run(before, 'install'));
    t.equal(fileOf(before, 'acme/branch/state.txt'), 'one', 'an older lock file still works');
    await publish('acme/branch', '7.3.x-dev');
    steps.succeeds(t, await client.run(own, 'require', 'acme/branch:7.3.x-dev'));
  });
  await steps.step('audit', true, async (t) => {
    steps.says(t, await client.run(project, 'audit'), /No security vulnerability advisories found/);
  });
  await steps.step('a warning is printed', true, async (t) => {
    // the answer has no date for two seconds after a change: see helpers.serving.ts
    while (!(await fetch(`${urlOf(server)}/p2/acme/app.json`)).headers.has('last-modified')) await delay(200);
    for (const _ of ['gets the date', 'sends it']) {
      steps.says(t, await client.run(project, 'update', '--dry-run'), /Warning from .*: We move on Friday/);
    }
    t.match(server.printed(), /p2\/acme\/app\.json status=304/, 'what has not changed is not sent again');
  });
  await steps.step('other bytes refused', true, async (t) => {
    await t.rejects(publish('acme/log', '1.0.0', { description: 'other' }), /409/);
    const lock = join(project, 'composer.lock');
    const forged = `${readFileSync(lock)}`.replace(/"shasum": "\w{8}/, '"shasum": "00000000');
    const own = await client.home.project('forged', {
      'composer.json': readFileSync(join(project, 'composer.json'), 'utf8'),
      'composer.lock': forged,
    });
    await client.clearCaches();
    steps.fails(t, await client.run(own, 'install'), /checksum verification/);
  });
};

const policySteps = async (steps: ClientSteps<TCommand>, client: ComposerClient, server: IServer): Promise<void> => {
  const publish = await publisher(server);
  const repository = { url: urlOf(server) };
  const token = await server.token({ protocol: 'composer' });
  await publish('acme/coin', '1.0.0');
  await publish('acme/coin', '1.1.0');

  await steps.step('filter list blocks', client.isFrom(2, 10), async (t) => {
    const project = await client.project('filtered', [repository]);
    steps.says(t, await client.run(project, 'require', 'acme/coin'), /Locking acme\/coin \(1\.1\.0\)/);
    const answer = await fetch(`${repository.url}/packages/acme/coin/filter/malware`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ constraint: '1.1.0', reason: 'It mines coins', url: 'https://example.org/coins' }),
    });
    t.equal(answer.status, 200);
    await rm(join(project, 'vendor'), { recursive: true });
    steps.fails(t, await client.run(project, 'install'), /flagged as malware|malware/);
    const audit = await client.run(project, 'audit', '--locked');
    steps.fails(t, audit, /It mines coins|malware/);
    const other = await client.project('unfiltered', [repository]);
    steps.says(t, await client.run(other, 'require', 'acme/coin'), /Locking acme\/coin \(1\.0\.0\)/);
  });
  await steps.step('cool-down passes over', client.isFrom(2, 11), async (t) => {
    // the period is nearly the age of 1.0.0 of acme/app, as it is served; 1.0.1 is published now
    const { packages } = (await (await fetch(`${repository.url}/p2/acme/app.json`)).json()) as IServedVersions;
    const [published] = packages['acme/app'] ?? [];
    const age = () => (Date.now() - Date.parse(published?.['published-time'] as string)) / 1000;
    while (age() < 8) await delay(500);
    const seconds = Math.floor(age()) - 2;
    const policy = (period: string) => ({ config: { policy: { cooldown: { period } } } });
    const project = await client.project('patient', [repository], policy(`${seconds} seconds`));
    await publish('acme/app', '1.0.1', { require: { php: '>=7.4' } });
    const taken = await client.run(project, 'require', 'acme/app', '--no-install');
    steps.says(t, taken, /Locking acme\/app \(1\.0\.0\)/);
    const strict = await client.project('strict', [repository], policy('1 year'));
    steps.fails(t, await client.run(strict, 'require', 'acme/app'), /cool-?down|release age|too recent|1 year/i);
  });
};

const privateSteps = async (
  steps: ClientSteps<TCommand>,
  client: ComposerClient,
  { open, hidden }: { open: IServer; hidden: IServer },
): Promise<void> => {
  const repository = { url: urlOf(hidden) };
  const { host } = new URL(hidden.origin);
  const publish = await publisher(hidden);
  await publish('secret/lib', '1.0.0');
  await steps.step('private: no token', true, async (t) => {
    const project = await client.project('outsider', [repository]);
    steps.fails(t, await client.run(project, 'require', 'secret/lib'), /401|[Aa]uthentication|credentials/);
  });
  const readToken = () => hidden.token({ protocol: 'composer', readOnly: true });
  const ways = {
    'private: http-basic': async () => [`http-basic.${host}`, 'token', await readToken()],
    'private: bearer': async () => [`bearer.${host}`, await readToken()],
  } as const;
  for (const way of ['private: http-basic', 'private: bearer'] as const) {
    await steps.step(way, true, async (t) => {
      await client.clearCaches();
      const project = await client.project(way.replace(/\W+/g, '-'), [repository]);
      steps.succeeds(t, await client.run(project, 'config', '--auth', ...(await ways[way]())));
      t.match(readFileSync(join(project, 'auth.json'), 'utf8'), host);
      steps.succeeds(t, await client.run(project, 'require', 'secret/lib'));
      t.ok(existsSync(join(project, 'vendor', 'secret', 'lib')));
    });
  }
  await steps.step('second repository behind ours', true, async (t) => {
    await (await publisher(open))('behind/lib', '1.0.0');
    const project = await client.project('two', [repository, { url: urlOf(open) }]);
    const some = await hiddenTo(hidden, 'secret/*');
    await client.home.write('work/two/auth.json', JSON.stringify({ bearer: { [host]: some } }));
    await publish('behind/lib', '9.9.9');
    const result = await client.run(project, 'require', 'behind/lib', 'secret/lib');
    steps.says(t, result, /Locking behind\/lib \(1\.0\.0\)/);
  });
};

/** A token that may read only these packages. */
const hiddenTo = async (server: IServer, names: string): Promise<string> => {
  return server.token({ protocol: 'composer', readOnly: true, scope: `composer:package:${names}:read` });
};
