import type { TSchema } from './helpers.building.js';
import { isObject } from './helpers.building.js';
import { didYouMean } from './helpers.names.js';

/** The parts of a schema of valibot that lead to other schemas. */
interface INode {
  type: string;
  wrapped?: TSchema;
  getter?(value: unknown): TSchema;
  entries?: Record<string, TSchema>;
  item?: TSchema;
  value?: TSchema;
  options?: unknown[];
}

/** The schema itself, without what says that it may be absent or depends on the value. */
const resolve = (schema: TSchema, value: unknown): INode => {
  let node = schema as unknown as INode;
  for (;;) {
    const next = node.wrapped ?? node.getter?.(value);
    if (next === undefined) return node;
    node = next as unknown as INode;
  }
};

const childOf = (node: INode, key: string): TSchema | undefined => {
  if (node.type === 'record') return node.value;
  if (node.type === 'array') return node.item;
  return node.entries && Object.hasOwn(node.entries, key) ? node.entries[key] : undefined;
};

/** What a plain value at a place may be besides text, so that a variable can stand for it. */
export const kindsOf = (schema: TSchema, root: unknown, path: readonly string[]): Set<string> => {
  let node = resolve(schema, root);
  let value = root;
  for (const key of path) {
    const child = childOf(node, key);
    if (child === undefined) return new Set();
    value = isObject(value) || Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined;
    node = resolve(child, value);
  }
  const options = node.type === 'union' ? (node.options as INode[]) : [node];
  return new Set(options.map(({ type }) => type));
};

export interface IUnknownName {
  path: string[];
  /** a question with the nearest name that is known, or nothing */
  hint: string;
}

/** The names in a value that its schema does not have, at every level. */
export const unknownNames = (schema: TSchema, value: unknown, path: string[] = []): IUnknownName[] => {
  if (typeof value !== 'object' || value === null) return [];
  const node = resolve(schema, value);
  if (node.type === 'array' && !Array.isArray(value)) return [];
  if (node.type !== 'array' && node.type !== 'record' && node.entries === undefined) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const child = childOf(node, key);
    const place = [...path, key];
    if (child !== undefined) return unknownNames(child, item, place);
    return [{ path: place, hint: didYouMean(key, Object.keys(node.entries ?? {})) }];
  });
};
