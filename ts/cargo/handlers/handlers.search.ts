import { MAX_HITS } from '../../core/listing/search/helpers.pages.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import type { ICargoSearchEntry } from '../interfaces.cargo.js';
import type { ICargoParts } from '../interfaces.parts.js';
import { parseSearch, renderHit } from '../wire/wire.search.js';

type THit = ISearchHit<ICargoSearchEntry>;

/** The hits that the caller may read. The catalog has folded names, and rights are for names in lower case. */
const readableHits = (call: RegistryCall): ((hits: readonly THit[]) => Promise<readonly THit[] | null>) => {
  const allowed = readableFilter<{ name: string; hit: THit }>(call, {
    protocol: call.protocol,
    type: 'crate',
    action: 'read',
  });
  return async (hits) => {
    const kept = await allowed(hits.map((hit) => ({ name: hit.entry.name.toLowerCase(), hit })));
    return kept ? kept.map(({ hit }) => hit) : null;
  };
};

/** GET /api/v1/crates?q=…&per_page=…&page=… */
export const search = async (call: RegistryCall, cargo: ICargoParts): Promise<object> => {
  const { text, from, size } = parseSearch((name) => call.query(name));
  const hits = await cargo.search.search(text, { most: MAX_HITS, filter: readableHits(call) });
  const crates = hits.slice(from, from + size).map(({ entry }) => renderHit(entry));
  return { crates, meta: { total: hits.length } };
};
