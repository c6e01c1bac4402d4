import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryStorage } from '../../core/classes.registrystorage.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IHookSubject } from '../../core/storage/hooks/classes.hookrunner.js';
import { tagsKey } from '../keys.oci.js';
import { nextLink, parseCount } from '../wire/wire.ranges.js';
import { type ITags, NO_TAGS, pageOfTags, tagsCodec } from '../wire/wire.tags.js';

/** The tags of a repository; null where there is no such repository. */
export const readTags = async (storage: RegistryStorage, repository: string): Promise<ITags | null> =>
  (await storage.read<ITags>(tagsKey(repository), tagsCodec))?.value ?? null;

/** Changes the tags; a change that gives the same object writes nothing. */
export const updateTags = async (
  storage: RegistryStorage,
  repository: string,
  fn: (current: ITags | null) => ITags | null | undefined,
): Promise<void> => {
  // to set or remove a tag twice has the same result as once. So when an answer was lost, and the object's metadata no
  // longer show whether the write was done, the function may run again
  await storage.update<ITags>(tagsKey(repository), fn, { codec: tagsCodec, applied: (now) => fn(now) === now });
};

/** What hooks get about the document of the tags. */
export const tagsSubject = (repository: string, version: string, phase?: 'commit'): IHookSubject => ({
  key: tagsKey(repository),
  metadata: { contentType: tagsCodec.contentType, packageName: repository, version, kind: 'document' },
  ...(phase && { phase }),
});

/** A repository with a manifest in it is one, also without tags. */
export const keepRepository = async (storage: RegistryStorage, name: string): Promise<void> => {
  if (await readTags(storage, name)) return;
  await storage.update<ITags>(tagsKey(name), (current) => current ?? NO_TAGS, { codec: tagsCodec });
};

export const unknownRepository = (name: string): RegistryError =>
  new RegistryError('notFound', 'There is no such repository', { wireCode: 'NAME_UNKNOWN', detail: { name } });

/** GET /{name}/tags/list, with `n` and `last`. */
export const listTags = async (call: RegistryCall): Promise<IResponse> => {
  const name = call.params.name as string;
  const count = parseCount(call.query('n'));
  const tags = await readTags(call.storage, name);
  if (!tags) throw unknownRepository(name);
  const { tags: page, more } = pageOfTags(tags, { count, last: call.query('last') });
  const headers: Record<string, string> = { 'Cache-Control': 'no-cache' };
  if (more) {
    headers.Link = nextLink(call.linkTo(`/${name}/tags/list`), { last: page.at(-1) as string, n: String(count) });
  }
  return respond(200, { name, tags: page }, headers);
};
