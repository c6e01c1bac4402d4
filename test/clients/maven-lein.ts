import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { MavenStation } from '../support/maven/ring/station.js';
import { stockRepository } from '../support/maven/ring/stock.js';

t.test('Leiningen deploys and resolves', { timeout: 300_000 }, async (t) => {
  const station = await MavenStation.open(t, 'lein');
  if (!station) return;
  const { home } = station;
  const server = await station.serve({ isPrivate: true });
  await stockRepository(server);
  const lein = (folder: string, ...args: string[]) =>
    station.run([...station.program('lein'), ...args], {
      cwd: home.path('work', folder),
      env: { LEIN_HOME: home.path('home/lein'), LEIN_JVM_OPTS: station.javaEnv.MAVEN_OPTS as string },
    });
  const project = (name: string, version: string, password: string, dependencies = '') =>
    home.project(name, {
      // plain http is refused unless a project says that it wants it
      'project.clj': `(require 'cemerick.pomegranate.aether)
(cemerick.pomegranate.aether/register-wagon-factory! "http" #(org.apache.maven.wagon.providers.http.HttpWagon.))
(defproject ${GROUP}/${name} "${version}"
  :description "made by Leiningen"
  :dependencies ^:replace [${dependencies}]
  :repositories ^:replace [["ours" {:url "${server.url}" :username "admin" :password "${password}" :sign-releases false :checksum :fail}]]
  :local-repo "${home.path('repository')}"
  :prep-tasks ^:replace [])
`,
      'src/core.clj': '(ns core)\n',
    });
  const token = await server.token({ protocol: 'maven' });
  // without the profile that adds a REPL from the public repositories
  const plain = ['with-profile', '-base,-dev,-user,-system'];

  await t.test('deploy a release, a SNAPSHOT twice, and a release again', async (t) => {
    await project('leined', '1.0', token);
    succeeds(t, await lein('leined', ...plain, 'deploy', 'ours'));
    t.same(await server.versions(`${GROUP_PATH}/leined`), ['1.0']);
    await project('leined', '1.1-SNAPSHOT', token);
    for (const _ of [1, 2]) succeeds(t, await lein('leined', ...plain, 'deploy', 'ours'));
    t.same(await server.versions(`${GROUP_PATH}/leined`), ['1.0', '1.1-SNAPSHOT']);
    const { text } = await server.get(`${GROUP_PATH}/leined/1.1-SNAPSHOT/maven-metadata.xml`);
    t.match(text, /<buildNumber>2</);
    await project('leined', '1.0', token);
    await home.write('work/leined/src/core.clj', '(ns core "changed")\n');
    fails(t, await lein('leined', ...plain, 'deploy', 'ours'), /409|Conflict/);
    await project('leined', '1.2', 'wrong');
    fails(t, await lein('leined', ...plain, 'deploy', 'ours'), /401|not authorized|Unauthorized/i);
  });

  await t.test('deps: a version, a range and a SNAPSHOT', async (t) => {
    const wanted = `[${GROUP}/top "1.0"] [${GROUP}/moving "1.0-SNAPSHOT"]`;
    await project('user', '1.0', token, wanted);
    succeeds(t, await lein('user', ...plain, 'deps'));
    const names = await Promise.all(
      [`${GROUP_PATH}/top/1.0`, `${GROUP_PATH}/leaf/1.2`, `${GROUP_PATH}/moving/1.0-SNAPSHOT`].map((path) =>
        station.localNames(path),
      ),
    );
    t.ok(
      names.every((files) => files.some((file) => file.endsWith('.jar'))),
      JSON.stringify(names),
    );
    await project('missing', '1.0', token, `[${GROUP}/leaf "9.9"]`);
    fails(t, await lein('missing', ...plain, 'deps'), /Could not find artifact/);
  });
});
