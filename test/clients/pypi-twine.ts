import t from 'tap';
import { publishSteps } from '../suites/pypiring.publish.js';
import { fails, succeeds } from '../support/client/outcomes.js';
import { ringWheel } from '../support/pypi/ring/packages.js';
import { PypiStation, sha256 } from '../support/pypi/ring/station.js';

t.test('twine uploads', async (t) => {
  const station = await PypiStation.open(t, 'twine');
  if (!station) return;
  const server = await station.serve();
  const upload = (url: string, paths: string[], args: string[], env = {}) =>
    station.run(
      'twine',
      ['upload', '--non-interactive', '--disable-progress-bar', '--repository-url', url, ...args, ...paths],
      { env },
    );
  await publishSteps(t, {
    station,
    server,
    publish: (_files, paths, { username, password }) =>
      upload(server.upload, paths, ['--verbose', '--username', username, '--password', password]),
  });

  await t.test('with a token, to each of the addresses, and from .pypirc', async (t) => {
    const token = await server.token({ protocol: 'pypi' });
    for (const [at, url] of ['/pypi', '/pypi/', '/pypi/legacy', '/pypi/legacy/'].entries()) {
      const paths = await station.dist(ringWheel({ name: 'open-token', version: `1.${at}` }));
      succeeds(t, await upload(server.origin + url, paths, [], { TWINE_USERNAME: '__token__', TWINE_PASSWORD: token }));
    }
    t.equal((await server.offers('open-token')).size, 4);
    const rows = [
      '[distutils]',
      'index-servers = ours',
      '[ours]',
      `repository = ${server.upload}`,
      'username = __token__',
    ];
    await station.home.write('home/.pypirc', `${[...rows, `password = ${token}`].join('\n')}\n`);
    const [path] = (await station.dist(ringWheel({ name: 'open-token', version: '2.0' }))) as [string];
    succeeds(t, await station.run('twine', ['upload', '--non-interactive', '-r', 'ours', path]));
    const readOnly = await server.token({ protocol: 'pypi', readOnly: true });
    const more = await station.dist(ringWheel({ name: 'open-token', version: '3.0' }));
    const refused = await upload(server.upload, more, [], { TWINE_USERNAME: '__token__', TWINE_PASSWORD: readOnly });
    fails(t, refused, /403/);
    t.match(refused.output.replace(/\s+/g, ' '), /This token does not allow write/, 'it says why, without --verbose');
  });

  await t.test('a file whose metadata is another package is refused with a sentence', async (t) => {
    const { bytes } = ringWheel({ name: 'open-other', version: '1.0' });
    const path = await station.home.write('work/dist/open_wrong-1.0-py3-none-any.whl', bytes);
    const { username, password } = server.admin;
    const result = await upload(server.upload, [path], ['--verbose', '--username', username, '--password', password]);
    t.ok(result.code, 'it fails', { clientOutput: result.output });
    t.notMatch(result.output, /500|Traceback/);
    t.equal((await server.offers('open-wrong')).size, 0);
  });

  await t.test('what was uploaded is downloaded byte by byte', async (t) => {
    const file = ringWheel({ name: 'open-token', version: '2.0' });
    const answer = await fetch(`${server.origin}/pypi/packages/open-token/${file.filename}`);
    t.equal(sha256(new Uint8Array(await answer.arrayBuffer())), sha256(file.bytes));
  });
});
