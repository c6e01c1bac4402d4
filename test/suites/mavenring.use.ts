import {
  childPom,
  dependency,
  GROUP_PATH,
  library,
  libraryFiles,
  mavenPlugin,
  parentOf,
  pom,
  programFiles,
} from '../support/maven/ring/projects.js';
import { sha1 } from '../support/maven/ring/station.js';
import type { IMavenRing } from './mavenring.suite.js';

/** A program with these dependencies. */
export const app = (name: string, libraries: readonly string[], dependencies: string): Record<string, string> => ({
  'pom.xml': pom({ artifact: name, version: '1.0' }, `<dependencies>${dependencies}</dependencies>`),
  ...programFiles(libraries),
});

/** What Maven reads. Everything is taken with `checksumPolicy` `fail`, which the settings say. */
export const useSteps = async ({ steps, station, server, mvn, to }: IMavenRing): Promise<void> => {
  const { home } = station;
  /** A jar in the local repository; null if it is not there. */
  const localJar = (artifact: string, version: string) =>
    station.local(`${GROUP_PATH}/${artifact}/${version}/${artifact}-${version}.jar`);

  await steps.step('a release, checksumPolicy fail', true, async (t) => {
    await station.forget();
    await home.project('app', app('app', ['lib'], dependency('lib', '1.1')));
    const used = await mvn('app', ['compile']);
    steps.succeeds(t, used);
    t.notMatch(used.output, /checksum/i, 'no word about checksums');
    t.equal(sha1((await localJar('lib', '1.1'))!), (await server.get(`${GROUP_PATH}/lib/1.1/lib-1.1.jar`)).sha1);
    await home.project('missing', app('missing', ['lib'], dependency('lib', '9.9')));
    steps.fails(t, await mvn('missing', ['-q', 'compile']), /lib:(jar:|pom:)?9\.9|could not find artifact/i);
  });

  await steps.step('the newest SNAPSHOT', true, async (t) => {
    await home.project('follower', app('follower', ['moving'], dependency('moving', '2.0-SNAPSHOT')));
    steps.succeeds(t, await mvn('follower', ['-q', '-U', 'compile']));
    const first = await localJar('moving', '2.0-SNAPSHOT');
    await home.project('moving', library('moving', '2.0-SNAPSHOT', 'build three'));
    steps.succeeds(t, await mvn('moving', ['-q', 'deploy', to, `-Dmaven.repo.local=${home.path('elsewhere')}`]));
    steps.succeeds(t, await mvn('follower', ['-q', '-U', 'compile']));
    const second = await localJar('moving', '2.0-SNAPSHOT');
    t.not(sha1(first!), sha1(second!), 'the build that was deployed meanwhile');
    const names = await station.localNames(`${GROUP_PATH}/moving/2.0-SNAPSHOT`);
    t.equal(names.filter((file) => /-3\.jar$/.test(file)).length, 1, `${names}`);
  });

  await steps.step('version range', true, async (t) => {
    await station.forget();
    await home.project('ranged', app('ranged', ['lib'], dependency('lib', '[1.0,2.0)')));
    steps.succeeds(t, await mvn('ranged', ['-q', 'compile']));
    t.ok(await localJar('lib', '1.1'), 'the highest that is in the range');
    t.notOk(await localJar('lib', '1.0'));
  });

  await steps.step('BOM and parent', true, async (t) => {
    const management = (name: string) =>
      `<dependencyManagement><dependencies>${dependency(name, '1.0')}</dependencies></dependencyManagement>`;
    const distribution = `<distributionManagement><repository><id>ours</id><url>${server.url}</url></repository></distributionManagement>`;
    const parent = pom(
      { artifact: 'family', version: '1.0', packaging: 'pom' },
      `${distribution}<modules><module>bom</module><module>child</module></modules>`,
    );
    const inherited = parentOf('family', '1.0', '');
    await home.project('family', {
      'pom.xml': parent,
      'bom/pom.xml': childPom(inherited, 'bom', `<packaging>pom</packaging>${management('child')}`),
      'child/pom.xml': childPom(inherited, 'child'),
      ...Object.fromEntries(
        Object.entries(libraryFiles('child', 'of the family')).map(([path, text]) => [`child/${path}`, text]),
      ),
    });
    steps.succeeds(t, await mvn('family', ['-q', 'deploy']));
    await station.forget();
    const imported = dependency('bom', '1.0', '<type>pom</type><scope>import</scope>');
    await home.project('relative', {
      'pom.xml': childPom(
        parentOf('family', '1.0'),
        'relative',
        `<dependencyManagement><dependencies>${imported}</dependencies></dependencyManagement><dependencies>${dependency('child')}</dependencies>`,
      ),
      ...programFiles(['child']),
    });
    steps.succeeds(t, await mvn('relative', ['-q', 'compile']));
    t.ok(await localJar('child', '1.0'), 'in the version of the BOM');
  });

  await steps.step('plugin by prefix', true, async (t) => {
    await home.project('hi', mavenPlugin('hi-maven-plugin', '1.0'));
    steps.succeeds(t, await mvn('hi', ['-q', 'deploy', to]));
    const { text } = await server.get(`${GROUP_PATH}/maven-metadata.xml`);
    t.match(text, /<prefix>hi<\/prefix>/);
    await station.forget();
    await home.project('empty', {});
    await home.write('work/empty/note', '');
    steps.says(t, await mvn('empty', ['hi:say']), /said by the plugin/);
  });
};
