import { readFile } from 'node:fs/promises';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { noise } from '../support/noise.js';
import { openSecureStation, openStation } from '../support/oci/station.js';

t.test('python-dxf: blobs and aliases', async (t) => {
  const station = await openSecureStation(t, 'dxf');
  if (!station) return;
  const { home, host, server } = station;
  const file = await home.write('work/content.bin', noise('dxf', 300_000));
  const dxf = (password: string, ...args: string[]) =>
    station.run([...station.program('dxf'), ...args], {
      env: { DXF_HOST: host, DXF_SKIPTLSVERIFY: '1', DXF_USERNAME: server.admin.username, DXF_PASSWORD: password },
    });
  const admin = (...args: string[]) => dxf(server.admin.password, ...args);
  fails(t, await dxf('wrong', 'push-blob', 'team/dxf', file), /Unauthorized|401/i);
  const pushed = await admin('push-blob', 'team/dxf', file);
  succeeds(t, pushed, /sha256:/);
  const digest = pushed.stdout.trim();
  succeeds(t, await admin('set-alias', 'team/dxf', 'latest', digest));
  succeeds(t, await admin('get-alias', 'team/dxf', 'latest'), new RegExp(digest));
  succeeds(t, await admin('list-aliases', 'team/dxf'), /latest/);
  succeeds(t, await admin('blob-size', 'team/dxf', '@latest'), /300000/);
  const pulled = await admin('pull-blob', 'team/dxf', digest);
  t.equal(pulled.code, 0, 'pull-blob', { clientOutput: pulled.stderr });
  succeeds(t, await admin('list-repos'), /team\/dxf/);
  succeeds(t, await admin('del-alias', 'team/dxf', 'latest'));
});

const script = `
import sys, oras.client
host, user, password, file, out = sys.argv[1:]
client = oras.client.OrasClient(insecure=True, tls_verify=False, auth_backend='token')
client.login(hostname=host, username=user, password=password, tls_verify=False)
target = host + '/team/oras-py:v1'
client.push(target=target, files=[file], disable_path_validation=True)
print(client.get_tags(host + '/team/oras-py'))
print(client.pull(target=target, outdir=out))
`;

t.test('oras-py: an artifact up and down', async (t) => {
  const station = await openStation(t, 'oras-py');
  if (!station) return;
  const { home, host, server } = station;
  const file = await home.write('work/artifact.txt', 'the content of an artifact');
  const program = await home.write('work/program.py', script);
  const pushed = await station.run([
    ...station.program('oras-py'),
    ...[program, host, server.admin.username, server.admin.password, 'artifact.txt', home.path('work', 'out')],
  ]);
  succeeds(t, pushed, /v1/);
  t.equal(`${await readFile(home.path('work', 'out', 'artifact.txt'))}`, `${await readFile(file)}`);
});
