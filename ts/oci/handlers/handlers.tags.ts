import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IHookSubject } from '../../core/storage/hooks/classes.hookrunner.js';
import { tagsKey } from '../keys.oci.js';
import { RepositoryTags } from '../tags/classes.repositorytags.js';
import { nextLink, parseCount } from '../wire/wire.ranges.js';
import { tagsCodec } from '../wire/wire.tags.js';

/** The hooks' subject for the document of the tags. */
export const tagsSubject = (repository: string, version: string, phase?: 'commit'): IHookSubject => ({
  key: tagsKey(repository),
  metadata: { contentType: tagsCodec.contentType, packageName: repository, version, kind: 'document' },
  ...(phase && { phase }),
});

export const unknownRepository = (name: string): RegistryError =>
  new RegistryError('notFound', 'There is no such repository', { wireCode: 'NAME_UNKNOWN', detail: { name } });

/** GET /{name}/tags/list, with `n` and `last`. */
export const listTags = async (call: RegistryCall): Promise<IResponse> => {
  const name = call.params.name as string;
  const count = parseCount(call.query('n'));
  const found = await new RepositoryTags(call.storage, name).page({ count, last: call.query('last') });
  if (!found) throw unknownRepository(name);
  const { tags: page, more } = found;
  const headers: Record<string, string> = { 'Cache-Control': 'no-cache' };
  if (more) {
    headers.Link = nextLink(call.linkTo(`/${name}/tags/list`), { last: page.at(-1) as string, n: String(count) });
  }
  return respond(200, { name, tags: page }, headers);
};
