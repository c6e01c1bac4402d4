import { appendFile } from 'node:fs/promises';
import t from 'tap';
import { succeeds } from '../support/client/outcomes.js';
import { openStation, pushedImage } from '../support/oci/station.js';

t.test('umoci: an image of the registry is unpacked, changed and pushed by skopeo again', async (t) => {
  const station = await openStation(t, 'umoci', 'skopeo');
  if (!station) return;
  const { home, host, server, probe } = station;
  const image = await pushedImage(station, 'team/app', 'v1');
  const credentials = `${server.admin.username}:${server.admin.password}`;
  const skopeo = (...args: string[]) => station.run([...station.program('skopeo'), ...args]);
  const umoci = (...args: string[]) => station.run([...station.program('umoci'), ...args]);
  const from = ['copy', '--src-tls-verify=false', '--src-creds', credentials];
  succeeds(t, await skopeo(...from, `docker://${host}/team/app:v1`, 'oci:layout:v1'));
  succeeds(t, await umoci('unpack', '--rootless', '--image', 'layout:v1', 'bundle'));
  await appendFile(home.path('work', 'bundle', 'rootfs', 'added.txt'), 'more');
  succeeds(t, await umoci('repack', '--image', 'layout:v2', 'bundle'));
  const to = ['copy', '--dest-tls-verify=false', '--dest-creds', credentials];
  succeeds(t, await skopeo(...to, 'oci:layout:v2', `docker://${host}/team/app:v2`));
  const manifest = await probe.manifest('team/app', 'v2');
  const { layers } = JSON.parse(manifest.bytes.toString()) as { layers: { digest: string }[] };
  t.equal(layers.length, image.images[0]!.layers.length + 1, 'a layer more');
});
