import { readdir } from 'node:fs/promises';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { EMPTY_JAR, stockRepository } from '../support/maven/ring/stock.js';
import { MavenStation, valuesOf } from '../support/maven/ring/station.js';

t.test('Gradle 4 publishes and resolves', { timeout: 400_000 }, async (t) => {
  const station = await MavenStation.open(t, 'gradle');
  if (!station) return;
  const { home } = station;
  const server = await station.serve();
  const guarded = await station.serve({ isPrivate: true });
  await stockRepository(server);
  const gradle = (folder: string, ...args: string[]) =>
    station.run([...station.program('gradle'), '--no-daemon', '--console=plain', ...args], {
      cwd: home.path('work', folder),
      env: { GRADLE_USER_HOME: home.path('cache/gradle'), GRADLE_OPTS: station.javaEnv.MAVEN_OPTS as string },
    });
  const repository = (url: string, password?: string): string =>
    `repositories { maven { url '${url}'${password === undefined ? '' : `; credentials { username 'admin'; password '${password}' }`} } }`;
  const publisher = (version: string, url: string, password?: string) =>
    home.project('publisher', {
      'settings.gradle': "rootProject.name = 'gradled'\n",
      'build.gradle': `plugins { id 'maven-publish' }
group = '${GROUP}'; version = '${version}'
publishing {
  publications { lib(MavenPublication) { artifact('lib.jar'); artifact('lib-sources.jar') { classifier 'sources' } } }
  ${repository(url, password)}
}\n`,
    });
  const jars = async () => {
    for (const file of ['lib.jar', 'lib-sources.jar']) await home.write(`work/publisher/${file}`, EMPTY_JAR);
  };
  const resolver = (name: string, notation: string, url: string, password?: string) =>
    home.project(name, {
      'settings.gradle': `rootProject.name = '${name}'\n`,
      'build.gradle': `configurations { got }
${repository(url, password)}
dependencies { got '${notation}' }
task copyAll(type: Copy) { from configurations.got; into 'got' }\n`,
    });

  await t.test('publish a release, and a SNAPSHOT twice', async (t) => {
    const token = await guarded.token({ protocol: 'maven' });
    await publisher('1.0', guarded.url, token);
    await jars();
    succeeds(t, await gradle('publisher', 'publish'));
    for (const _ of [1, 2]) {
      await publisher('1.1-SNAPSHOT', guarded.url, token);
      succeeds(t, await gradle('publisher', 'publish'));
    }
    t.same(await guarded.versions(`${GROUP_PATH}/gradled`), ['1.0', '1.1-SNAPSHOT']);
    const { text } = await guarded.get(`${GROUP_PATH}/gradled/1.1-SNAPSHOT/maven-metadata.xml`);
    t.same(valuesOf(text, 'buildNumber'), ['2']);
    await publisher('1.0', guarded.url);
    fails(t, await gradle('publisher', 'publish'), /401/);
  });

  await t.test('resolve: dynamic version, transitive, SNAPSHOT, private, absent', async (t) => {
    await resolver('dynamic', `${GROUP}:top:1.+`, server.url);
    succeeds(t, await gradle('dynamic', 'copyAll'));
    t.same((await readdir(home.path('work/dynamic/got'))).sort(), ['leaf-1.2.jar', 'top-1.0.jar']);
    await resolver('closed', `${GROUP}:gradled:1.1-SNAPSHOT`, guarded.url, await guarded.token({ protocol: 'maven', readOnly: true }));
    succeeds(t, await gradle('closed', 'copyAll'));
    t.same(await readdir(home.path('work/closed/got')), ['gradled-1.1-SNAPSHOT.jar']);
    await resolver('absent', `${GROUP}:leaf:9.9`, server.url);
    fails(t, await gradle('absent', 'copyAll'), /Could not find/);
  });
});
