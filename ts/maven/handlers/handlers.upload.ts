import { invalid } from '../../core/base/helpers.errors.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { StagedObject } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IPlacedArtifact } from '../../core/storage/commit/interfaces.plans.js';
import { addFile, assertAnnounced, expectDigest, fileOf, forgetExpected, replacedKeys } from '../helpers.document.js';
import { mayBePlugin, watchJar } from '../helpers.jars.js';
import type { IMavenDocument, IMavenPlugin } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf, fileKey } from '../keys.maven.js';
import {
  ALGORITHMS,
  announcedDigests,
  type ISidecar,
  MAX_SIDECAR,
  parseSidecar,
  sidecarOf,
  type TDigests,
} from '../wire/wire.checksums.js';
import { type IFilePath, nameOf, writePath } from '../wire/wire.coordinates.js';
import { assertAgreement, assertPomXml, type IPom, MAX_POM, parsePom } from '../wire/wire.pom.js';
import { parseFileName } from '../wire/wire.snapshots.js';
import { contentTypeOf } from '../wire/wire.types.js';

interface IReceived {
  staged: StagedObject;
  pom?: IPom | undefined;
  plugin?: IMavenPlugin | undefined;
}

/** 201 for a new file and for a repetition: Maven takes both 200 and 201, and some tools only 201. */
export const created = (text: string): IResponse => respond(201, `${text}\n`);

/**
 * A POM agrees with its path, whatever its file is called; one with a classifier (Maven 4 adds `build`) need not. Returns
 * the POM of the version.
 */
const checkPom = (bytes: Uint8Array, path: IFilePath): IPom | undefined => {
  const name = parseFileName(path, path.version, path.file);
  if (name && name.classifier !== '') {
    assertPomXml(bytes);
    return undefined;
  }
  const pom = parsePom(bytes);
  assertAgreement(pom, path);
  return name ? pom : undefined;
};

const receivePom = async (call: RegistryCall, path: IFilePath): Promise<IReceived> => {
  const bytes = await call.body.bytes({ limit: MAX_POM });
  if (bytes.byteLength === 0) throw isEmpty(path);
  const pom = checkPom(bytes, path);
  return { staged: await call.storage.stage(bytes, { hashes: [...ALGORITHMS] }), pom };
};

const isEmpty = ({ file }: IFilePath) => invalid(`The body is empty: ${file} has no content`);

/** bytes of the body as the client announces them, which lets a store take a stream as it comes; undefined: not known */
const announcedSize = (call: RegistryCall): number | undefined => {
  const size = Number(call.header('content-length') ?? Number.NaN);
  return call.header('content-encoding') === undefined && Number.isSafeInteger(size) && size > 0 ? size : undefined;
};

const receiveFile = async (call: RegistryCall, path: IFilePath): Promise<IReceived> => {
  const { maxArtifactSize, maxUnpackedSize } = call.limits;
  const body = call.body.chunks({ limit: maxArtifactSize });
  const facts: { plugin?: IMavenPlugin } = {};
  const content = mayBePlugin(path) ? watchJar(body, path, maxUnpackedSize, facts) : body;
  const about = { contentType: contentTypeOf(path.file), packageName: nameOf(path), version: path.version };
  const staged = await call.storage.stage(content, {
    hashes: [...ALGORITHMS],
    limit: maxArtifactSize,
    size: announcedSize(call),
    about: { key: fileKey(path), ...about },
  });
  if (staged.size === 0) throw isEmpty(path);
  return { staged, plugin: facts.plugin };
};

const publish = async (call: RegistryCall, { catalog, config }: IMavenParts, path: IFilePath): Promise<void> => {
  const announced = announcedDigests((name) => call.header(name));
  const receive = path.file.endsWith('.pom') ? receivePom : receiveFile;
  const { staged, pom, plugin } = await receive(call, path);
  assertAnnounced(path.file, staged.digests as TDigests, announced);
  const allowRepublish = config.allowRepublish ?? false;
  const key = documentKeyOf(path);
  const named = { packageName: nameOf(path), version: path.version, catalog };
  const committed = call.storage.commit<IMavenDocument>({
    ...named,
    place: [{ staged, key: fileKey(path), contentType: contentTypeOf(path.file) }],
    document: {
      key,
      apply: (current, [placed], stamp) =>
        addFile(current, { path, placed: placed as IPlacedArtifact, pom, plugin, allowRepublish }, stamp),
      applied: (current, { id }) => fileOf(current, path)?.writeId === id,
      names: (current, key) => fileOf(current, path)?.key === key,
    },
    drop: (before, after) => replacedKeys(before, after, path),
  });
  await committed.catch(async (error: unknown) => {
    if (!RegistryError.is(error, 'digestMismatch')) throw error;
    // the checksum may be that of a deploy that broke off: it must not keep the name from every later one
    await call.storage.commit<IMavenDocument>({
      ...named,
      document: { key, apply: (current) => forgetExpected(current, path) },
    });
    throw error;
  });
};

/**
 * A checksum file is not stored: checksums are served from the digests of the file. An uploaded one is compared, now or
 * when its file comes; Gradle and Maven upload it after the file, other tools before or without it.
 */
const compareSidecar = async (
  call: RegistryCall,
  { catalog }: IMavenParts,
  path: IFilePath,
  sidecar: ISidecar,
): Promise<void> => {
  const digest = parseSidecar(await call.body.text({ limit: MAX_SIDECAR }), sidecar.algorithm);
  // the checksum of a checksum file, which no client reads
  if (sidecarOf(sidecar.file)) return;
  await call.storage.commit<IMavenDocument>({
    packageName: nameOf(path),
    version: path.version,
    document: {
      key: documentKeyOf(path),
      apply: (current, _placed, stamp) => expectDigest(current, path, sidecar, digest, stamp),
    },
    catalog,
  });
};

/**
 * PUT /{group}/{artifact}/{version}/{file}. Each file of a deploy is one request, several at a time, in any order; the
 * first one of any kind makes the document of its artifact.
 */
export const upload = async (call: RegistryCall, maven: IMavenParts): Promise<IResponse> => {
  const path = writePath(call.params);
  // `curl -C` resumes an upload so (RFC 9110 section 14.5); a release of half a file could not be corrected
  if (call.header('content-range')) throw invalid('A part of a file cannot be uploaded: send the whole file');
  const sidecar = sidecarOf(path.file);
  if (sidecar) await compareSidecar(call, maven, writePath({ ...call.params, file: sidecar.file }), sidecar);
  else await publish(call, maven, path);
  return created(`${path.file} is published`);
};

/** PUT of any other path. */
export const refuseUpload = async (): Promise<never> => {
  throw invalid('A file is uploaded to /{group}/{artifact}/{version}/{file}, with slashes for the dots of the group');
};
