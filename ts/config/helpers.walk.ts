import type { TSchema } from './helpers.building.js';
import { isObject } from './helpers.building.js';
import { didYouMean } from './helpers.names.js';

/** The parts of a valibot schema that lead to other schemas. */
interface INode {
  type: string;
  wrapped?: TSchema;
  getter?(value: unknown): TSchema;
  entries?: Record<string, TSchema>;
  item?: TSchema;
  value?: TSchema;
  options?: unknown[];
}

/** Returns the inner schema, without wrappers for optional or value-dependent schemas. */
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

/** The types that a plain value may have here besides text, so that a variable can replace it. */
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
  /** a question with the most similar known name, or an empty text */
  hint: string;
}

/** The names at every level of a value that its schema does not have. */
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
