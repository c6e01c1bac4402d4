import { fileIn, recordOf } from '../../../ts/maven/helpers.files.js';
import type { IMavenDocument } from '../../../ts/maven/interfaces.maven.js';
import type { TAlgorithm } from '../../../ts/maven/wire/wire.checksums.js';
import { folderOf, gav, hex, pathOf, pomOf } from '../../support/maven/artifacts.js';
import type { IPart, IWorld } from './interfaces.growth.js';
import { openRegistry, send } from './worlds.js';

const ARTIFACT = 'org.example.growth:many-files';
const DOCUMENT = 'maven/metadata/org.example.growth/many-files/metadata.json';
/** the files of a library */
const ENDINGS = ['.pom', '.jar', '-sources.jar', '-javadoc.jar', '.module'];
const SNAPSHOT = '1.0-SNAPSHOT';

/** The path of a file; `build` is the number of a build of the SNAPSHOT. */
const pathFor = (version: string, ending: string, build?: number): string => {
  const path = pathOf(gav(`${ARTIFACT}:${version}`), ending);
  return build === undefined ? path : path.replace(`-${SNAPSHOT}${ending}`, `-${buildName(build)}${ending}`);
};

const buildName = (number: number): string => `1.0-20261128.${100_000 + number}-${number}`;

const contentOf = (version: string, ending: string): string =>
  ending === '.pom' ? pomOf(gav(`${ARTIFACT}:${version}`)) : version + ending;

const deploying = async (world: IWorld) => {
  const { registry } = await openRegistry(world, { maven: { enabled: true } });
  const token = await registry.getAuthManager().createToken('growth', 'maven');
  const headers = { authorization: `Bearer ${token}` };
  const get = (path: string) => send(registry, { path, headers });
  const put = (path: string, body: string) => send(registry, { method: 'PUT', path, headers, body });
  const putFile = (version: string, ending: string, build?: number) =>
    put(pathFor(version, ending, build), contentOf(version, ending));
  const deploy = async (version: string, build?: number): Promise<void> => {
    for (const ending of ENDINGS) await putFile(version, ending, build);
  };
  return { registry, get, put, putFile, deploy };
};

/** Files like those of a version under another name; their digests are as random as real ones. */
const filesLike = (document: IMavenDocument, version: string, from: string, to: string): Record<string, string> => {
  const like = (text: string): string => text.replaceAll(from, to);
  return Object.fromEntries(
    Object.entries(document.versions[version]!.files).map(([file, record]) => {
      const path = { ...document, version, file };
      const stored = fileIn(path, record);
      const other = { ...path, version: like(version), file: like(file) };
      const [md5, sha1, sha256, sha512] = ['md5', 'sha1', 'sha256', 'sha512'].map((one) => hex(one, other.file));
      const writeId = md5!.replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      const digests = { md5, sha1, sha256, sha512 } as Record<TAlgorithm, string>;
      return [other.file, recordOf(other, { ...stored, ...digests, key: like(stored.key), writeId })];
    }),
  );
};

/** Releases of one artifact, and builds of one SNAPSHOT of it, with five files each. */
const build = async (world: IWorld, { releases, builds }: { releases: number; builds: number }): Promise<void> => {
  const { registry, deploy } = await deploying(world);
  await deploy('0.0.1');
  await deploy(SNAPSHOT, 1);
  await registry.getStorage().update<IMavenDocument>(DOCUMENT, (current) => {
    const document = current!;
    const versions = { ...document.versions };
    for (let number = 2; number <= releases; number++) {
      const version = `0.0.${number}`;
      versions[version] = { ...versions['0.0.1']!, files: filesLike(document, '0.0.1', '0.0.1', version) };
    }
    const files = { ...versions[SNAPSHOT]!.files };
    for (let number = 2; number <= builds; number++) {
      Object.assign(files, filesLike(document, SNAPSHOT, buildName(1), buildName(number)));
    }
    versions[SNAPSHOT] = { ...versions[SNAPSHOT]!, files };
    return { ...document, versions };
  });
  await registry.destroy();
};

const measure = async (world: IWorld): Promise<void> => {
  const { registry, get, put, putFile, deploy } = await deploying(world);
  const { meter } = world;
  const times = world.isQuick ? 5 : 20;
  const sha1Of = (version: string) => hex('sha1', contentOf(version, '.jar'));
  await meter.step('first read', 1, () => get(pathFor('0.0.1', '.pom')));
  await deploy('2.0.0');
  await deploy(SNAPSHOT, 100_000);
  await meter.step('PUT of a first file', times, (at) => putFile(`2.1.${at}`, '.pom'));
  await meter.step('PUT of a next file', times, (at) => putFile(`2.1.${at}`, '.jar'));
  await meter.step('PUT of a checksum', times, (at) =>
    put(`${pathFor(`2.1.${at}`, '.jar')}.sha1`, sha1Of(`2.1.${at}`)),
  );
  await meter.step('checksum before a file', times, (at) =>
    put(`${pathFor(`2.2.${at}`, '.jar')}.sha1`, sha1Of(`2.2.${at}`)),
  );
  await meter.step('PUT of a build', times, (at) => putFile(SNAPSHOT, '.jar', 100_001 + at));
  await meter.step('GET of a file', times, (at) => get(pathFor(`2.1.${at}`, '.jar')));
  const folder = folderOf(gav(`${ARTIFACT}:0`));
  await meter.step('PUT and metadata', times, async (at) => {
    await putFile(`2.3.${at}`, '.pom');
    await get(`${folder}/maven-metadata.xml`);
  });
  await meter.step('PUT and snapshot', times, async (at) => {
    await putFile(SNAPSHOT, '.jar', 200_001 + at);
    await get(`${folder}/${SNAPSHOT}/maven-metadata.xml`);
  });
  await registry.destroy();
};

/** Releases of one artifact. */
export const releases: IPart = {
  what: 'releases',
  scales: [100, 5000],
  onS3: [],
  build: (world) => build(world, { releases: world.scale, builds: 1 }),
  measure,
};

/** Builds of one SNAPSHOT. */
export const builds: IPart = {
  what: 'builds',
  scales: [100, 5000],
  onS3: [],
  build: (world) => build(world, { releases: 1, builds: world.scale }),
  measure,
};
