import { pickFrom, portionsOf } from '../../core/listing/helpers.portions.js';
import type { ISearchHit } from '../../core/listing/search/interfaces.search.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { readableFilter } from '../../core/pipeline/serving/helpers.readable.js';
import type { INpmSearchEntry } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { type IScored, MAX_HITS, parsePage, parseSearchText, qualifies, renderHit } from '../wire/wire.search.js';

const readRight = (call: RegistryCall) => ({ protocol: call.protocol, type: 'package', action: 'read' });

/** GET /-/v1/search. */
export const search = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const query = parseSearchText(call.query('text') ?? '');
  const { from, size } = parsePage(call.query('from'), call.query('size'));
  const counts = ({ entry }: ISearchHit<INpmSearchEntry>): boolean => qualifies(entry, query);
  const filter = readableFilter(call, readRight(call), counts);
  const hits = await npm.search.search(query.text, { most: MAX_HITS, filter, favoursNames: query.boostExact });
  const best = hits[0]?.score ?? 1;
  const scored = hits.slice(from, from + size).map(({ entry, score }): IScored => ({ entry, score: score / best }));
  return { objects: scored.map(renderHit), total: hits.length, time: new Date().toISOString() };
};

const isKeptBy =
  (user: string | undefined) =>
  ({ entry: { maintainers } }: { entry: INpmSearchEntry }): boolean =>
    maintainers.some(({ name }) => name === user);

/** GET /-/user/{user}/package: printed by `npm access list packages`. */
export const listPackages = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const { packages } = await npm.catalog.sorted();
  const filter = readableFilter<(typeof packages)[number]>(call, readRight(call), isKeptBy(call.params.user));
  const own = await pickFrom(portionsOf(packages), { most: MAX_HITS, filter });
  return Object.fromEntries(own.map(({ name }) => [name, 'write']));
};
