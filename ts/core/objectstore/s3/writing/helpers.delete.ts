import {
  codeOf,
  isNoSuchKey,
  outcomeUnknown,
  preconditionFailed,
  toRegistryError,
  writeFailureOf,
} from '../connection/helpers.errors.js';
import { quoted, run } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { headObject, note } from '../reading/helpers.head.js';

export interface IDeleteOptions {
  ifMatch?: string;
  /** deleting twice is harmless: the key belongs to one write, and nobody writes it again */
  repeatable?: boolean;
}

/** Resolves if the object is gone; throws the meaning of the failed DELETE otherwise. */
const decide = async (session: IS3Session, name: string, ifMatch: string | undefined, error: unknown) => {
  const failure = writeFailureOf(error);
  if (failure === 'unknown') {
    const found = await headObject(session, name).catch(() => {
      throw outcomeUnknown(error);
    });
    if (found) throw outcomeUnknown(error);
    return;
  }
  if (ifMatch === undefined) {
    if (isNoSuchKey(error)) return;
  } else if (failure === 'absent' || failure === 'condition' || codeOf(error) === 'ConditionalRequestConflict') {
    throw preconditionFailed(name, error);
  }
  throw toRegistryError(error);
};

/**
 * Without `ifMatch`: deletes any object. With it: only the object with that ETag. The driver compares before it sends
 * anything, because servers report success for a conditional delete of an absent object; if the server supports it, it
 * compares again, atomically with the delete.
 *
 * A DELETE is sent once. If its answer is lost and the object is still there, the request may arrive later, and may
 * then delete an object that was written meanwhile, even one with equal bytes (and ETag). So the result is
 * `outcomeUnknown`, and a caller that repeats the delete looks first at what is stored by then. Only a `repeatable`
 * delete is sent again.
 */
export const deleteObject = async (session: IS3Session, name: string, options: IDeleteOptions = {}): Promise<void> => {
  const { ifMatch, repeatable } = options;
  const { sdk, once, retrying, direct } = session.clients;
  const key = session.settings.prefix + name;
  if (ifMatch !== undefined && (await headObject(session, name))?.etag !== ifMatch) throw preconditionFailed(name);
  const IfMatch = ifMatch !== undefined && session.abilities.delete ? quoted(ifMatch) : undefined;
  const command = new sdk.DeleteObjectCommand({ Bucket: session.settings.bucket, Key: key, IfMatch });
  const isRepeatable = repeatable && ifMatch === undefined;
  note(session, key, false);
  try {
    await run(session, async (http) => {
      const sent = direct.write({ method: 'DELETE', key, headers: { 'if-match': IfMatch } }, http);
      if (await (isRepeatable ? sent.catch(() => undefined) : sent)) return;
      await (isRepeatable ? retrying : once).send(command, http);
    });
  } catch (error) {
    await decide(session, name, ifMatch, error);
  }
};
