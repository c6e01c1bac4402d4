import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IOciParts } from '../interfaces.parts.js';
import { repositoryOfTags, tagsKey, tagsPrefix } from '../keys.oci.js';
import { isRepository } from '../wire/wire.names.js';
import { nextLink, parseCount } from '../wire/wire.ranges.js';

const DEFAULT_COUNT = 100;
const MAX_COUNT = 1000;
/** names whose rights are checked together */
const BATCH = 500;

/**
 * GET /_catalog, with `n` and `last`: the repositories that the caller may pull. Without a token the status is 401 even
 * if everybody may pull some, because clients with a password send it only then. Each repository has one key, so a page
 * costs only what it contains; the order is that of the keys.
 */
export const listRepositories = async (call: RegistryCall, oci: IOciParts): Promise<IResponse> => {
  const count = Math.min(parseCount(call.query('n')) ?? DEFAULT_COUNT, MAX_COUNT);
  const last = call.query('last');
  const reader = oci.tokens.catalogReader(call.token);
  const right = { protocol: 'oci', type: 'repository', action: 'pull' };
  const repositories: string[] = [];
  let names: string[] = [];
  const flush = async (): Promise<void> => {
    repositories.push(...(await call.auth.allowedNames(reader, right, names)));
    names = [];
  };
  const after = last !== undefined && isRepository(last) ? tagsKey(last) : undefined;
  // one more than requested shows whether there is a next page
  for await (const { key } of call.storage.listDocuments({ prefix: `${tagsPrefix}/`, after })) {
    names.push(repositoryOfTags(key));
    if (names.length < Math.min(BATCH, count + 1)) continue;
    await flush();
    if (repositories.length > count) break;
  }
  await flush();
  const page = repositories.slice(0, count);
  const headers: Record<string, string> = { 'Cache-Control': 'no-cache' };
  if (page.length > 0 && repositories.length > count) {
    headers.Link = nextLink(call.linkTo('/_catalog'), { last: page.at(-1) as string, n: String(count) });
  }
  return respond(200, { repositories: page }, headers);
};
