import { readdir } from 'node:fs/promises';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { MavenStation } from '../support/maven/ring/station.js';
import { EMPTY_JAR, stockRepository } from '../support/maven/ring/stock.js';

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
  /*
   * Debian's Gradle has no HTTP transport for `maven-publish` ("Cannot access … using the available connector factories"),
   * so it publishes by `ivy-publish` in Maven's layout, which uses Gradle's own HTTP client: PUT of files and their sha1.
   */
  const publisher = (version: string, url: string, password?: string) =>
    home.project('publisher', {
      'settings.gradle': "rootProject.name = 'gradled'\n",
      'build.gradle': `plugins { id 'ivy-publish' }
group = '${GROUP}'; version = '${version}'
publishing {
  publications { lib(IvyPublication) {
    artifact('lib.jar') { name 'gradled'; type 'jar' }
    artifact('lib-sources.jar') { name 'gradled'; type 'jar'; classifier 'sources' }
  } }
  repositories { ivy {
    url '${url}'
    ${password === undefined ? '' : `credentials { username 'admin'; password '${password}' }`}
    layout 'pattern', {
      artifact '[organisation]/[module]/[revision]/[artifact]-[revision](-[classifier]).[ext]'
      ivy '[organisation]/[module]/[revision]/ivy-[revision].xml'
      m2compatible = true
    }
  } }
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
    for (const build of ['one', 'two']) {
      await publisher('1.1-SNAPSHOT', guarded.url, token);
      await home.write('work/publisher/lib.jar', `build ${build}`);
      succeeds(t, await gradle('publisher', 'publish'));
    }
    t.same(await guarded.versions(`${GROUP_PATH}/gradled`), ['1.0', '1.1-SNAPSHOT'], 'Gradle wrote no metadata');
    const folder = `${GROUP_PATH}/gradled/1.1-SNAPSHOT`;
    t.equal((await guarded.get(`${folder}/gradled-1.1-SNAPSHOT.jar`)).text, 'build two');
    await publisher('1.0', guarded.url);
    fails(t, await gradle('publisher', 'publish'), /401/);
  });

  await t.test('resolve: dynamic version, transitive, SNAPSHOT, private, absent', async (t) => {
    await resolver('dynamic', `${GROUP}:top:1.+`, server.url);
    succeeds(t, await gradle('dynamic', 'copyAll'));
    t.same((await readdir(home.path('work/dynamic/got'))).sort(), ['leaf-1.2.jar', 'top-1.0.jar']);
    await resolver(
      'closed',
      `${GROUP}:gradled:1.1-SNAPSHOT`,
      guarded.url,
      await guarded.token({ protocol: 'maven', readOnly: true }),
    );
    succeeds(t, await gradle('closed', 'copyAll'));
    t.same(await readdir(home.path('work/closed/got')), ['gradled-1.1-SNAPSHOT.jar']);
    await resolver('absent', `${GROUP}:leaf:9.9`, server.url);
    fails(t, await gradle('absent', 'copyAll'), /Could not find/);
  });
});
