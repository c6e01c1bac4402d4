import { streamToBuffer } from '../../core/base/helpers.streams.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { isEmpty } from '../helpers.document.js';
import type { IPypiParts } from '../interfaces.parts.js';
import type { ICoreMetadata, IPypiDocument, IPypiFile } from '../interfaces.pypi.js';
import { documentKey } from '../keys.pypi.js';
import { jsonSubject, renderJson } from '../wire/wire.json.js';
import { parseMetadata } from '../wire/wire.metadata.js';
import { assertReadableName } from '../wire/wire.names.js';
import { canonicalVersion } from '../wire/wire.versions.js';

const CONTENT_TYPE = 'application/json';

const metadataOf = async ({ storage }: IPypiParts, { metadata, filename }: IPypiFile): Promise<ICoreMetadata> => {
  const found = await storage.open(metadata.key);
  if (found && found !== 'notModified') return parseMetadata(await streamToBuffer(found.body));
  throw new RegistryError('unavailable', `The metadata of ${filename} cannot be read`);
};

const serve = async (call: RegistryCall, pypi: IPypiParts, version: string | undefined): Promise<IResponse> => {
  const project = assertReadableName(call.params.project as string);
  const wanted = version === undefined ? '' : canonicalVersion(version);
  let isThere = false;
  const served =
    wanted === null
      ? null
      : await call.serveDocument<IPypiDocument>(documentKey(project), {
          variant: `json ${wanted}`,
          about: { kind: 'document', packageName: project, version, contentType: CONTENT_TYPE },
          repeatable: true,
          render: async (document, publicUrl) => {
            isThere = !isEmpty(document);
            const subject = isThere ? jsonSubject(document, version) : null;
            if (!subject) return null;
            const metadata = await metadataOf(pypi, subject.shown);
            const body = renderJson(document, subject, metadata, { project, publicUrl });
            return { body, contentType: CONTENT_TYPE, lastModified: new Date(document.modified) };
          },
        });
  if (served) return served;
  if (isThere) throw new RegistryError('notFound', `${project} has no version ${version?.slice(0, 100)}`);
  throw call.absent();
};

/** GET /{project}/json: the latest version, and the files of all. @see PyPI's documentation, "JSON API" */
export const getProjectJson = (call: RegistryCall, pypi: IPypiParts): Promise<IResponse> =>
  serve(call, pypi, undefined);

/** GET /{project}/{version}/json. */
export const getVersionJson = (call: RegistryCall, pypi: IPypiParts): Promise<IResponse> =>
  serve(call, pypi, call.params.version);
