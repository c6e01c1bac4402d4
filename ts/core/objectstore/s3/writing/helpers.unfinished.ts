import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3';
import { codeOf } from '../connection/helpers.errors.js';
import { run } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';

interface IUnfinished {
  Key?: string;
  UploadId?: string;
}

/**
 * Lists page by page, with the key alone as the marker: if the upload id is sent too, versitygw refuses the next page.
 * If one key has uploads on both sides of a page's end, the next sweep removes the second ones.
 */
async function* unfinishedBefore(session: IS3Session, before: number): AsyncGenerator<IUnfinished, void> {
  const { sdk, retrying } = session.clients;
  const { bucket: Bucket, prefix: Prefix } = session.settings;
  let KeyMarker: string | undefined;
  do {
    const list = new sdk.ListMultipartUploadsCommand({ Bucket, Prefix, KeyMarker });
    const page: ListMultipartUploadsCommandOutput = await run(session, (http) => retrying.send(list, http));
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Initiated && Initiated.getTime() <= before) yield { Key, UploadId };
    }
    KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
  } while (KeyMarker);
}

/**
 * Removes uploads that a crash or a lost answer left unfinished: they use space, and no listing of objects shows them.
 * Servers that cannot list them (or do not allow it) clean up by their own rules, so a failure is no error. Returns
 * their number.
 */
export const abandonOldUploads = async (session: IS3Session, olderThanMs: number): Promise<number> => {
  const { sdk, retrying } = session.clients;
  const { bucket: Bucket } = session.settings;
  let count = 0;
  try {
    for await (const { Key, UploadId } of unfinishedBefore(session, Date.now() - olderThanMs)) {
      const abort = new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId });
      try {
        await run(session, (http) => retrying.send(abort, http));
        count++;
      } catch (error) {
        // its writer, or another replica's sweep, was faster
        if (codeOf(error) !== 'NoSuchUpload') throw error;
      }
    }
  } catch (error) {
    session.logger.debug?.('Unfinished uploads could not be looked for', { error });
  }
  return count;
};
