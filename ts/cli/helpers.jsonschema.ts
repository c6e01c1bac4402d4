import { toJsonSchema } from '@valibot/to-json-schema';
import { describedSchema } from './helpers.fileschema.js';

type TNode = Record<string, unknown>;

/** A text with a variable may become any value. */
const VARIABLE = { type: 'string', pattern: '\\$\\{[A-Za-z_]\\w*\\}' };

const isNode = (value: unknown): value is TNode => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a schema for a plain value accepts only some texts, or none. */
const isNarrow = (node: TNode): boolean =>
  ['number', 'integer', 'boolean'].includes(node.type as string) ||
  'enum' in node ||
  'const' in node ||
  (node.type === 'string' && 'pattern' in node);

const withVariables = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withVariables);
  if (!isNode(value)) return value;
  if (isNarrow(value)) return { anyOf: [value, VARIABLE] };
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === 'required' ? item : withVariables(item)]),
  );
};

/** The JSON Schema (draft 7) of a configuration file, for completion and checks in editors. */
export const fileJsonSchema = (): object => {
  // rules that JSON Schema cannot express (e.g. a pair of fields) are checked when the file is read
  const schema = toJsonSchema(describedSchema, { errorMode: 'ignore' });
  return { title: 'Configuration of smartregistry', ...(withVariables(schema) as object) };
};
