import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { publishSteps } from '../suites/pypiring.publish.js';
import { stockIndex } from '../suites/pypiring.stock.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { attestationOf } from '../support/pypi/distributions.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

t.test('uv publishes', async (t) => {
  const station = await PypiStation.open(t, 'uv');
  if (!station) return;
  const server = await station.serve();
  const publish = (paths: string[], args: string[], { username, password } = server.admin) =>
    station.run('uv', ['publish', '--publish-url', server.upload, ...args, ...paths], {
      env: { UV_PUBLISH_USERNAME: username, UV_PUBLISH_PASSWORD: password },
    });
  await publishSteps(t, {
    station,
    server,
    publish: (_files, paths, who) => publish(paths, [], who),
  });

  await t.test('--check-url passes over what is there, and stops at other bytes', async (t) => {
    const check = ['--check-url', server.index];
    const about = { name: 'open-checked', version: '1.0' };
    const paths = await station.dist(ringWheel(about));
    succeeds(t, await publish(paths, check), /Uploading/);
    succeeds(t, await publish(paths, check), /already exists, skipping/);
    fails(t, await publish(await station.dist(ringWheel({ ...about, note: 'other' })), check), /do not match/);
  });

  await t.test('attestations that lie beside a file', async (t) => {
    const file = ringWheel({ name: 'open-attested', version: '1.0' });
    const [path] = (await station.dist(file)) as [string];
    await writeFile(`${path}.publish.attestation`, JSON.stringify(attestationOf(file)));
    succeeds(t, await publish([path], []));
    t.equal((await server.offers('open-attested')).size, 1);
  });

  await t.test('a token as password', async (t) => {
    const token = await server.token({ protocol: 'pypi' });
    const [path] = (await station.dist(ringWheel({ name: 'open-token', version: '1.0' }))) as [string];
    succeeds(t, await station.run('uv', ['publish', '--publish-url', server.upload, '--token', token, path]));
  });
});

t.test('uv installs, adds, locks and syncs', async (t) => {
  const station = await PypiStation.open(t, 'uv');
  if (!station) return;
  const server = await station.serve();
  await stockIndex(t, server);
  let folders = 0;
  const install = async (args: string[], index = server.index, env = {}) => {
    await station.home.clearCaches();
    const folder = `target-${++folders}`;
    const result = await station.run('uv', ['pip', 'install', '--target', folder, '--default-index', index, ...args], {
      env,
    });
    return { result, version: (module: string) => station.installed(folder, module) };
  };

  await t.test('versions that are meant, in every spelling of the name', async (t) => {
    const cases: [args: string[], module: string, version: string, words?: RegExp][] = [
      [['Open.Demo_pkg'], 'open_demo_pkg', '1.1'],
      [['open-demo-pkg'], 'open_leaf', '1.0'],
      [['open-demo-pkg==2.0'], 'open_demo_pkg', '2.0', /yanked.*broken "by" <us>/s],
      [['--prerelease', 'allow', 'open-demo-pkg'], 'open_demo_pkg', '2.1rc1'],
      [['open-demo-pkg==2.1rc1'], 'open_demo_pkg', '2.1rc1'],
      [['open-local'], 'open_local', '1.0+build.5'],
      [['open-epoch'], 'open_epoch', '1!1.0'],
      [['open-source'], 'open_source', '1.0'],
    ];
    for (const [args, module, expected, words] of cases) {
      const { result, version } = await install(args);
      succeeds(t, result, words);
      t.equal(await version(module), expected, args.join(' '));
    }
  });

  await t.test('--exclude-newer', async (t) => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const { result, version } = await install(['--exclude-newer', tomorrow, 'open-demo-pkg']);
    succeeds(t, result);
    t.equal(await version('open_demo_pkg'), '1.1');
    const before = await install(['--exclude-newer', '2020-01-01', 'open-demo-pkg']);
    fails(t, before.result, /no versions of|not found|No solution/i);
    t.notMatch(before.result.output, /missing an upload date/, 'every file has its time');
  });

  await t.test('hashes', async (t) => {
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    await station.home.write('work/good.txt', `open-leaf==1.0 --hash=sha256:${sha256(bytes)}\n`);
    await station.home.write('work/bad.txt', `open-leaf==1.0 --hash=sha256:${'0'.repeat(64)}\n`);
    succeeds(t, (await install(['--require-hashes', '-r', 'good.txt'])).result);
    fails(t, (await install(['--require-hashes', '-r', 'bad.txt'])).result, /[Hh]ash mismatch/);
  });

  await t.test('a private project, alone and beside another index', async (t) => {
    const good = await install(['secret-demo'], server.withLogin(server.index));
    succeeds(t, good.result);
    t.equal(await good.version('secret_demo'), '1.0');
    fails(t, (await install(['secret-demo'])).result, /not found in the package registry/);
    fails(t, (await install(['secret-demo'], server.withLogin(server.index, 'wrong'))).result, /401|[Uu]nauthorized/);
    const other = await station.serve();
    await other.stock(ringWheel({ name: 'secret-extra', version: '3.0', fields: ['Requires-Dist: open-leaf'] }));
    const extra = await install(['--index', other.withLogin(other.index), 'secret-extra']);
    succeeds(t, extra.result);
    t.equal(await extra.version('open_leaf'), '1.0', 'the dependency comes from the second index');
    const hidden = await install(['--index', other.index, 'open-leaf']);
    succeeds(t, hidden.result);
  });

  await t.test('an index that shows nothing without a password', async (t) => {
    const closed = await station.serve({ isPrivate: true });
    await stockIndex(t, closed);
    fails(t, (await install(['open-leaf'], closed.index)).result, /401|[Uu]nauthorized|authentication/);
    const good = await install(['open-demo-pkg'], closed.withLogin(closed.index));
    succeeds(t, good.result);
    t.equal(await good.version('open_leaf'), '1.0', 'files and metadata take the same password');
    const { hostname } = new URL(closed.index);
    const { username, password } = closed.admin;
    await station.home.write('home/.netrc', `machine ${hostname} login ${username} password "${password}"\n`);
    succeeds(t, (await install(['secret-demo'], closed.index)).result);
    await station.home.write('home/.netrc', '');
  });

  await t.test('a project: add, lock, sync, tree, upgrade', async (t) => {
    const source = `[[tool.uv.index]]\nname = "ours"\nurl = "${server.index}"\ndefault = true\n`;
    const head = '[project]\nname = "consumer"\nversion = "0"\nrequires-python = ">=3.9"\n';
    await station.home.project('consumer', { 'pyproject.toml': `${head}dependencies = []\n\n${source}` });
    const uv = (...args: string[]) => station.run('uv', args, { cwd: 'consumer' });
    succeeds(t, await uv('add', 'Open.Demo_pkg'));
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    const lock = await station.text('consumer/uv.lock');
    t.match(lock, `sha256:${sha256(bytes)}`, 'the lock file has the hash');
    t.match(lock, new RegExp(`size = ${bytes.length}`), 'and the size');
    t.match(lock, /upload-time = "/, 'and the time');
    succeeds(t, await uv('sync', '--locked'));
    succeeds(
      t,
      await uv('run', '--no-sync', 'python', '-c', 'import open_demo_pkg; print(open_demo_pkg.__version__)'),
      /1\.1/,
    );
    succeeds(t, await uv('tree'), /open-demo-pkg v1\.1/);
    succeeds(t, await uv('lock', '--upgrade'));
    succeeds(t, await uv('export', '--format', 'requirements-txt'), /--hash=sha256:/);
    await writeFile(station.home.path('work', 'consumer', 'uv.lock'), lock.replace(sha256(bytes), '0'.repeat(64)));
    await station.home.clearCaches();
    fails(t, await uv('sync', '--frozen', '--reinstall'), /[Hh]ash mismatch/);
  });
});
