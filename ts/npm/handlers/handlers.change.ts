import { invalid } from '../../core/base/helpers.errors.js';
import { isRecord } from '../../core/base/helpers.values.js';
import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import type { IWriteStamp } from '../../core/storage/interfaces.storage.js';
import { commitChange } from '../helpers.changes.js';
import { assertRevision, deprecate, existing, nextRevision, removeVersions, replaceTags } from '../helpers.document.js';
import type { INpmDocument } from '../interfaces.npm.js';
import type { INpmParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.npm.js';
import { assertDocument, distTagsOf } from '../wire/wire.publication.js';
import { removePackageVersions } from './handlers.unpublish.js';

/** characters */
const MAX_DEPRECATION = 16 * 1024;

const deprecationsOf = (versions: Record<string, unknown>): Map<string, string> => {
  const messages = new Map<string, string>();
  for (const [version, manifest] of Object.entries(versions)) {
    if (!isRecord(manifest)) throw invalid('A version of the document is not an object');
    const { deprecated } = manifest;
    if (deprecated === undefined) continue;
    if (typeof deprecated !== 'string' && typeof deprecated !== 'boolean') {
      throw invalid('deprecated is not a text');
    }
    const message = typeof deprecated === 'string' ? deprecated : deprecated ? 'this version is deprecated' : '';
    if (message.length > MAX_DEPRECATION) throw invalid('A deprecation message is too long');
    messages.set(version, message);
  }
  return messages;
};

/**
 * `npm owner` and `npm star` send only these members. They have no effect here, so they are refused instead of ignored.
 */
const refuseOthers = (document: Record<string, unknown>): never => {
  if ('maintainers' in document) {
    throw new RegistryError('unprocessable', 'Scopes of users and tokens decide who may publish, not owners');
  }
  if ('users' in document) throw new RegistryError('unprocessable', 'This registry keeps no stars');
  throw invalid('The document has neither versions nor attachments');
};

export interface IChange {
  name: string;
  document: unknown;
  /** from the path; the revision of the document when the client read it */
  revision?: string;
}

/**
 * Handles a document without attachments. Only `deprecated` of each version is used. With a revision, versions that are
 * missing are unpublished, and dist-tags are replaced.
 */
export const changeDocument = async (call: RegistryCall, npm: INpmParts, change: IChange): Promise<IResponse> => {
  const { name, revision } = change;
  const document = assertDocument(change.document, name);
  const wanted = document.versions as Record<string, unknown> | undefined;
  if (wanted === undefined) return refuseOthers(document);
  const tags = revision === undefined ? undefined : 'dist-tags' in document ? distTagsOf(document) : undefined;
  const messages = deprecationsOf(wanted);
  const key = documentKey(name);
  const current = (await call.storage.read<INpmDocument>(key))?.value;
  if (revision !== undefined) assertRevision(existing(current, name), revision);
  const unknown = Object.keys(wanted).find((version) => !current || !Object.hasOwn(current.versions, version));
  if (unknown !== undefined) throw invalid(`No tarball was sent for ${name}@${unknown.slice(0, 256)}`);
  const before = existing(current, name);
  const gone = Object.keys(before.versions).filter((version) => !Object.hasOwn(wanted, version));

  const changed = (document: INpmDocument | null, stamp: IWriteStamp): INpmDocument => {
    const found = existing(document, name);
    if (revision !== undefined) assertRevision(found, revision);
    const marked = deprecate(found, messages, stamp);
    if (revision !== undefined && gone.length > 0) {
      // everything is one write, so the revision grows by one
      return { ...removeVersions(marked, gone, stamp, tags), ...nextRevision(found, stamp) };
    }
    return tags === undefined ? marked : { ...replaceTags(marked, tags, stamp), ...nextRevision(found, stamp) };
  };

  let result: INpmDocument;
  if (revision !== undefined && gone.length > 0) {
    await call.authorize(name, { action: 'delete' });
    result = await removePackageVersions(call, npm, { name, versions: gone, apply: changed });
  } else {
    result = await commitChange(call, npm, { name, apply: changed });
  }
  return respond(200, { ok: true, id: name, rev: result._rev });
};
