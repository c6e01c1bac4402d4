import type { IWriteStamp } from './interfaces.storage.js';

const SECOND_MS = 1000;

/**
 * The time of a change, for documents that are served with it as `Last-Modified`: at least a second after the change
 * before, because a client that compares dates would keep the older content for ever otherwise. The clock of a replica
 * may be behind that of another one, and a write is stamped when it begins: one that waits for a hook is applied after
 * others that began later.
 * @param before ISO time of the change before; undefined: this is the first
 */
export const timeOfChange = (before: string | undefined, { time }: IWriteStamp): string => {
  if (before === undefined) return time;
  return new Date(Math.max(Date.parse(time), Date.parse(before) + SECOND_MS)).toISOString();
};
