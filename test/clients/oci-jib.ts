import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { openStation } from '../support/oci/station.js';

/** The newest that runs on Java 17. */
const PLUGIN = 'com.google.cloud.tools:jib-maven-plugin:3.4.6:build';

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>org.example</groupId><artifactId>hello</artifactId><version>1.0.0</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties></project>`;

t.test('jib: a Java program becomes an image without Docker', async (t) => {
  const station = await openStation(t, 'mvn');
  if (!station) return;
  const { home, host, server, probe } = station;
  const cwd = await home.project('hello', {
    'pom.xml': pom,
    'src/main/java/org/example/Hello.java':
      'package org.example; public class Hello { public static void main(String[] a) { System.out.println("hello"); } }',
  });
  const build = (password: string, tag: string) =>
    station.run(
      [
        ...station.program('mvn'),
        ...['-B', '-q', 'compile', PLUGIN, '-Djib.from.image=scratch', `-Djib.to.image=${host}/team/jib:${tag}`],
        ...['-Djib.allowInsecureRegistries=true', '-DsendCredentialsOverHttp=true', '-Djib.console=plain'],
        ...[`-Djib.to.auth.username=${server.admin.username}`, `-Djib.to.auth.password=${password}`],
      ],
      // its own settings and downloads are those of this machine: they name where artifacts come from
      { cwd, timeoutMs: 300_000, env: { HOME: process.env.HOME ?? '', JAVA_HOME: process.env.JAVA_HOME ?? '' } },
    );
  fails(t, await build('wrong', 'v1'), /Unauthorized|401/);
  succeeds(t, await build(server.admin.password, 'v1'));
  t.equal((await probe.manifest('team/jib', 'v1')).status, 200);
  succeeds(t, await build(server.admin.password, 'v2'));
  t.same(await probe.tags('team/jib'), ['v1', 'v2']);
});
