import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IWriteStamp } from '../../core/storage/interfaces.storage.js';
import { commitChange } from '../helpers.changes.js';
import { existing, isTombstone, removeTag, setTag } from '../helpers.document.js';
import type { INpmDocument } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.npm.js';
import { assertTag, assertVersion } from '../wire/wire.names.js';
import { packageOf } from './handlers.packument.js';

/** bytes; a version in quotes */
const MAX_BODY = 4096;

/** GET /-/package/{package}/dist-tags. */
export const getTags = async (call: RegistryCall): Promise<IResponse> => {
  const name = packageOf(call);
  const served = await call.serveDocument<INpmDocument>(documentKey(name), {
    variant: 'dist-tags',
    about: { kind: 'document', packageName: name },
    render: (document) =>
      isTombstone(document) ? null : { body: document['dist-tags'], contentType: 'application/json' },
  });
  if (!served) throw new RegistryError('notFound', `${name} is not in this registry`);
  return served;
};

/** The body is a JSON string. An embedder's JSON parser may have removed the quotes already. */
const versionOf = async (call: RegistryCall): Promise<string> => {
  const text = (await call.body.text({ limit: MAX_BODY })).trim();
  if (!text.startsWith('"')) return assertVersion(text);
  try {
    return assertVersion(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof RegistryError) throw cause;
    throw new RegistryError('invalid', 'The body is not a version as a JSON string', { cause });
  }
};

const change = async (
  call: RegistryCall,
  npm: INpmParts,
  name: string,
  apply: (document: INpmDocument, stamp: IWriteStamp) => INpmDocument,
): Promise<IResponse> => {
  const { _rev, 'dist-tags': tags } = await commitChange(call, npm, {
    name,
    apply: (current, stamp) => apply(existing(current, name), stamp),
  });
  return respond(200, { ok: true, id: name, rev: _rev, 'dist-tags': tags });
};

/** PUT (or POST) /-/package/{package}/dist-tags/{tag}. */
export const putTag = async (call: RegistryCall, npm: INpmParts): Promise<IResponse> => {
  const tag = assertTag(call.params.tag as string);
  const version = await versionOf(call);
  return change(call, npm, packageOf(call), (document, stamp) => setTag(document, tag, version, stamp));
};

/** DELETE /-/package/{package}/dist-tags/{tag}. */
export const deleteTag = (call: RegistryCall, npm: INpmParts): Promise<IResponse> =>
  change(call, npm, packageOf(call), (document, stamp) => removeTag(document, call.params.tag as string, stamp));
