import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { normalizeName } from '../wire/wire.names.js';
import { readable } from './handlers.search.js';

/** Packages in one request; Composer sends all packages of a project, large ones have some hundred. */
const MAX_NAMES = 20_000;
/** Bytes of the whole form. */
const MAX_FORM = 4 * 1024 * 1024;

const isListField = (name: string): boolean => /^packages(\[\d*\])?$/.test(name);

const namesAskedFor = async (call: RegistryCall): Promise<string[]> => {
  if (call.method !== 'POST') {
    const fields = Object.keys(call.context.query).filter(isListField);
    return fields.flatMap((field) => call.queryAll(field));
  }
  if (!call.body.exists) return [];
  const form = await call.body.form({ limits: { fields: MAX_NAMES, fieldsSize: MAX_FORM } });
  return form
    .names()
    .filter(isListField)
    .flatMap((field) => form.all(field));
};

/**
 * POST /security-advisories: `composer audit` and the versions that Composer does not resolve to. This registry has no
 * data about vulnerabilities. Only names that were asked for may be in the answer: Composer 2.5 stops at any other.
 */
export const getAdvisories = async (call: RegistryCall, { catalog }: IComposerParts): Promise<object> => {
  const entries = await catalog.entries();
  const asked = [...new Set(await namesAskedFor(call))].slice(0, MAX_NAMES);
  const known = asked
    .filter((name) => entries.has(normalizeName(name)))
    .map((name) => ({ asked: name, name: normalizeName(name) }));
  const found = await readable(call, known);
  return { advisories: Object.fromEntries(found.map(({ asked: name }) => [name, []])) };
};

/** POST /downloads: what Composer installed. This registry does not count downloads. */
export const notify = async (): Promise<object> => ({ status: 'success' });
