import { mkdir } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import t, { type Test } from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { type IStation, openStation, pushedImage, startDaemon } from '../support/oci/station.js';

const PATH = (station: IStation): string =>
  [dirname(station.program('dockerd')[0]!), dirname(station.program('docker')[0]!), process.env.PATH].join(delimiter);

/** Docker's engine without networks, on folders of its own; `null`, and one skipped test, where it does not start. */
const startEngine = async (t: Test, station: IStation): Promise<string | null> => {
  const { home } = station;
  const socket = `unix://${home.path('docker.sock')}`;
  const folders = ['--data-root', home.path('data'), '--exec-root', home.path('exec'), '--pidfile', home.path('pid')];
  const isStarted = await startDaemon(t, "Docker's engine", {
    command: [
      ...station.program('dockerd'),
      ...['--host', socket, ...folders, '--iptables=false', '--bridge=none', '--storage-driver=vfs'],
    ],
    env: { ...home.env, PATH: PATH(station) },
    cwd: home.path('work'),
    ready: /API listen on/,
  });
  return isStarted ? socket : null;
};

t.test('Docker 20.10: its command line alone, on manifests', async (t) => {
  const station = await openStation(t, 'docker', 'dockerd');
  if (!station) return;
  const { home, host, server, probe } = station;
  const image = await pushedImage(station, 'team/app', 'v1', { isDocker: true });
  await mkdir(home.path('home', '.docker'), { recursive: true });
  const docker = (...args: string[]) =>
    station.run([...station.program('docker'), ...args], { env: { DOCKER_CLI_EXPERIMENTAL: 'enabled' } });
  fails(
    t,
    await docker('manifest', 'inspect', '--insecure', `${host}/team/app:v1`),
    /unauthorized: Authentication is required/i,
  );
  const auth = Buffer.from(`${server.admin.username}:${server.admin.password}`).toString('base64');
  await home.write('home/.docker/config.json', JSON.stringify({ auths: { [host]: { auth } } }));
  succeeds(t, await docker('manifest', 'inspect', '--insecure', `${host}/team/app:v1`), /schemaVersion/);
  const reference = `${host}/team/app@${image.top.digest}`;
  succeeds(t, await docker('manifest', 'create', '--insecure', `${host}/team/app:list`, reference));
  succeeds(t, await docker('manifest', 'push', '--insecure', `${host}/team/app:list`), /sha256:/);
  const list = JSON.parse((await probe.manifest('team/app', 'list')).bytes.toString()) as { manifests: object[] };
  t.match(list.manifests, [{ digest: image.top.digest }]);
});

t.test('Docker 20.10 with its engine: login, build, push, pull', async (t) => {
  const station = await openStation(t, 'docker', 'dockerd');
  const socket = station && (await startEngine(t, station));
  if (!station || !socket) return;
  const { home, host, server, probe } = station;
  const docker = (args: string[], input?: string) =>
    station.run([...station.program('docker'), '--host', socket, ...args], {
      input,
      env: { DOCKER_BUILDKIT: '0', PATH: PATH(station) },
    });
  const login = (password: string) =>
    docker(['login', '--username', server.admin.username, '--password-stdin', host], password);
  const reference = `${host}/team/app:v1`;
  fails(t, await login('wrong password'), /unauthorized|401/i);
  fails(t, await docker(['pull', reference]), /unauthorized|denied|no basic auth/i);
  succeeds(t, await login(server.admin.password), /Login Succeeded/);
  const cwd = await home.project('image', {
    Dockerfile: 'FROM scratch\nCOPY hello.txt /\nLABEL a=b\n',
    'hello.txt': 'hello',
  });
  succeeds(t, await docker(['build', '--tag', reference, cwd]));
  succeeds(t, await docker(['push', reference]), /digest: sha256:/);
  succeeds(t, await docker(['push', reference]), /Layer already exists/);
  t.equal((await probe.manifest('team/app', 'v1')).status, 200);
  succeeds(t, await docker(['tag', reference, `${host}/team/other:v1`]));
  succeeds(t, await docker(['push', `${host}/team/other:v1`]), /Mounted from team\/app|Layer already exists|Pushed/);
  succeeds(t, await docker(['rmi', reference, `${host}/team/other:v1`]));
  succeeds(t, await docker(['pull', reference]), /Downloaded newer image|Digest: sha256/);
  const signed = await pushedImage(station, 'public/app', 'v1');
  succeeds(t, await docker(['logout', host]));
  succeeds(t, await docker(['pull', `${host}/public/app@${signed.top.digest}`]), /Digest: sha256/);
  fails(t, await docker(['push', reference]), /denied|no basic auth|unauthorized/i);
});
