/** Whether a parsed value is an object with named fields, and not an array. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A copy of the record without these keys. */
export const without = <T>(record: Record<string, T>, keys: Iterable<string>): Record<string, T> => {
  const copy = { ...record };
  for (const key of keys) delete copy[key];
  return copy;
};
