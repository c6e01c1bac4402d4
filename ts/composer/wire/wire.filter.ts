import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import type { IComposerFilterEntry } from '../interfaces.composer.js';
import { isConstraint } from './wire.constraints.js';

/**
 * Entries of filter lists.
 * @see https://getcomposer.org/doc/05-repositories.md#filter
 */
/** Characters of a reason or URL. */
const MAX_TEXT = 2000;
const MAX_CONSTRAINT = 500;

const LIST = /^[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9])?$/;
/** Composer drops lists of these names (`PolicyConfig`): it has other sources for them, or wants to use them later. */
const RESERVED =
  /^(?:advisories|abandoned|packages?|licen[sc]es?|support|maintenance|security|minimum-release-age|ignore.*)$/;

/** Throws `invalid` for the name of a list that Composer would not read. */
export const assertListName = (list: string): string => {
  if (!LIST.test(list)) throw invalid('The name of a filter list has lower-case letters, digits and "-", "_", "."');
  if (RESERVED.test(list)) throw invalid(`Composer reserves the name ${list}; use another name for the filter list`);
  return list;
};

const textOf = (body: Record<string, unknown>, member: string): string | undefined => {
  const value = Object.hasOwn(body, member) ? body[member] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  // clients print it on terminals
  if (typeof value === 'string' && /[\u0000-\u001f\u007f-\u009f]/.test(value)) {
    throw invalid(`"${member}" has line breaks or control characters`);
  }
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value;
  throw invalid(`"${member}" must be a text of at most ${MAX_TEXT} characters`);
};

/** The body `{constraint, reason?, url?}` as an entry of a list. */
export const parseFilterEntry = (list: string, body: unknown): IComposerFilterEntry => {
  if (!isRecord(body)) throw invalid('The body must be an object such as {"constraint": "1.2.3"}');
  const constraint = textOf(body, 'constraint');
  if (constraint === undefined) throw invalid('"constraint" is missing: the versions to block, such as "1.2.3" or "*"');
  if (constraint.length > MAX_CONSTRAINT || !isConstraint(constraint)) {
    throw invalid(`"constraint" is not a version constraint: ${constraint.slice(0, 100)}`);
  }
  const reason = textOf(body, 'reason');
  const url = textOf(body, 'url');
  return { list, constraint, ...(reason !== undefined && { reason }), ...(url !== undefined && { url }) };
};
