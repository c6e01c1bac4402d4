import { streamToBuffer } from '../../core/base/helpers.streams.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IDocumentVersion } from '../../core/pipeline/serving/classes.answercache.js';
import { fileOf, isEmpty } from '../helpers.document.js';
import type { IPypiParts } from '../interfaces.parts.js';
import type { IPypiDocument, IPypiFile, IPypiSideFile } from '../interfaces.pypi.js';
import { documentKey, FILE_TYPE, METADATA_TYPE } from '../keys.pypi.js';
import { renderProvenance } from '../wire/wire.attestations.js';
import { filesOfVersion } from '../wire/wire.files.js';
import { assertReadableName } from '../wire/wire.names.js';

const METADATA = '.metadata';

interface IProject {
  project: string;
  document: IPypiDocument;
  version: IDocumentVersion;
}

/** The project whose files are asked for; throws if it is absent, or if nothing of it may be downloaded. */
const openProject = async (call: RegistryCall): Promise<IProject> => {
  const project = assertReadableName(call.params.project as string);
  const key = documentKey(project);
  const found = await call.storage.read<IPypiDocument>(key);
  if (!found || isEmpty(found.value)) throw call.absent();
  const { status, reason } = found.value.status ?? {};
  if (status === 'quarantined') {
    const why = reason === undefined ? '' : `: ${reason}`;
    throw new RegistryError('forbidden', `The project ${project} is quarantined, and its files are closed${why}`);
  }
  return { project, document: found.value, version: { key, etag: found.etag } };
};

const missing = (project: string, filename: string): RegistryError =>
  new RegistryError('notFound', `${project} has no file ${filename.slice(0, 300)}`);

const serve = async (
  call: RegistryCall,
  pypi: IPypiParts,
  { project, version: listedBy }: IProject,
  file: IPypiFile,
  { content, contentType }: { content: IPypiSideFile; contentType: string },
): Promise<IResponse | null> => {
  const { key, size, sha256 } = content;
  const about = { packageName: project, version: file.version, size, digest: `sha256:${sha256}`, contentType };
  return call.serveArtifact(key, {
    listedBy,
    size,
    contentType,
    etag: sha256,
    immutable: !pypi.config.allowRepublish,
    about: { kind: 'artifact', ...about },
  });
};

/**
 * GET /packages/{project}/{filename}, and {filename}.metadata for the METADATA of a wheel (PEP 658). Of an sdist no
 * metadata are served: only a build shows those that get installed.
 */
export const getFile = async (call: RegistryCall, pypi: IPypiParts): Promise<IResponse> => {
  const filename = call.params.filename as string;
  const found = await openProject(call);
  const file = fileOf(found.document, filename);
  const whose =
    file || !filename.endsWith(METADATA) ? null : fileOf(found.document, filename.slice(0, -METADATA.length));
  let served: IResponse | null = null;
  if (file) served = await serve(call, pypi, found, file, { content: file, contentType: FILE_TYPE });
  else if (whose?.packagetype === 'bdist_wheel') {
    served = await serve(call, pypi, found, whose, { content: whose.metadata, contentType: METADATA_TYPE });
  }
  if (!served) throw missing(found.project, filename);
  return served;
};

/** GET /integrity/{project}/{version}/{filename}/provenance. @see PyPI's documentation, "Integrity API" */
export const getProvenance = async (call: RegistryCall): Promise<IResponse> => {
  const filename = call.params.filename as string;
  const { project, document } = await openProject(call);
  const files = filesOfVersion(Object.values(document.files), call.params.version as string);
  const file = files.find((one) => one.filename === filename);
  if (!file) throw missing(project, filename);
  const { attestations, version } = file;
  const about = { kind: 'artifact', packageName: project, version } as const;
  const found = attestations && (await call.storage.open(attestations.key, {}, about));
  if (!found || found === 'notModified') throw new RegistryError('notFound', `${filename} has no provenance`);
  const body = renderProvenance((await streamToBuffer(found.body)).toString('utf8'));
  return respond(200, body, { 'Content-Type': 'application/json' });
};
