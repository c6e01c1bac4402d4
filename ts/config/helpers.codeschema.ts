import * as v from 'valibot';
import type { IAuthProvider } from '../core/auth/interfaces.auth.js';
import type { ILogger } from '../core/interfaces.core.js';
import type { IObjectStore } from '../core/objectstore/interfaces.objectstore.js';
import type { IStorageHooks } from '../core/storage/hooks/interfaces.hooks.js';
import { isObject } from './helpers.building.js';
import { didYouMean } from './helpers.names.js';

/** The names of an object's members and of its classes' members, without those of Object. */
const namesOf = (value: object): string[] => {
  const names = new Set<string>();
  for (let owner: object | null = value; owner && owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Object.getOwnPropertyNames(owner)) names.add(name);
  }
  names.delete('constructor');
  return [...names];
};

interface IMethods<T> {
  required: (keyof T & string)[];
  optional: (keyof T & string)[];
}

/** An object of the embedder, plain or of a class: it must have the required methods, and may have other members. */
const withMethods = <T extends object>(what: string, { required, optional }: IMethods<T>) =>
  v.pipe(
    v.custom<T>(isObject, `must be ${what}`),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const value = dataset.value as Record<string, unknown>;
      for (const name of [...required, ...optional]) {
        if (typeof value[name] === 'function') continue;
        const isAbsent = value[name] === undefined;
        if (!isAbsent) addIssue({ message: `has a ${name} that is not a function` });
        else if ((required as string[]).includes(name)) {
          addIssue({ message: `has no method ${name}()${didYouMean(name, namesOf(value), 'is it')}` });
        }
      }
    }),
  );

export const authProvider = withMethods<IAuthProvider>('an object with the methods of IAuthProvider', {
  required: ['authenticate', 'validateToken', 'createToken', 'revokeToken', 'authorize'],
  optional: ['init', 'listTokens', 'createUser', 'getUser', 'permissions', 'destroy'],
});

export const objectStore = withMethods<IObjectStore>('an object with the methods of IObjectStore', {
  required: ['head', 'get', 'put', 'compose', 'delete', 'list'],
  optional: ['init', 'destroy'],
});

export const upstreamProvider = withMethods<{ resolveUpstreamConfig(context: unknown): Promise<unknown> }>(
  'an object with the method resolveUpstreamConfig()',
  { required: ['resolveUpstreamConfig'], optional: [] },
);

export const logger = v.pipe(
  v.custom<ILogger | false>(
    (value) => value === false || isObject(value),
    'must be an object with the methods of ILogger, or false',
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value === false) return;
    for (const name of ['info', 'warn', 'error'] as const) {
      if (typeof dataset.value[name] !== 'function') addIssue({ message: `has no method ${name}()` });
    }
  }),
);

const HOOKS: (keyof IStorageHooks)[] = [
  'beforePut',
  'afterPut',
  'beforeDelete',
  'afterDelete',
  'beforeGet',
  'afterGet',
  'afterAbort',
];

/**
 * A plain object must have only hooks. An instance of a class may have other fields and methods, so only names that
 * begin like a hook are checked.
 */
const hookNames = (value: object): string[] => {
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(value));
  return namesOf(value).filter((name) => isPlain || /^(before|after)[A-Z]/.test(name));
};

export const storageHooks = v.pipe(
  v.custom<IStorageHooks>(isObject, 'must be an object with hooks such as beforePut'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const value = dataset.value as unknown as Record<string, unknown>;
    for (const name of hookNames(value)) {
      const path = [{ type: 'object', origin: 'key', input: value, key: name, value: value[name] }] as const;
      const isKnown = (HOOKS as string[]).includes(name);
      if (!isKnown) addIssue({ message: `is unknown${didYouMean(name, HOOKS)}`, path: [...path] });
      else if (value[name] !== undefined && typeof value[name] !== 'function') {
        addIssue({ message: 'must be a function', path: [...path] });
      }
    }
  }),
);
