import type { IResponse } from '../../core/interfaces.core.js';
import { MAX_HITS } from '../../core/listing/search/helpers.pages.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import { latestOf } from '../helpers.document.js';
import type { IGemParts } from '../interfaces.parts.js';
import type { IGemDocument, IGemEntry } from '../interfaces.rubygems.js';
import { documentKey } from '../keys.rubygems.js';
import { renderGem } from '../wire/wire.json.js';
import { PAGE_SIZE, parseSearch } from '../wire/wire.search.js';

/** GET /api/v1/search.json?query=…&page=…: each hit as `/api/v1/gems/{gem}.json` shows it. */
export const search = async (call: RegistryCall, gems: IGemParts): Promise<IResponse> => {
  const { text, from } = parseSearch((name) => call.query(name));
  const filter = readableFilter<ISearchHit<IGemEntry>>(call, { protocol: call.protocol, type: 'gem', action: 'read' });
  const hits = await gems.search.search(text, { most: MAX_HITS, filter });
  const found: object[] = [];
  for (const { name } of hits.slice(from, from + PAGE_SIZE)) {
    const document = await call.storage.read<IGemDocument>(documentKey(name));
    const latest = document && latestOf(document.value);
    if (latest) found.push(renderGem(latest, call.publicUrl));
  }
  return respond(200, found, { 'Cache-Control': 'no-cache' });
};
