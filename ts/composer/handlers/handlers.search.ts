import { MAX_HITS } from '../../core/listing/search/helpers.pages.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import type { INamedEntry } from '../classes.catalogdigest.js';
import { readRight } from '../helpers.names.js';
import type { IComposerEntry } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { normalizeName } from '../wire/wire.names.js';
import { parseSearch, renderHit } from '../wire/wire.search.js';

/** Those of the packages that the caller may read. */
export const readable = async <T extends { name: string }>(
  call: RegistryCall,
  all: readonly T[],
): Promise<readonly T[]> => (await readableFilter<T>(call, readRight(call))(all)) ?? [];

/** GET /search.json?q=&type=&page=&per_page=. */
export const search = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const { text, type, from, size, page } = parseSearch((name) => call.query(name));
  const counts = ({ entry }: ISearchHit<IComposerEntry>): boolean => type === '' || entry.type === type;
  const filter = readableFilter(call, readRight(call), counts);
  const hits = await composer.search.search(text, { most: MAX_HITS, filter });
  const hasMore = from + size < hits.length;
  return {
    results: hits.slice(from, from + size).map(renderHit),
    total: hits.length,
    ...(hasMore && { next: nextPage(call, page) }),
  };
};

const nextPage = (call: RegistryCall, page: number): string => {
  const query = new URLSearchParams();
  for (const name of ['q', 'type', 'per_page']) {
    const value = call.query(name);
    if (value !== undefined) query.set(name, value);
  }
  query.set('page', String(page + 1));
  return `${call.publicUrl}/search.json?${query}`;
};

/** GET /providers/{name}.json: what `composer require` proposes if there is no package of this name. */
export const getProviders = async (call: RegistryCall, { digest }: IComposerParts): Promise<object> => {
  const found = await readable<INamedEntry>(call, await digest.providersOf(normalizeName(call.params.name as string)));
  return {
    providers: found.map(({ name, entry }) => ({ name, description: entry.description ?? '', type: entry.type })),
  };
};
