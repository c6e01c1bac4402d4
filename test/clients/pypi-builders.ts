import { readdir } from 'node:fs/promises';
import t from 'tap';
import { publishSteps } from '../suites/pypiring.publish.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

t.test('hatch publishes', async (t) => {
  const station = await PypiStation.open(t, 'hatch');
  if (!station) return;
  const server = await station.serve();
  await publishSteps(t, {
    station,
    server,
    // it prints neither the reason nor the body of a refusal
    refused: /error|Error|failed|401/,
    changed: /error|Error|failed|400/,
    publish: (_files, paths, { username, password }) =>
      station.run('hatch', [
        '--no-interactive',
        'publish',
        '-n',
        '-r',
        server.upload,
        '-u',
        username,
        '-a',
        password,
        ...paths,
      ]),
  });
});

t.test('hatchling builds, hatch publishes what it built', async (t) => {
  const station = await PypiStation.open(t, 'hatchling', 'hatch');
  if (!station) return;
  const server = await station.serve();
  await station.home.project('hatched', {
    'pyproject.toml':
      '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n' +
      '[project]\nname = "open-hatched"\nversion = "1.0"\ndescription = "d"\nreadme = "README.md"\n',
    'README.md': '# hatched\n',
    'open_hatched/__init__.py': '__version__ = "1.0"\n',
  });
  succeeds(t, await station.run('hatchling', ['build'], { cwd: 'hatched' }));
  const { username, password } = server.admin;
  const args = ['--no-interactive', 'publish', '-n', '-r', server.upload, '-u', username, '-a', password];
  succeeds(t, await station.run('hatch', args, { cwd: 'hatched' }), /open_hatched-1\.0/);
  t.equal((await server.offers('open-hatched')).size, 2);
});

t.test('flit builds and publishes', async (t) => {
  const station = await PypiStation.open(t, 'flit');
  if (!station) return;
  const server = await station.serve();
  const project = (text: string) =>
    station.home.project('flitted', {
      'pyproject.toml':
        '[build-system]\nrequires = ["flit_core >=3.11,<5"]\nbuild-backend = "flit_core.buildapi"\n' +
        '[project]\nname = "open_flitted"\nauthors = [{name = "A", email = "a@example.org"}]\ndynamic = ["version", "description"]\n',
      'open_flitted.py': `"""${text}"""\n__version__ = "1.0"\n`,
    });
  await project('A module');
  const { username } = server.admin;
  const flit = (password = server.admin.password) =>
    station.run('flit', ['publish', '--no-use-vcs'], {
      cwd: 'flitted',
      env: {
        FLIT_INDEX_URL: server.upload,
        FLIT_USERNAME: username,
        FLIT_PASSWORD: password,
        SOURCE_DATE_EPOCH: '1600000000',
      },
    });
  fails(t, await flit('wrong'), /401|403/);
  t.equal((await server.offers('open-flitted')).size, 0);
  succeeds(t, await flit());
  t.equal((await server.offers('open-flitted')).size, 2);
  succeeds(t, await flit(), undefined);
  await project('Another module');
  fails(t, await flit(), /400|already exists/);
});

t.test('maturin uploads', async (t) => {
  const station = await PypiStation.open(t, 'maturin');
  if (!station) return;
  const server = await station.serve();
  await publishSteps(t, {
    station,
    server,
    refused: /401|403|[Ii]nvalid|[Uu]nauthorized/,
    publish: (_files, paths, { username, password }) =>
      station.run('maturin', [
        'upload',
        '--non-interactive',
        '--repository-url',
        server.upload,
        '-u',
        username,
        '-p',
        password,
        ...paths,
      ]),
  });

  await t.test('--skip-existing passes over what is there', async (t) => {
    const paths = await station.dist(ringWheel({ name: 'Open.Published_pkg', version: '1.0', note: 'third' }));
    const { username, password } = server.admin;
    const args = [
      'upload',
      '--non-interactive',
      '--skip-existing',
      '--repository-url',
      server.upload,
      '-u',
      username,
      '-p',
      password,
    ];
    succeeds(t, await station.run('maturin', [...args, ...paths]), /[Ss]kip/);
  });
});

t.test('what setuptools builds is uploaded by twine and installed by pip', async (t) => {
  const station = await PypiStation.open(t, 'python-build', 'twine', 'pip');
  if (!station) return;
  const server = await station.serve();
  await station.home.project('built', {
    'pyproject.toml':
      '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n' +
      '[project]\nname = "Open.Built"\nversion = "1.0"\nlicense = "MIT"\nreadme = "README.md"\n',
    'README.md': '# built\n',
    'open_built/__init__.py': '__version__ = "1.0"\n',
  });
  succeeds(t, await station.run('python-build', ['--no-isolation', '.'], { cwd: 'built' }));
  const files = await readdir(station.home.path('work', 'built', 'dist'));
  const { username, password } = server.admin;
  const args = ['--non-interactive', '--repository-url', server.upload, '--username', username, '--password', password];
  const paths = files.map((file) => `dist/${file}`);
  succeeds(t, await station.run('twine', ['upload', ...args, ...paths], { cwd: 'built' }));
  t.same([...(await server.offers('open-built')).keys()].sort(), files.sort());
  succeeds(
    t,
    await station.run('pip', ['install', '--no-input', '--target', 'there', '--index-url', server.index, 'open-built']),
  );
  t.equal(await station.installed('there', 'open_built'), '1.0');
  const wheel = files.find((file) => file.endsWith('.whl')) as string;
  const answer = await fetch(`${server.origin}/pypi/packages/open-built/${wheel}`);
  t.equal(sha256(new Uint8Array(await answer.arrayBuffer())), (await server.offers('open-built')).get(wheel)?.sha256);
});
