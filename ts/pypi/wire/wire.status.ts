import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import type { IProjectStatus, TProjectStatus } from '../interfaces.pypi.js';

const STATUSES: readonly TProjectStatus[] = ['active', 'archived', 'quarantined', 'deprecated'];

/** characters; the reason is repeated on every page of the project, and clients print it */
const MAX_REASON = 1000;

/** The reason of a yank or a status; undefined if there is none. Throws `invalid` for what no client could print. */
export const parseReason = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid('The reason is not a text');
  const reason = value.trim();
  if (reason.length > MAX_REASON) throw invalid(`The reason is longer than ${MAX_REASON} characters`);
  // clients print it on terminals
  if (/[\u0000-\u001f\u007f-\u009f]/.test(reason)) throw invalid('The reason has line breaks or control characters');
  return reason === '' ? undefined : reason;
};

/** The body of a yank: `{"reason": "…"}`, or nothing. Returns the reason, which may be empty. */
export const parseYank = (body: unknown): string => {
  if (!isRecord(body)) throw invalid('The body is not an object with the member "reason"');
  return parseReason(body.reason) ?? '';
};

/** The body of a change of status: `{"status": "archived", "reason": "…"}`. */
export const parseStatus = (body: unknown): IProjectStatus => {
  const status = isRecord(body) ? STATUSES.find((one) => one === body.status) : undefined;
  if (!isRecord(body) || status === undefined) throw invalid(`The status is one of ${STATUSES.join(', ')}`);
  const reason = parseReason(body.reason);
  return status === 'active' || reason === undefined ? { status } : { status, reason };
};
