import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { publishSteps } from '../suites/pypiring.publish.js';
import { stockIndex } from '../suites/pypiring.stock.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

/** A project of pdm's that reads this index only. */
const project = (station: PypiStation, name: string, url: string): Promise<string> => {
  const head = `[project]\nname = "${name}"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = []\n`;
  const source = `[[tool.pdm.source]]\nname = "pypi"\nurl = "${url}"\nverify_ssl = false\n`;
  return station.home.project(name, { 'pyproject.toml': `${head}\n[tool.pdm]\ndistribution = false\n${source}` });
};

t.test('pdm publishes', async (t) => {
  const station = await PypiStation.open(t, 'pdm');
  if (!station) return;
  const server = await station.serve();
  await station.home.project('publisher', {
    'pyproject.toml': '[project]\nname = "open-published-pkg"\nversion = "1.0"\n',
  });
  let folders = 0;
  await publishSteps(t, {
    station,
    server,
    refused: /401|403|[Uu]nauthorized/,
    changed: /already exist|400/i,
    publish: async (files, _paths, { username, password }) => {
      const dist = `dist-${++folders}`;
      for (const { filename, bytes } of files) await station.home.write(`work/publisher/${dist}/${filename}`, bytes);
      const args = ['--no-build', '--dest', dist, '-r', server.upload, '-u', username, '-P', password];
      return station.run('pdm', ['publish', ...args], { cwd: 'publisher' });
    },
  });

  await t.test('--skip-existing passes over what is there, also with other bytes', async (t) => {
    const file = ringWheel({ name: 'Open.Published_pkg', version: '1.0', note: 'third' });
    await station.home.write(`work/publisher/skipped/${file.filename}`, file.bytes);
    const { username, password } = server.admin;
    const args = ['--no-build', '--dest', 'skipped', '-r', server.upload, '-u', username, '-P', password];
    succeeds(t, await station.run('pdm', ['publish', '--skip-existing', ...args], { cwd: 'publisher' }), /skip/i);
  });
});

t.test('pdm adds, locks and installs', async (t) => {
  const station = await PypiStation.open(t, 'pdm');
  if (!station) return;
  const server = await station.serve();
  await stockIndex(t, server);
  let projects = 0;
  const consumer = async (url = server.index) => {
    const name = `consumer-${++projects}`;
    await project(station, name, url);
    await station.home.clearCaches();
    return { name, pdm: (...args: string[]) => station.run('pdm', args, { cwd: name }) };
  };

  await t.test('versions that are meant', async (t) => {
    const cases: [args: string[], locked: RegExp][] = [
      [['Open.Demo_pkg'], /name = "open-demo-pkg"\nversion = "1\.1"/],
      [['open-demo-pkg==2.0'], /version = "2\.0"/],
      [['--pre', 'open-demo-pkg'], /version = "2\.1rc1"/],
      [['open-local'], /open_local-1\.0\+build\.5-py3/],
      [['open-epoch'], /version = "1!1\.0"/],
      [['open-source'], /open_source-1\.0\.tar\.gz/],
    ];
    for (const [args, locked] of cases) {
      const { name, pdm } = await consumer();
      succeeds(t, await pdm('add', '--no-sync', ...args));
      t.match(await station.text(`${name}/pdm.lock`), locked, args.join(' '));
    }
  });

  await t.test('lock with hashes, sync, and other bytes', async (t) => {
    const { name, pdm } = await consumer();
    succeeds(t, await pdm('add', 'open-demo-pkg'));
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    const lock = await station.text(`${name}/pdm.lock`);
    t.match(lock, `sha256:${sha256(bytes)}`, 'the lock file has the hash');
    succeeds(
      t,
      await pdm('run', 'python', '-c', 'import open_demo_pkg, open_leaf; print(open_demo_pkg.__version__)'),
      /1\.1/,
    );
    succeeds(t, await pdm('outdated'));
    succeeds(t, await pdm('export', '-f', 'requirements'), /--hash=sha256:/);
    succeeds(t, await pdm('remove', 'open-demo-pkg'));
    await writeFile(station.home.path('work', name, 'pdm.lock'), lock.replaceAll(sha256(bytes), '0'.repeat(64)));
    await station.home.clearCaches();
    fails(t, await pdm('sync'), /[Hh]ash/);
  });

  await t.test('--exclude-newer', async (t) => {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const { name, pdm } = await consumer();
    await station.home.write(
      `work/${name}/pyproject.toml`,
      (await station.text(`${name}/pyproject.toml`)).replace('dependencies = []', 'dependencies = ["open-demo-pkg"]'),
    );
    fails(t, await pdm('lock', '--exclude-newer', '2020-01-01'), /open-demo-pkg|Unable to find/);
    succeeds(t, await pdm('lock', '--exclude-newer', tomorrow));
    t.match(await station.text(`${name}/pdm.lock`), /version = "1\.1"/);
  });

  await t.test('a private project', async (t) => {
    const bare = await consumer();
    fails(t, await bare.pdm('add', '--no-sync', 'secret-demo'), /secret-demo/);
    const { name, pdm } = await consumer(server.withLogin(server.index));
    succeeds(t, await pdm('add', '--no-sync', 'secret-demo'));
    t.match(await station.text(`${name}/pdm.lock`), /secret_demo-1\.0/);
    const closed = await station.serve({ isPrivate: true });
    await stockIndex(t, closed);
    const behind = await consumer(closed.withLogin(closed.index));
    succeeds(t, await behind.pdm('add', 'open-demo-pkg'));
    t.match(
      await station.text(`${behind.name}/pdm.lock`),
      /open_leaf-1\.0/,
      'an index that shows nothing without a password',
    );
    const wrong = await consumer(server.withLogin(server.index, 'wrong'));
    const refused = await wrong.pdm('add', '--no-sync', 'secret-demo');
    t.ok(refused.code, 'a wrong password fails', { clientOutput: refused.output });
  });
});
