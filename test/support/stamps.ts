import type { IWriteStamp } from '../../ts/core/storage/interfaces.storage.js';

/** The id of the write with this number: a UUID, as in the product. */
export const writeIdOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** The stamp of the write with this number; each is a minute after the one before. */
export const stampOf = (number: number): IWriteStamp => ({
  id: writeIdOf(number),
  time: new Date(Date.UTC(2026, 10, 28, 10, number)).toISOString(),
});
