import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import type { INpmSearchEntry } from './interfaces.npm.js';
import type { INpmParts } from './interfaces.parts.js';
import { type IScored, parsePage, parseSearchText, qualifies, renderHit } from './wire.search.js';

/** Hits beyond this many are not counted: a custom provider is asked for the right to each of them. */
const MAX_HITS = 5000;

/** Those that the caller may read, in the same order. */
const readable = async <T extends { entry: INpmSearchEntry }>(call: RegistryCall, hits: T[]): Promise<T[]> => {
  const right = { protocol: call.protocol, type: 'package', action: 'read' };
  const names = hits.map(({ entry }) => entry.name);
  const allowed = await call.auth.allowedNames(call.token, right, names);
  if (allowed.length === names.length) return hits;
  const kept = new Set(allowed);
  return hits.filter(({ entry }) => kept.has(entry.name));
};

/** GET /-/v1/search. */
export const search = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const query = parseSearchText(call.query('text') ?? '');
  const { from, size } = parsePage(call.query('from'), call.query('size'));
  const ranked = await npm.search.ranked(query);
  const fitting = ranked.filter(({ entry }) => qualifies(entry, query)).slice(0, Math.max(MAX_HITS, from + size));
  const hits = await readable(call, fitting);
  const best = hits[0]?.score ?? 1;
  const scored = hits.slice(from, from + size).map(({ entry, score }): IScored => ({ entry, score: score / best }));
  return { objects: scored.map(renderHit), total: hits.length, time: new Date().toISOString() };
};

/** GET /-/user/{user}/package: what `npm access list packages` prints. */
export const listPackages = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const { user } = call.params;
  const entries = [...(await npm.catalog.entries()).values()]
    .filter(({ maintainers }) => maintainers.some(({ name }) => name === user))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((entry) => ({ entry }));
  const names = (await readable(call, entries)).map(({ entry }) => entry.name);
  return Object.fromEntries(names.map((name) => [name, 'write']));
};
