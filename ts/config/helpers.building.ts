import * as v from 'valibot';

export type TSchema = v.GenericSchema<unknown>;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const text = v.string('must be text');
export const nonEmptyText = v.pipe(v.string('must be a non-empty string'), v.nonEmpty('must be a non-empty string'));
export const flag = v.boolean('must be true or false');

/** `what` completes "must be …". Infinity is allowed: it means no limit. */
export const positive = (what = 'a positive number') =>
  v.pipe(v.number(`must be ${what}`), v.gtValue(0, `must be ${what}`));

export const listOf = <T extends TSchema>(item: T, what = 'a list') => v.array(item, `must be ${what}`);

const messageOf = (schema: TSchema): string | undefined => {
  const { message, wrapped } = schema as { message?: unknown; wrapped?: TSchema };
  return typeof message === 'string' ? message : wrapped && messageOf(wrapped);
};

/**
 * An object with exactly the fields of the interface `T`: the compiler refuses a schema that lacks one of them or has
 * one more. `what` completes "must be …".
 */
export const strict =
  <T extends object, TLeftOut extends keyof T = never>(what = 'an object') =>
  <E extends { [K in keyof Required<Omit<T, TLeftOut>>]: TSchema }>(
    entries: E & Record<Exclude<keyof E, keyof T>, never>,
  ) =>
    v.strictObject(entries as E, ({ path }) => {
      if (path === undefined) return `must be ${what}`;
      // unknown names are reported elsewhere
      const schema = entries[path.at(-1)?.key as keyof E] as TSchema | undefined;
      const wanted = schema && messageOf(schema);
      return wanted === undefined ? 'is missing' : `is missing: it ${wanted}`;
    });

/** A field that is absent or undefined. */
export const maybe = <T extends TSchema>(schema: T) => v.optional(schema);

/** A field that always has this problem. */
export const refuse = (problem: string) => v.custom<never>(() => false, problem);

/** Where a check of several fields reports the one that is missing. */
export const placeOf = (object: unknown, field: string) =>
  [{ type: 'object', origin: 'key', input: object as Record<string, unknown>, key: field, value: undefined }] as [
    v.ObjectPathItem,
  ];
