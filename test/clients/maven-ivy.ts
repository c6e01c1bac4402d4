import { readdir } from 'node:fs/promises';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { MavenStation } from '../support/maven/ring/station.js';
import { EMPTY_JAR, stockRepository } from '../support/maven/ring/stock.js';

t.test('Ivy resolves and publishes', { timeout: 300_000 }, async (t) => {
  const station = await MavenStation.open(t, 'ivy');
  if (!station) return;
  const { home } = station;
  const server = await station.serve();
  const guarded = await station.serve({ isPrivate: true });
  await stockRepository(server);
  const settings = (name: string, url: string, realm?: string, password = '') =>
    home.write(
      `home/${name}.xml`,
      `<ivysettings><settings defaultResolver="ours"/>${realm === undefined ? '' : `<credentials host="127.0.0.1" realm="${realm}" username="admin" passwd="${password}"/>`}
<caches defaultCacheDir="${home.path('cache', name)}"/>
<resolvers><ibiblio name="ours" m2compatible="true" root="${url}/"/></resolvers></ivysettings>`,
    );
  const ivy = (config: string, args: string[]) =>
    station.run(['java', '-jar', ...station.program('ivy'), '-settings', config, ...args], {
      cwd: home.path('work'),
    });
  const open = await settings('open', server.url);

  await t.test('a version, a range and the newest', async (t) => {
    succeeds(t, await ivy(open, ['-dependency', GROUP, 'top', '1.0', '-retrieve', 'got/[artifact]-[revision].[ext]']));
    t.same((await readdir(home.path('work/got'))).sort(), ['leaf-1.2.jar', 'top-1.0.jar']);
    succeeds(t, await ivy(open, ['-dependency', GROUP, 'leaf', '1.+']), /leaf;1\.2/);
    succeeds(t, await ivy(open, ['-dependency', GROUP, 'leaf', 'latest.release']), /leaf;2\.0/);
    fails(t, await ivy(open, ['-dependency', GROUP, 'leaf', '9.9']), /UNRESOLVED|not found/);
  });

  await t.test('publish, with credentials of the realm `maven`', async (t) => {
    await home.project('ivy', {
      'ivy.xml': `<ivy-module version="2.0"><info organisation="${GROUP}" module="ivied" revision="1.0"/><publications><artifact name="ivied" type="jar" ext="jar"/></publications></ivy-module>`,
    });
    await home.write('work/ivy/ivied-1.0.jar', EMPTY_JAR);
    const publish = (config: string) =>
      ivy(config, [
        ...['-ivy', home.path('work/ivy/ivy.xml'), '-publish', 'ours', '-revision', '1.0', '-overwrite'],
        ...['-publishpattern', home.path('work/ivy/[artifact]-[revision].[ext]')],
      ]);
    const password = await guarded.token({ protocol: 'maven' });
    fails(
      t,
      await publish(await settings('wrong-realm', guarded.url, 'another', password)),
      /Authentication is required/,
    );
    const known = await settings('known', guarded.url, 'maven', password);
    succeeds(t, await publish(known));
    t.same(await guarded.versions(`${GROUP_PATH}/ivied`), ['1.0'], 'Ivy writes no metadata');
    succeeds(t, await ivy(known, ['-dependency', GROUP, 'ivied', '1.+']), /ivied;1\.0/);
  });
});
