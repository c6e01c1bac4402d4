import { readFile } from 'node:fs/promises';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { openStation } from '../support/oci/station.js';

t.test('helm: charts as OCI artifacts', async (t) => {
  const station = await openStation(t, 'helm');
  if (!station) return;
  const { home, host, server } = station;
  const helm = (...args: string[]) => station.run([...station.program('helm'), ...args]);
  const chart = await home.project('mychart', {
    'Chart.yaml': 'apiVersion: v2\nname: mychart\nversion: 1.2.3+build.5\ndescription: of a test\n',
    'templates/configmap.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n',
    'values.yaml': 'a: 1\n',
  });
  succeeds(t, await helm('package', chart));
  const login = (password: string) =>
    station.run(
      [
        ...station.program('helm'),
        ...['registry', 'login', host, '--plain-http', '--username', server.admin.username, '--password-stdin'],
      ],
      { input: password },
    );
  fails(
    t,
    await helm('push', 'mychart-1.2.3+build.5.tgz', `oci://${host}/team/charts`, '--plain-http'),
    /401|denied|auth/i,
  );
  fails(t, await login('wrong password'), /401|unauthorized/i);
  succeeds(t, await login(server.admin.password), /Login Succeeded/);
  const pushed = await helm('push', 'mychart-1.2.3+build.5.tgz', `oci://${host}/team/charts`, '--plain-http');
  succeeds(t, pushed, /Pushed: .*team\/charts\/mychart:1\.2\.3_build\.5/);
  const reference = `oci://${host}/team/charts/mychart`;
  succeeds(t, await helm('show', 'chart', reference, '--version', '1.2.3+build.5', '--plain-http'), /of a test/);
  succeeds(t, await helm('pull', reference, '--plain-http', '--destination', home.path('work', 'mychart')));
  const [sent, got] = await Promise.all(
    ['mychart-1.2.3+build.5.tgz', 'mychart/mychart-1.2.3+build.5.tgz'].map((file) => readFile(home.path('work', file))),
  );
  t.same(got, sent, 'without a version the newest comes, byte for byte');
  succeeds(t, await helm('template', 'x', reference, '--plain-http'), /kind: ConfigMap/);
  succeeds(t, await helm('registry', 'logout', host));
  fails(t, await helm('pull', reference, '--plain-http'), /401|denied|auth/i);
});
