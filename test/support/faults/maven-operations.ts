import { createHash } from 'node:crypto';
import { noise } from '../noise.js';
import { ABSENT, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';

const GROUP = 'org.acme';
export const ARTIFACT = 'a';
export const GROUP_FOLDER = '/maven/org/acme';
export const FOLDER = `${GROUP_FOLDER}/${ARTIFACT}`;
/** `path` is below the folder of the artifact; the value is the sha1 of the bytes that are served */
export const fileThing = (path: string): string => `maven:${ARTIFACT}@${path}`;
/**
 * The prefix of the artifact as a plugin: the first one that a client names. It lies in a listing, so it is looked at only
 * when listings are right.
 */
export const PREFIX = `listed-maven:${ARTIFACT}`;

export const sha1 = (bytes: Uint8Array | string): string => createHash('sha1').update(bytes).digest('hex');

/** over what is kept in memory while it is received, so that it is staged in the store */
const LARGE = 300 * 1024;

const jar = (version: string): string => `${version}/${ARTIFACT}-${version}.jar`;
const pomPath = (version: string): string => `${version}/${ARTIFACT}-${version}.pom`;
const pomOf = (version: string): string =>
  `<project><modelVersion>4.0.0</modelVersion><groupId>${GROUP}</groupId><artifactId>${ARTIFACT}</artifactId><version>${version}</version></project>`;

/** every file that an operation sends */
const FILES = ['1.0', '2.0', '3.0', '9.0', '9.0-SNAPSHOT'].flatMap((version) => [jar(version), pomPath(version)]);

const put = async (by: Replica, path: string, body: string | Buffer): Promise<number> => {
  const thing = fileThing(path);
  const since = by.world.history.now;
  const { status, text } = await by.send('PUT', `${FOLDER}/${path}`, { body }, { [thing]: sha1(body) });
  // "exists" is a promise as well
  if (status === 409 && /published already/.test(text)) by.world.history.observed({ [thing]: PRESENT }, since);
  return status;
};

const putJar =
  (version: string, content = 'one') =>
  (by: Replica) =>
    put(by, jar(version), content === 'large' ? noise('large', LARGE) : `jar ${version} ${content}`);
const putPom = (version: string) => (by: Replica) => put(by, pomPath(version), pomOf(version));

const plain = async (by: Replica, path: string, body: string): Promise<number> =>
  (await by.send('PUT', path, { body })).status;

/** The requests of one deploy; ends at the first that is refused. */
const deploy = (version: string) => async (by: Replica) => {
  const metadata = `<metadata><groupId>${GROUP}</groupId><artifactId>${ARTIFACT}</artifactId><versioning><versions><version>${version}</version></versions></versioning></metadata>`;
  const steps = [
    putPom(version),
    (replica: Replica) => plain(replica, `${FOLDER}/${pomPath(version)}.sha1`, sha1(pomOf(version))),
    putJar(version),
    (replica: Replica) => plain(replica, `${FOLDER}/${jar(version)}.sha1`, sha1(`jar ${version} one`)),
    (replica: Replica) => plain(replica, `${FOLDER}/maven-metadata.xml`, metadata),
    (replica: Replica) => plain(replica, `${FOLDER}/maven-metadata.xml.sha1`, sha1(metadata)),
  ];
  let status = 0;
  for (const step of steps) {
    status = await step(by);
    if (status >= 300) break;
  }
  return status;
};

/** A sum that comes before its file, which only has to agree with it. */
const sumFirst = (version: string) => async (by: Replica) => {
  const status = await plain(by, `${FOLDER}/${jar(version)}.sha1`, sha1(`jar ${version} one`));
  return status < 300 ? putJar(version)(by) : status;
};

const plugin = (prefix: string) => async (by: Replica) => {
  const body = `<metadata><plugins><plugin><name>x</name><prefix>${prefix}</prefix><artifactId>${ARTIFACT}</artifactId></plugin></plugins></metadata>`;
  return (await by.send('PUT', `${GROUP_FOLDER}/maven-metadata.xml`, { body }, { [PREFIX]: PRESENT })).status;
};

const remove = async (by: Replica, path: string, files: readonly string[]): Promise<number> => {
  const effects = Object.fromEntries(files.map((file) => [fileThing(file), ABSENT]));
  return (await by.send('DELETE', path, {}, effects)).status;
};
const removeJar = (version: string) => (by: Replica) => remove(by, `${FOLDER}/${jar(version)}`, [jar(version)]);
const removeVersion = (version: string) => (by: Replica) =>
  remove(by, `${FOLDER}/${version}`, [jar(version), pomPath(version)]);
const removeArtifact = (by: Replica) => remove(by, FOLDER, FILES);

const two = async (by: Replica): Promise<void> => {
  for (const version of ['1.0', '2.0']) {
    await putPom(version)(by);
    await putJar(version)(by);
  }
};

const writes = { 'other version': putJar('3.0'), 'same version, pom': putPom('9.0') };
const same = { 'same file': putJar('9.0', 'other bytes') };
const refused = { again: [409], refusals: [409] };
const gone = { again: [404], refusals: [404] };

const operations: Omit<IFaultOperation, 'protocol' | 'config'>[] = [
  {
    name: 'maven put, first file',
    prepare: async () => {},
    run: putJar('9.0'),
    interfere: { ...writes, ...same },
    ...refused,
  },
  {
    name: 'maven put, next file',
    prepare: two,
    run: putJar('9.0'),
    interfere: { ...writes, ...same, 'delete artifact': removeArtifact },
    ...refused,
  },
  {
    name: 'maven put, large',
    prepare: two,
    run: putJar('9.0', 'large'),
    interfere: { ...writes, ...same },
    ...refused,
  },
  {
    name: 'maven put, SNAPSHOT file again',
    prepare: async (by) => {
      await two(by);
      await putJar('9.0-SNAPSHOT')(by);
    },
    run: putJar('9.0-SNAPSHOT', 'two'),
    interfere: {
      'other version': putJar('3.0'),
      'same file': putJar('9.0-SNAPSHOT', 'three'),
      'delete artifact': removeArtifact,
    },
  },
  { name: 'maven put, sum first', prepare: two, run: sumFirst('9.0'), interfere: writes, ...refused },
  { name: 'maven deploy', prepare: two, run: deploy('9.0'), interfere: { 'other version': putJar('3.0') }, ...refused },
  {
    name: 'maven metadata of a group',
    prepare: two,
    run: plugin('hi'),
    interfere: { 'other version': putJar('3.0'), 'other prefix': plugin('ho') },
  },
  {
    name: 'maven delete file',
    prepare: two,
    run: removeJar('2.0'),
    interfere: { 'other version': putJar('3.0'), 'same file': removeJar('2.0') },
    ...gone,
  },
  {
    name: 'maven delete version',
    prepare: two,
    run: removeVersion('2.0'),
    interfere: { 'other version': putJar('3.0'), 'same version': removeVersion('2.0') },
    ...gone,
  },
  {
    name: 'maven delete artifact',
    prepare: two,
    run: removeArtifact,
    interfere: { 'other version': putJar('3.0'), 'one version': removeVersion('1.0') },
    ...gone,
  },
];

/** Other protocols have cases of their own; without them a case takes half the time. */
const config = { npm: { enabled: false }, oci: { enabled: false }, maven: { enabled: true } };

export const mavenOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  protocol: 'maven',
  config,
}));
