import { readFile } from 'node:fs/promises';
import { GROUP, GROUP_PATH, library, pom } from '../support/maven/ring/projects.js';
import { sha1, valuesOf } from '../support/maven/ring/station.js';
import type { TToolName } from '../support/tools.js';
import type { IMavenRing } from './mavenring.suite.js';

const DEPLOY_FILE = 'org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file';
/** with these the sentence of an answer is printed; the others print its status only */
const PRINTS_DETAILS: TToolName[] = ['maven-3.9', 'maven-3.10'];

/** What Maven sends. */
export const deploySteps = async (ring: IMavenRing, name: TToolName): Promise<void> => {
  const { steps, station, server, mvn, to } = ring;
  const { home } = station;
  const step: (typeof steps)['step'] = (command, offered, body) => steps.step(command, offered, body);
  const lib = `${GROUP_PATH}/lib`;

  await step('deploy a release', true, async (t) => {
    await home.project('lib', library('lib', '1.0'));
    steps.succeeds(t, await mvn('lib', ['-q', 'deploy', to]));
    const built = await readFile(home.path('work/lib/target/lib-1.0.jar'));
    t.equal((await server.get(`${lib}/1.0/lib-1.0.jar`)).sha1, sha1(built), 'the jar that was built');
    t.equal((await server.get(`${lib}/1.0/lib-1.0.jar.sha1`)).text, sha1(built));
    t.equal((await server.get(`${lib}/1.0/lib-1.0-sources.jar`)).status, 200);
    t.same(await server.versions(lib), ['1.0']);
  });

  await step('the same bytes again', true, async (t) => {
    steps.succeeds(t, await mvn('lib', ['-q', 'deploy', to]));
    t.same(await server.versions(lib), ['1.0']);
  });

  await step('redeploy refused', true, async (t) => {
    const { sha1: before } = await server.get(`${lib}/1.0/lib-1.0.jar`);
    await home.project('lib', library('lib', '1.0', 'something else'));
    const refused = await mvn('lib', ['-q', 'deploy', to]);
    steps.fails(t, refused, /409/);
    if (PRINTS_DETAILS.includes(name))
      t.match(refused.output, /lib-1\.0[\w.-]* of .* is published already, with other content/, 'and why');
    t.equal((await server.get(`${lib}/1.0/lib-1.0.jar`)).sha1, before, 'the first bytes are still there');
  });

  await step('deploy refused without a right', true, async (t) => {
    const { url, admin } = server;
    const password = await server.token({ protocol: 'maven', readOnly: true });
    const reader = await station.settings('reader', [{ id: 'ours', url, username: admin.username, password }]);
    await home.project('lib', library('lib', '1.1'));
    steps.fails(t, await mvn('lib', ['-q', 'deploy', to], reader), /403/);
    const stranger = await station.settings('stranger', [{ id: 'ours', url, username: 'admin', password: 'wrong' }]);
    steps.fails(t, await mvn('lib', ['-q', 'deploy', to], stranger), /401|too many authentication attempts/);
    t.same(await server.versions(lib), ['1.0'], 'nothing was stored');
    steps.succeeds(t, await mvn('lib', ['-q', 'deploy', to]));
    t.same(await server.versions(lib), ['1.0', '1.1']);
  });

  await step('deploy a SNAPSHOT twice', true, async (t) => {
    for (const says of ['build one', 'build two']) {
      await home.project('moving', library('moving', '2.0-SNAPSHOT', says));
      steps.succeeds(t, await mvn('moving', ['-q', 'deploy', to]));
    }
    const { text } = await server.get(`${GROUP_PATH}/moving/2.0-SNAPSHOT/maven-metadata.xml`);
    t.same(valuesOf(text, 'buildNumber'), ['2']);
    const values = valuesOf(text, 'value');
    t.ok(
      values.every((value) => value.endsWith('-2')),
      `only the newest build is listed: ${values}`,
    );
    t.match(valuesOf(text, 'extension').sort(), ['jar', 'jar', 'pom'].concat(name === 'maven-4' ? ['pom'] : []));
    for (const value of new Set(values)) {
      const newest = await server.get(`${GROUP_PATH}/moving/2.0-SNAPSHOT/moving-${value}.jar`);
      t.equal(newest.sha1, sha1(await readFile(home.path('work/moving/target/moving-2.0-SNAPSHOT.jar'))));
    }
    const { text: artifact } = await server.get(`${GROUP_PATH}/moving/maven-metadata.xml`);
    t.same(valuesOf(artifact, 'version'), ['2.0-SNAPSHOT']);
    t.same(valuesOf(artifact, 'release'), [], 'a SNAPSHOT is no release');
  });

  await step('deploy-file with a signature', true, async (t) => {
    await home.project('loose', {
      'loose.jar': 'not made by Maven',
      'loose.asc': 'SIGNATURE',
      'doc.zip': 'a document',
    });
    const what = ['-Dfile=loose.jar', `-DgroupId=${GROUP}`, '-DartifactId=loose', '-Dversion=3.1', '-Dpackaging=jar'];
    const more = ['-Dfiles=loose.asc,doc.zip', '-Dclassifiers=,guide', '-Dtypes=jar.asc,zip'];
    const where = [`-Durl=${server.url}`, '-DrepositoryId=ours'];
    steps.succeeds(t, await mvn('loose', ['-q', DEPLOY_FILE, ...what, ...more, ...where]));
    const at = `${GROUP_PATH}/loose/3.1/loose-3.1`;
    t.equal((await server.get(`${at}.jar.asc`)).text, 'SIGNATURE');
    t.equal((await server.get(`${at}-guide.zip`)).text, 'a document');
    t.match((await server.get(`${at}.pom`)).text, /<artifactId>loose</);
  });

  await step('parallel modules (-T)', true, async (t) => {
    const modules = Array.from({ length: 6 }, (_, at) => `part-${at}`);
    const list = modules.map((module) => `<module>${module}</module>`).join('');
    const parent = pom({ artifact: 'parts', version: '1.0', packaging: 'pom' }, `<modules>${list}</modules>`);
    const files: Record<string, string> = { 'pom.xml': parent };
    for (const module of modules) {
      for (const [path, text] of Object.entries(library(module, '1.0'))) files[`${module}/${path}`] = text;
    }
    await home.project('parts', files);
    steps.succeeds(t, await mvn('parts', ['-q', '-T', '4', 'deploy', to]));
    for (const module of modules) t.same(await server.versions(`${GROUP_PATH}/${module}`), ['1.0'], module);
  });

  await step('several deploys at once', true, async (t) => {
    await home.project('crowd', { 'crowd.jar': 'the same jar', 'crowd.zip': 'and a second file' });
    const versions = ['1.0', '1.1', '1.2', '1.10', '2.0'];
    const runs = versions.map((version) => {
      const what = ['-Dfile=crowd.jar', `-DgroupId=${GROUP}`, '-DartifactId=crowd', `-Dversion=${version}`];
      const more = ['-Dpackaging=jar', '-Dfiles=crowd.zip', '-Dclassifiers=extra', '-Dtypes=zip'];
      // as on several machines: Maven 3 sends what another process is just writing to a local repository of both
      const local = `-Dmaven.repo.local=${home.path(`local-${version}`)}`;
      return mvn('crowd', ['-q', local, DEPLOY_FILE, ...what, ...more, `-Durl=${server.url}`, '-DrepositoryId=ours']);
    });
    for (const result of await Promise.all(runs)) steps.succeeds(t, result);
    t.same(await server.versions(`${GROUP_PATH}/crowd`), versions, 'every version is listed, in order');
  });
};
