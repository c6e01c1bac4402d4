import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fails, succeeds } from '../support/client/outcomes.js';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { MavenStation } from '../support/maven/ring/station.js';

/** The Scala that this sbt itself runs on: the installer has fetched it. */
const SCALA = '2.12.20';
const SBT = '1.11.7';

t.test('sbt publishes and resolves libraries and plugins', { timeout: 600_000 }, async (t) => {
  const station = await MavenStation.open(t, 'sbt', 'sbt-warm');
  if (!station) return;
  const { home } = station;
  const server = await station.serve({ isPrivate: true });
  const token = await server.token({ protocol: 'maven' });
  const [[lib], [boot]] = [station.program('sbt'), station.program('sbt-warm')] as [[string], [string]];
  const launcher = (await readdir(lib)).find((file) => file.startsWith('sbt-launch')) as string;
  // copies, because sbt keeps what it gets from us there as well
  for (const part of ['global', 'coursier', 'ivy']) {
    await cp(join(boot, '..', part), home.path('sbt', part), { recursive: true, errorOnExist: false }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error; // this sbt made no such folder
      },
    );
  }
  // ours comes first; what it does not have, sbt takes from what the installer has fetched
  const repositories = await home.write(
    'sbt/repositories',
    `[repositories]\n  local\n  ours: ${server.url}, allowInsecureProtocol\n  maven-central\n`,
  );
  const sbt = (folder: string, ...commands: string[]) =>
    station.run(
      [
        'java',
        `-Dsbt.boot.directory=${boot}`,
        ...['global.base=global', 'ivy.home=ivy'].map((each) => `-Dsbt.${each.replace('=', `=${home.path('sbt')}/`)}`),
        ...['-Dsbt.override.build.repos=true', `-Dsbt.repository.config=${repositories}`],
        ...[
          '-Dsbt.color=false',
          '-Dsbt.supershell=false',
          '-Dsbt.server.autostart=false',
          `-Duser.home=${home.path('home')}`,
        ],
        ...['-jar', join(lib, launcher), ...commands],
      ],
      { cwd: home.path('work', folder), env: { COURSIER_CACHE: home.path('sbt/coursier') }, timeoutMs: 300_000 },
    );
  const settings = (realm = 'maven'): string => `
ThisBuild / organization := "${GROUP}"
ThisBuild / scalaVersion := "${SCALA}"
ThisBuild / credentials += Credentials("${realm}", "127.0.0.1", "admin", "${token}")
ThisBuild / publishTo := Some(("ours" at "${server.url}").withAllowInsecureProtocol(true))
`;
  const properties = { 'project/build.properties': `sbt.version=${SBT}\n` };

  await t.test('publish: a library, a plugin, a SNAPSHOT twice', async (t) => {
    await home.project('publisher', {
      ...properties,
      'build.sbt': `${settings()}
ThisBuild / version := "1.0"
ThisBuild / Compile / packageDoc / publishArtifact := false
lazy val lib = (project in file("lib")).settings(name := "sbt-lib")
lazy val plugin = (project in file("plugin")).settings(name := "sbt-hello", sbtPlugin := true, sbtPluginPublishLegacyMavenStyle := true)
lazy val root = (project in file(".")).aggregate(lib, plugin).settings(publish / skip := true)
`,
      'lib/src/main/scala/Lib.scala': 'package ring\nobject Lib { def says = "made by sbt" }\n',
      'plugin/src/main/scala/Hello.scala': `package ring
import sbt._, Keys._
object Hello extends AutoPlugin {
  override def trigger = allRequirements
  override def projectSettings = Seq(commands += Command.command("hello") { state => println("hello from the plugin"); state })
}
`,
    });
    const moving = 'set ThisBuild / version := "1.1-SNAPSHOT"';
    succeeds(t, await sbt('publisher', 'publish', moving, 'lib/publish', 'lib/publish'));
    t.same(await server.versions(`${GROUP_PATH}/sbt-lib_2.12`), ['1.0', '1.1-SNAPSHOT'], 'sbt writes no metadata');
    // the name of older versions of sbt, whose folder is not the artifact's name, and the newer one
    const folder = `${GROUP_PATH}/sbt-hello_2.12_1.0/1.0`;
    for (const file of ['sbt-hello-1.0.pom', 'sbt-hello-1.0.jar', 'sbt-hello_2.12_1.0-1.0.pom']) {
      t.equal((await server.get(`${folder}/${file}`)).status, 200, file);
    }
    const again = await sbt('publisher', 'publish');
    fails(t, again, /exists|409|overwrite/i);
  });

  await t.test('resolve: a library, its newest version, and the plugin', async (t) => {
    await home.project('user', {
      ...properties,
      'project/plugins.sbt': `credentials += Credentials("maven", "127.0.0.1", "admin", "${token}")
addSbtPlugin("${GROUP}" % "sbt-hello" % "1.0")
`,
      'build.sbt': `${settings()}
libraryDependencies += "${GROUP}" %% "sbt-lib" % "latest.release"
`,
      'src/main/scala/App.scala': 'object App { def main(args: Array[String]): Unit = println(ring.Lib.says) }\n',
    });
    const used = await sbt('user', 'hello', 'run');
    succeeds(t, used, /hello from the plugin/);
    t.match(used.output, /made by sbt/);
  });

  await t.test('credentials of another realm are not sent', async (t) => {
    await home.project('stranger', {
      ...properties,
      'build.sbt': `${settings('another')}\nversion := "1.0"\nname := "stranger"\nautoScalaLibrary := false\ncrossPaths := false\n`,
    });
    fails(t, await sbt('stranger', 'publish'), /401|Unable to find credentials|unauthorized/i);
  });
});
