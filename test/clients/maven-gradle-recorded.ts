import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { GROUP, GROUP_PATH } from '../support/maven/ring/projects.js';
import { type IMavenServer, MavenStation, valuesOf } from '../support/maven/ring/station.js';

/*
 * Gradle 6 and later could not be installed here, so these are not its own requests: they are the requests that its
 * publisher makes, in its order, sent by a plain HTTP client. Source: AbstractMavenPublisher of gradle/gradle (main
 * artifact, POM, further artifacts, then the metadata; after each file its sha1, md5, sha256, sha512), and issues #11053,
 * #11308 and #20841 of that repository.
 */

const ALGORITHMS = ['sha1', 'md5', 'sha256', 'sha512'] as const;
const digest = (algorithm: string, bytes: string): string => createHash(algorithm).update(bytes).digest('hex');

class GradleRequests {
  public readonly statuses: [request: string, status: number][] = [];

  constructor(
    private readonly server: IMavenServer,
    private readonly token: string,
  ) {}

  public async send(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const basic = Buffer.from(`admin:${this.token}`).toString('base64');
    const headers = { authorization: `Basic ${basic}`, 'user-agent': 'Gradle/9.3.1 (Linux;6.1;amd64)' };
    const answer = await fetch(`${this.server.url}/${path}`, { method, headers, body });
    this.statuses.push([`${method} ${path}`, answer.status]);
    return { status: answer.status, text: await answer.text() };
  }

  /** A file and its four sums. */
  public async put(path: string, content: string): Promise<void> {
    await this.send('PUT', path, content);
    for (const algorithm of ALGORITHMS) await this.send('PUT', `${path}.${algorithm}`, digest(algorithm, content));
  }

  public get refused(): [string, number][] {
    return this.statuses.filter(([request, status]) => request.startsWith('PUT') && status >= 300);
  }
}

const pomOf = (version: string): string =>
  `<?xml version="1.0"?>\n<project xmlns="http://maven.apache.org/POM/4.0.0"><!-- do_not_remove: published-with-gradle-metadata --><modelVersion>4.0.0</modelVersion><groupId>${GROUP}</groupId><artifactId>gradled</artifactId><version>${version}</version></project>`;
const moduleOf = (version: string): string =>
  JSON.stringify({ formatVersion: '1.1', component: { group: GROUP, module: 'gradled', version }, variants: [] });

const ARTIFACT = `${GROUP_PATH}/gradled`;

const metadataOf = (version: string): string =>
  `<metadata><groupId>${GROUP}</groupId><artifactId>gradled</artifactId><versioning><latest>${version}</latest><release>${version}</release><versions><version>${version}</version></versions><lastUpdated>20260101000000</lastUpdated></versioning></metadata>`;

const open = async (t: Test) => {
  const station = await MavenStation.withoutTools(t, 'gradle-recorded');
  const server = await station.serve();
  return { server, gradle: new GradleRequests(server, await server.token({ protocol: 'maven' })) };
};

t.test('Gradle 6 and later (its requests): a release with signatures', async (t) => {
  const { server, gradle } = await open(t);
  const base = `${ARTIFACT}/1.0/gradled-1.0`;
  const files = { '.jar': 'a jar', '.pom': pomOf('1.0'), '.module': moduleOf('1.0'), '-sources.jar': 'sources' };
  for (const [end, content] of Object.entries(files)) await gradle.put(base + end, content);
  for (const end of Object.keys(files)) await gradle.put(`${base}${end}.asc`, `signature of ${end}`);
  await gradle.send('GET', `${ARTIFACT}/maven-metadata.xml`);
  await gradle.put(`${ARTIFACT}/maven-metadata.xml`, metadataOf('1.0'));
  t.same(gradle.refused, [], 'every PUT is taken, the sums of signatures and of its own metadata too');
  t.same(await server.versions(ARTIFACT), ['1.0']);
  for (const [end, content] of Object.entries(files)) {
    for (const algorithm of ALGORITHMS) {
      t.equal((await server.get(`${base}${end}.${algorithm}`)).text, digest(algorithm, content), `${end}.${algorithm}`);
      const { text } = await server.get(`${base}${end}.asc.${algorithm}`);
      t.equal(text, digest(algorithm, `signature of ${end}`), `${end}.asc.${algorithm}`);
    }
  }
});

t.test('Gradle 6 and later (its requests): SNAPSHOT builds', async (t) => {
  const { server, gradle } = await open(t);
  const folder = `${ARTIFACT}/1.1-SNAPSHOT`;
  for (const build of [1, 2]) {
    await gradle.send('GET', `${folder}/maven-metadata.xml`);
    const version = `1.1-20260101.12000${build}-${build}`;
    await gradle.put(`${folder}/gradled-${version}.jar`, `jar ${build}`);
    await gradle.put(`${folder}/gradled-${version}.pom`, pomOf('1.1-SNAPSHOT'));
    await gradle.put(`${folder}/gradled-${version}.module`, moduleOf('1.1-SNAPSHOT'));
    const own = `<metadata modelVersion="1.1.0"><groupId>${GROUP}</groupId><artifactId>gradled</artifactId><version>1.1-SNAPSHOT</version><versioning><snapshot><timestamp>20260101.12000${build}</timestamp><buildNumber>${build}</buildNumber></snapshot></versioning></metadata>`;
    await gradle.put(`${folder}/maven-metadata.xml`, own);
    await gradle.put(`${ARTIFACT}/maven-metadata.xml`, metadataOf('1.1-SNAPSHOT'));
  }
  t.same(gradle.refused, []);
  const { text } = await server.get(`${folder}/maven-metadata.xml`);
  t.same(valuesOf(text, 'buildNumber'), ['2'], 'from which Gradle builds every file name');
  t.same(valuesOf(text, 'timestamp'), ['20260101.120002']);
  t.equal((await server.get(`${folder}/gradled-1.1-20260101.120001-1.jar`)).text, 'jar 1', 'the first build is kept');
});

t.test('Gradle 6 and later (its requests): resolving', async (t) => {
  const { server, gradle } = await open(t);
  const base = `${ARTIFACT}/1.0/gradled-1.0`;
  await gradle.put(`${base}.pom`, pomOf('1.0'));
  await gradle.put(`${base}.module`, moduleOf('1.0'));
  await gradle.put(`${base}.jar`, 'a jar');
  // dynamic version: the metadata; then the POM, the module file that its mark announces, and the artifact
  t.same(await server.versions(ARTIFACT), ['1.0']);
  t.match((await gradle.send('GET', `${base}.pom`)).text, 'published-with-gradle-metadata');
  t.equal((await gradle.send('GET', `${base}.module`)).text, moduleOf('1.0'));
  // what it has from elsewhere: HEAD and the sum, instead of the file
  t.equal((await gradle.send('HEAD', `${base}.jar`)).status, 200);
  t.equal((await gradle.send('GET', `${base}.jar.sha1`)).text, digest('sha1', 'a jar'));
  for (const absent of [
    `${base}-javadoc.jar`,
    `${ARTIFACT}/2.0/gradled-2.0.pom`,
    `${GROUP_PATH}/none/maven-metadata.xml`,
  ]) {
    t.equal((await gradle.send('GET', absent)).status, 404, 'so that it asks the next repository');
    t.equal((await gradle.send('HEAD', absent)).status, 404);
  }
});
