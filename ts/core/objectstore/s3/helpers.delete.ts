import { codeOf, isAbsent, preconditionFailed, statusOf, toRegistryError } from './helpers.errors.js';
import { headObject } from './helpers.read.js';
import { type IS3Session, must, quoted, run } from './interfaces.session.js';

/**
 * Without `ifMatch`: whatever is there. With it: only what has that ETag. The comparison comes first in any case, because
 * servers answer "done" to a conditional delete of what is absent; then the server compares again, where it can, in one
 * step with the delete. A lost answer needs no write id: absent is what was wanted.
 */
export const deleteObject = async (session: IS3Session, name: string, ifMatch?: string): Promise<void> => {
  const { sdk, retrying } = session.clients;
  const at = { Bucket: session.settings.bucket, Key: session.settings.prefix + name };
  if (ifMatch === undefined) {
    await must(session, (http) => retrying.send(new sdk.DeleteObjectCommand(at), http).catch(ignoreAbsent));
    return;
  }
  const found = await headObject(session, name);
  if (found?.etag !== ifMatch) throw preconditionFailed(name);
  const command = new sdk.DeleteObjectCommand({
    ...at,
    IfMatch: session.abilities.delete ? quoted(ifMatch) : undefined,
  });
  try {
    await run(session, (http) => retrying.send(command, http));
  } catch (error) {
    if (isAbsent(error)) return;
    if (statusOf(error) === 412 || codeOf(error) === 'ConditionalRequestConflict')
      throw preconditionFailed(name, error);
    throw toRegistryError(error);
  }
};

const ignoreAbsent = (error: unknown): void => {
  if (!isAbsent(error)) throw error;
};
