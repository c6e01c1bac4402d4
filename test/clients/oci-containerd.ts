import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import t, { type Test } from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { type IStation, openStation, pushedImage, startDaemon } from '../support/oci/station.js';

/** containerd on folders of its own; `null`, and one skipped test, where it does not start. */
const startContainerd = async (t: Test, station: IStation): Promise<string | null> => {
  const { home } = station;
  const socket = home.path('containerd.sock');
  for (const folder of ['root', 'state']) await mkdir(home.path(folder), { recursive: true });
  await writeFile(
    home.path('containerd.toml'),
    `version = 2\nroot = "${home.path('root')}"\nstate = "${home.path('state')}"\n` +
      `disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
  );
  const isStarted = await startDaemon(t, 'containerd', {
    command: [...station.program('containerd'), '--config', home.path('containerd.toml')],
    env: {
      ...home.env,
      PATH: [dirname(station.program('containerd')[0]!), process.env.PATH].join(delimiter),
    },
    cwd: home.path('work'),
    ready: /containerd successfully booted/,
  });
  return isStarted ? socket : null;
};

t.test('containerd: its resolver and authorizer, by ctr', async (t) => {
  const station = await openStation(t, 'ctr', 'containerd');
  const socket = station && (await startContainerd(t, station));
  if (!station || !socket) return;
  const { host, server, probe } = station;
  const image = await pushedImage(station, 'team/app', 'v1');
  await pushedImage(station, 'public/app', 'v1');
  const credentials = (password: string) => ['--plain-http', '--user', `${server.admin.username}:${password}`];
  const ctr = (...args: string[]) => station.run([...station.program('ctr'), '--address', socket, ...args]);
  const pull = (...args: string[]) => ctr('images', 'pull', '--snapshotter', 'native', '--all-platforms', ...args);
  const reference = `${host}/team/app:v1`;
  fails(t, await pull('--plain-http', reference), /401|authorization failed|insufficient_scope/i);
  fails(t, await pull(...credentials('wrong'), reference), /401|authorization failed|Unauthorized/i);
  succeeds(t, await pull(...credentials(server.admin.password), reference));
  succeeds(t, await pull('--plain-http', `${host}/public/app:v1`));
  succeeds(t, await ctr('images', 'tag', reference, `${host}/team/copy:v2`));
  const pushed = await ctr('images', 'push', ...credentials(server.admin.password), `${host}/team/copy:v2`);
  succeeds(t, pushed);
  t.same(await probe.problems('team/copy', 'v2', image), [], 'what was pushed is the image, byte for byte');
});
