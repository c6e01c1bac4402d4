import { decidesInBulk } from '../../core/auth/helpers.providers.js';
import { Slices } from '../../core/base/helpers.slices.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { INpmSearchEntry } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { type IScored, MAX_HITS, parsePage, parseSearchText, qualifies, renderHit } from '../wire/wire.search.js';

/** Names whose rights are looked up together: less than a millisecond. */
const BATCH = 256;
/** Names that a provider is asked about if it decides name by name: each is a call of the embedder's code. */
const MAX_QUESTIONS = 5000;

/** The first `MAX_HITS` of those that count and that the caller may read, in their order. */
const readable = async <T extends { name: string }>(
  call: RegistryCall,
  hits: readonly T[],
  counts: (hit: T) => boolean,
): Promise<T[]> => {
  const right = { protocol: call.protocol, type: 'package', action: 'read' };
  const slices = new Slices();
  const kept: T[] = [];
  let questions = decidesInBulk(call.auth.provider) ? Number.POSITIVE_INFINITY : MAX_QUESTIONS;
  let batch: T[] = [];
  const flush = async (): Promise<void> => {
    const names = batch.map(({ name }) => name);
    const allowed = new Set(await call.auth.allowedNames(call.token, right, names));
    kept.push(...batch.filter(({ name }) => allowed.has(name)));
    questions -= batch.length;
    batch = [];
  };
  for (const hit of hits) {
    if (slices.due) await slices.rest();
    if (!counts(hit)) continue;
    batch.push(hit);
    if (batch.length < Math.min(BATCH, questions)) continue;
    await flush();
    if (kept.length >= MAX_HITS || questions <= 0) return kept.slice(0, MAX_HITS);
  }
  await flush();
  return kept.slice(0, MAX_HITS);
};

/** GET /-/v1/search. */
export const search = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const query = parseSearchText(call.query('text') ?? '');
  const { from, size } = parsePage(call.query('from'), call.query('size'));
  const ranked = await npm.search.ranked(query.text);
  const hits = await readable(call, ranked, ({ entry }) => qualifies(entry, query));
  const best = hits[0]?.score ?? 1;
  const scored = hits.slice(from, from + size).map(({ entry, score }): IScored => ({ entry, score: score / best }));
  return { objects: scored.map(renderHit), total: hits.length, time: new Date().toISOString() };
};

const isKeptBy =
  (user: string | undefined) =>
  ({ entry: { maintainers } }: { entry: INpmSearchEntry }): boolean =>
    maintainers.some(({ name }) => name === user);

/** GET /-/user/{user}/package: what `npm access list packages` prints. */
export const listPackages = async (call: RegistryCall, npm: INpmParts): Promise<object> => {
  const { packages } = await npm.catalog.sorted();
  const own = await readable(call, packages, isKeptBy(call.params.user));
  return Object.fromEntries(own.map(({ name }) => [name, 'write']));
};
