import t from 'tap';
import { stockIndex } from '../suites/pypiring.stock.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

t.test('pip installs, downloads, lists and locks', async (t) => {
  const station = await PypiStation.open(t, 'pip');
  if (!station) return;
  const server = await station.serve();
  await stockIndex(t, server);
  const on = ['--no-input', '--index-url', server.index];
  let folders = 0;
  /** Installs into a new folder; returns what happened and a look into the folder. */
  const install = async (...args: string[]) => {
    await station.home.clearCaches();
    const folder = `target-${++folders}`;
    const result = await station.run('pip', ['install', '--target', folder, ...args]);
    return { result, version: (module: string) => station.installed(folder, module) };
  };

  await t.test(
    'the newest version that is neither yanked nor a pre-release, in every spelling of the name',
    async (t) => {
      for (const name of ['open-demo-pkg', 'Open.Demo_pkg', 'OPEN__DEMO.pkg']) {
        const { result, version } = await install(...on, name);
        succeeds(t, result);
        t.equal(await version('open_demo_pkg'), '1.1', name);
        t.equal(await version('open_leaf'), '1.0', 'its dependency, in a version for this Python');
      }
    },
  );

  await t.test('a yanked version is installed if exactly it is asked for, with a warning', async (t) => {
    const { result, version } = await install(...on, 'open-demo-pkg==2.0');
    succeeds(t, result, /yanked version.*\n?.*broken "by" <us>/i);
    t.equal(await version('open_demo_pkg'), '2.0');
  });

  await t.test('pre-releases, local versions, epochs and source distributions', async (t) => {
    const cases: [args: string[], module: string, version: string][] = [
      [['--pre', 'open-demo-pkg'], 'open_demo_pkg', '2.1rc1'],
      [['open-demo-pkg==2.1rc1'], 'open_demo_pkg', '2.1rc1'],
      [['open-local'], 'open_local', '1.0+build.5'],
      [['open-local==1.0+build.5'], 'open_local', '1.0+build.5'],
      [['open-epoch'], 'open_epoch', '1!1.0'],
      [['open-epoch==2024.1'], 'open_epoch', '2024.1'],
      [['open-source'], 'open_source', '1.0'],
    ];
    for (const [args, module, expected] of cases) {
      const { result, version } = await install(...on, ...args);
      succeeds(t, result);
      t.equal(await version(module), expected, args.join(' '));
    }
  });

  await t.test('hashes in a requirements file', async (t) => {
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    await station.home.write('work/good.txt', `open-leaf==1.0 --hash=sha256:${sha256(bytes)}\n`);
    await station.home.write('work/bad.txt', `open-leaf==1.0 --hash=sha256:${'0'.repeat(64)}\n`);
    const good = await install(...on, '--require-hashes', '-r', 'good.txt');
    succeeds(t, good.result);
    t.equal(await good.version('open_leaf'), '1.0');
    fails(t, (await install(...on, '--require-hashes', '-r', 'bad.txt')).result, /DO NOT MATCH THE HASHES/);
  });

  await t.test('only what was uploaded before a moment', async (t) => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const { result, version } = await install(...on, '--uploaded-prior-to', tomorrow, 'open-demo-pkg');
    succeeds(t, result);
    t.equal(await version('open_demo_pkg'), '1.1');
    const before = await install(...on, '--uploaded-prior-to', 'P3D', 'open-demo-pkg');
    fails(t, before.result, /No matching distribution/i);
    t.notMatch(before.result.output, /does not provide upload-time/, 'every file has its time');
  });

  await t.test('download, index versions, lock', async (t) => {
    succeeds(
      t,
      await station.run('pip', ['download', ...on, '--dest', 'wheels', 'open-demo-pkg']),
      /Saved.*open_leaf/s,
    );
    succeeds(
      t,
      await station.run('pip', ['index', 'versions', ...on, 'open-demo-pkg']),
      /Available versions: 1\.1, 1\.0\s/,
    );
    succeeds(t, await station.run('pip', ['lock', ...on, '-o', 'pylock.toml', 'open-demo-pkg']));
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    t.match(await station.text('pylock.toml'), sha256(bytes), 'the lock file has the hash');
  });

  await t.test('a private project: password in the URL, in .netrc, wrong, or none', async (t) => {
    const { index } = server;
    const good = await install('--no-input', '--index-url', server.withLogin(index), 'secret-demo');
    succeeds(t, good.result);
    t.equal(await good.version('secret_demo'), '1.0');
    t.notMatch(good.result.output, /correct/, 'the password is not printed');
    const wrong = await install('--no-input', '--index-url', server.withLogin(index, 'wrong'), 'secret-demo');
    fails(t, wrong.result, /401|No matching distribution/);
    fails(t, (await install(...on, 'secret-demo')).result, /No matching distribution/);
    const { hostname } = new URL(index);
    const netrc = `machine ${hostname} login ${server.admin.username} password "${server.admin.password}"\n`;
    await station.home.write('home/.netrc', netrc);
    succeeds(t, (await install(...on, 'secret-demo')).result);
    await station.home.write('home/.netrc', '');
  });

  await t.test('a second index beside it', async (t) => {
    const other = await station.serve();
    await other.stock(ringWheel({ name: 'secret-extra', version: '3.0', fields: ['Requires-Dist: open-leaf'] }));
    const extra = ['--extra-index-url', other.withLogin(other.index)];
    const { result, version } = await install(...on, ...extra, 'secret-extra');
    succeeds(t, result);
    t.equal(await version('secret_extra'), '3.0');
    t.equal(await version('open_leaf'), '1.0', 'the dependency comes from the first index');
  });

  await t.test('an index that shows nothing without a password', async (t) => {
    const closed = await station.serve({ isPrivate: true });
    await stockIndex(t, closed);
    fails(
      t,
      (await install('--no-input', '--index-url', closed.index, 'open-leaf')).result,
      /No matching distribution/,
    );
    const { result, version } = await install(
      '--no-input',
      '--index-url',
      closed.withLogin(closed.index),
      'open-demo-pkg',
    );
    succeeds(t, result);
    t.equal(await version('open_leaf'), '1.0', 'files and metadata take the same password');
    const token = await closed.token({ protocol: 'pypi', readOnly: true });
    const url = closed.index.replace('://', `://__token__:${token}@`);
    succeeds(t, (await install('--no-input', '--index-url', url, 'secret-demo')).result);
  });

  await t.test('the pages by --find-links, and an absent project', async (t) => {
    const links = await install('--no-input', '--no-index', '--find-links', `${server.index}open-leaf/`, 'open-leaf');
    succeeds(t, links.result);
    fails(t, (await install(...on, 'open-nothing')).result, /No matching distribution/);
  });
});
