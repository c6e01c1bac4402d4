import type { IWriteStamp } from '../../ts/core/storage/interfaces.storage.js';

/** The stamp of the write with this number; each is a minute after the one before. */
export const stampOf = (number: number): IWriteStamp => ({
  id: `write-${number}`,
  time: new Date(Date.UTC(2026, 10, 28, 10, number)).toISOString(),
});
