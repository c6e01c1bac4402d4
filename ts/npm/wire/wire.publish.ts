import { isRecord } from '../../core/base/helpers.values.js';
import { decodeBase64 } from './wire.base64.js';
import { type IPublishReader, isTarballAttachment, PublishScanner } from './wire.publishscanner.js';

/**
 * Reads a publish document as it arrives. Its JSON has tarballs as base64 strings at `_attachments[file].data`, before
 * or after the rest of the document, and a tarball may be larger than a JavaScript string can be. So those strings are
 * cut out of the byte stream and passed on piece by piece. The rest is small and parsed by JSON.parse, which alone
 * decides whether the document is JSON.
 *
 * A client that deprecates or unpublishes a version sends back the whole document that it was served, of any size. If
 * that exceeds the limit, all members of its versions are omitted that no client can change.
 *
 * Attachments are passed to `onAttachment` in their order. Throws `invalid` and `tooLarge`.
 */
export const readPublishDocument = async (
  source: AsyncIterable<Uint8Array>,
  options: IPublishReader,
): Promise<unknown> => {
  const chunks = source[Symbol.asyncIterator]();
  const scanner = new PublishScanner(chunks, options);
  try {
    return await scanner.read();
  } catch (error) {
    if (!scanner.canBeThinned) throw error;
    return await new PublishScanner(followedBy(scanner.again(), chunks), options, true).read();
  } finally {
    await chunks.return?.();
  }
};

async function* followedBy(first: Iterable<Uint8Array>, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

const SLICE = 256 * 1024;

/** As latin1, so that a decoder that looks at the low byte cannot take a character beyond latin1 for another one. */
function* slices(text: string): Generator<string> {
  for (let start = 0; start < text.length; start += SLICE) {
    yield Buffer.from(text.slice(start, start + SLICE), 'utf8').toString('latin1');
  }
}

/**
 * Like `readPublishDocument`, for a document that the embedder has parsed already. The document itself is not changed.
 */
export const readParsedDocument = async (
  document: unknown,
  options: Pick<IPublishReader, 'onAttachment'>,
): Promise<unknown> => {
  if (!isRecord(document) || !isRecord(document._attachments)) return document;
  const attachments: [string, unknown][] = [];
  for (const [file, attachment] of Object.entries(document._attachments)) {
    if (!isRecord(attachment) || typeof attachment.data !== 'string' || !isTarballAttachment(file)) {
      attachments.push([file, attachment]);
      continue;
    }
    const content = decodeBase64(slices(attachment.data));
    await options.onAttachment(file, content);
    for await (const _ of content); // as above
    attachments.push([file, { ...attachment, data: '' }]);
  }
  return { ...document, _attachments: Object.fromEntries(attachments) };
};
