import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { publishSteps } from '../suites/pypiring.publish.js';
import { stockIndex } from '../suites/pypiring.stock.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

const open = async (t: Parameters<typeof PypiStation.open>[0]) => PypiStation.open(t, 'poetry');

/** A project of poetry's that reads this index only. */
const project = (station: PypiStation, name: string, url: string): Promise<string> => {
  const head = `[project]\nname = "${name}"\nversion = "1.0"\nrequires-python = ">=3.9,<4"\ndependencies = []\n`;
  const tool = '[tool.poetry]\npackage-mode = false\n';
  const source = `[[tool.poetry.source]]\nname = "ours"\nurl = "${url}"\npriority = "primary"\n`;
  return station.home.project(name, { 'pyproject.toml': [head, tool, source].join('\n') });
};

const env = { POETRY_NO_INTERACTION: '1', POETRY_KEYRING_ENABLED: 'false' };

t.test('poetry publishes', async (t) => {
  const station = await open(t);
  if (!station) return;
  const server = await station.serve();
  await project(station, 'open-published-pkg', server.index);
  const poetry = (...args: string[]) => station.run('poetry', args, { cwd: 'open-published-pkg', env });
  succeeds(t, await poetry('config', 'repositories.ours', server.upload));
  let folders = 0;
  // it uploads what lies in the folder and has the project's name and version
  await publishSteps(t, {
    station,
    server,
    refused: /401|403|[Uu]nauthorized/,
    publish: async (files, _paths, { username, password }) => {
      const folder = `dist-${++folders}`;
      const { version } = files[0]!.about;
      for (const { filename, bytes } of files)
        await station.home.write(`work/open-published-pkg/${folder}/${filename}`, bytes);
      await station.home.write(
        'work/open-published-pkg/pyproject.toml',
        `[project]\nname = "Open.Published_pkg"\nversion = "${version}"\n`,
      );
      return poetry('publish', '-r', 'ours', '--dist-dir', folder, '-u', username, '-p', password);
    },
  });

  await t.test('--skip-existing passes over what is there, also with other bytes', async (t) => {
    const file = ringWheel({ name: 'Open.Published_pkg', version: '1.0', note: 'third' });
    const text = '[project]\nname = "Open.Published_pkg"\nversion = "1.0"\n';
    await station.home.write('work/open-published-pkg/pyproject.toml', text);
    await station.home.write(`work/open-published-pkg/dist/${file.filename}`, file.bytes);
    const { username, password } = server.admin;
    succeeds(t, await poetry('publish', '--skip-existing', '-r', 'ours', '-u', username, '-p', password), /skip/i);
  });
});

t.test('poetry adds, locks and installs', async (t) => {
  const station = await open(t);
  if (!station) return;
  const server = await station.serve();
  await stockIndex(t, server);
  let projects = 0;
  const consumer = async (url = server.index) => {
    const name = `consumer-${++projects}`;
    await project(station, name, url);
    await station.home.clearCaches();
    return {
      name,
      poetry: (args: string[], more = {}) => station.run('poetry', args, { cwd: name, env: { ...env, ...more } }),
    };
  };

  await t.test('versions that are meant', async (t) => {
    const cases: [spec: string, locked: RegExp][] = [
      ['Open.Demo_pkg', /name = "open-demo-pkg"\nversion = "1\.1"/],
      ['open-demo-pkg@2.0', /version = "2\.0"/],
      ['open-demo-pkg@2.1rc1', /version = "2\.1rc1"/],
      ['open-local', /version = "1\.0\+build\.5"/],
      ['open-epoch', /version = "1!1\.0"/],
      ['open-source', /open_source-1\.0\.tar\.gz/],
    ];
    for (const [spec, locked] of cases) {
      const { name, poetry } = await consumer();
      succeeds(t, await poetry(['add', '--lock', spec]));
      t.match(await station.text(`${name}/poetry.lock`), locked, spec);
    }
  });

  await t.test('lock with hashes, install, and other bytes', async (t) => {
    const { name, poetry } = await consumer();
    succeeds(t, await poetry(['add', 'open-demo-pkg']));
    const { bytes } = ringWheel({ name: 'open-leaf', version: '1.0' });
    const lock = await station.text(`${name}/poetry.lock`);
    t.match(lock, `sha256:${sha256(bytes)}`, 'the lock file has the hash');
    succeeds(
      t,
      await poetry(['run', 'python', '-c', 'import open_demo_pkg, open_leaf; print(open_demo_pkg.__version__)']),
      /1\.1/,
    );
    succeeds(t, await poetry(['show', '--latest']), /open-demo-pkg/);
    succeeds(t, await poetry(['remove', 'open-demo-pkg']));
    await writeFile(station.home.path('work', name, 'poetry.lock'), lock.replaceAll(sha256(bytes), '0'.repeat(64)));
    await station.home.clearCaches();
    const pyproject = await station.text(`${name}/pyproject.toml`);
    await writeFile(
      station.home.path('work', name, 'pyproject.toml'),
      pyproject.replace(/dependencies = \[[^\]]*\]/, 'dependencies = ["open-demo-pkg (>=1.1,<2.0)"]'),
    );
    fails(t, await poetry(['install']), /did not match any known checksums/);
  });

  await t.test('solver.min-release-age', async (t) => {
    const { poetry } = await consumer();
    const aged = { POETRY_SOLVER_MIN_RELEASE_AGE: '7' };
    fails(t, await poetry(['add', '--lock', 'open-demo-pkg'], aged), /open-demo-pkg/);
  });

  await t.test('a private project', async (t) => {
    const { name, poetry } = await consumer();
    const { username, password } = server.admin;
    fails(t, await poetry(['add', '--lock', 'secret-demo']), /Could not find a matching version/);
    const auth = { POETRY_HTTP_BASIC_OURS_USERNAME: username, POETRY_HTTP_BASIC_OURS_PASSWORD: password };
    succeeds(t, await poetry(['add', '--lock', 'secret-demo'], auth));
    t.match(await station.text(`${name}/poetry.lock`), /secret_demo-1\.0/);
    const wrong = await consumer();
    const refused = await wrong.poetry(['add', '--lock', 'secret-demo'], {
      ...auth,
      POETRY_HTTP_BASIC_OURS_PASSWORD: 'x',
    });
    fails(t, refused, /401|403|[Aa]uthoriz/);
  });

  await t.test('an index that shows nothing without a password', async (t) => {
    const closed = await station.serve({ isPrivate: true });
    await stockIndex(t, closed);
    const { name, poetry } = await consumer(closed.index);
    const { username, password } = closed.admin;
    fails(t, await poetry(['add', '--lock', 'open-demo-pkg']), /401|403|[Aa]uthoriz|Could not find/);
    const auth = { POETRY_HTTP_BASIC_OURS_USERNAME: username, POETRY_HTTP_BASIC_OURS_PASSWORD: password };
    succeeds(t, await poetry(['add', 'open-demo-pkg'], auth));
    t.match(await station.text(`${name}/poetry.lock`), /open_leaf-1\.0/);
  });

  await t.test('a second index beside it', async (t) => {
    const other = await station.serve();
    await other.stock(ringWheel({ name: 'open-extra', version: '3.0', fields: ['Requires-Dist: open-leaf'] }));
    const { name, poetry } = await consumer();
    succeeds(t, await poetry(['source', 'add', '--priority', 'supplemental', 'other', other.index]));
    succeeds(t, await poetry(['add', '--lock', 'open-extra']));
    t.match(await station.text(`${name}/poetry.lock`), /open_leaf-1\.0/);
  });
});
