import type { IDirectRequest } from '../connection/classes.directclient.js';
import { metadataHeaders } from '../connection/helpers.answers.js';
import { writeIdOf } from '../connection/helpers.metadata.js';
import { sendingTime } from '../connection/helpers.request.js';
import type { IS3Session } from '../connection/interfaces.session.js';
import { type ByteSource, toReadable } from './classes.bytesource.js';
import { conditions, creation, type ITarget } from './helpers.creation.js';
import { compareEarly, sendWrite } from './helpers.write.js';

/** Bodies up to this size are sent without looking ahead: they mostly fit the buffers of the connection. */
const SMALL = 256 * 1024;

export const putBytes = async (session: IS3Session, target: ITarget, bytes: Uint8Array): Promise<{ etag: string }> => {
  if (bytes.byteLength > SMALL) await compareEarly(session, target);
  const { sdk, once, direct } = session.clients;
  const writeId = writeIdOf(target.metadata);
  const about = creation(session, target, writeId);
  const condition = conditions(target.condition);
  const request: IDirectRequest = {
    method: 'PUT',
    key: target.key,
    headers: {
      'content-type': about.ContentType,
      'x-amz-server-side-encryption': about.ServerSideEncryption,
      'if-match': condition.IfMatch,
      'if-none-match': condition.IfNoneMatch,
      ...metadataHeaders(about.Metadata),
    },
    body: bytes,
  };
  const command = new sdk.PutObjectCommand({ ...about, ...condition, Body: bytes });
  const write = { ...target, writeId, replayable: true, ms: sendingTime(session, bytes.byteLength) };
  return sendWrite(session, write, async (http) => {
    const answer = await direct.write(request, http);
    return answer ? { ETag: answer.etag } : once.send(command, http);
  });
};

/**
 * Sends the body in one request without holding it in memory. Gives up if the server stops taking bytes or does not
 * answer. The checksum after the body makes it safe: it is sent only if the source ended well. Without it, some servers
 * (versitygw) store what they have when the connection breaks; others commit at the last announced byte, after which a
 * source may still fail (because of a wrong digest). So a failed source certainly leaves nothing.
 */
export const putStreaming = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size: number,
): Promise<{ etag: string }> => {
  await compareEarly(session, target);
  const { sdk, once } = session.clients;
  const writeId = writeIdOf(target.metadata);
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { idleMs } = session.timing;
  // separate from `stop`: after it, the driver still has to ask what the server did with the body
  const halt = new AbortController();
  const giveUp = () => halt.abort();
  const watch = (waiting: boolean) => {
    clearTimeout(timer);
    if (waiting) timer = setTimeout(giveUp, idleMs);
  };
  const onAbort = () => stop.abort();
  target.signal?.addEventListener('abort', onAbort, { once: true });
  const body = toReadable(source, onAbort, watch);
  const command = new sdk.PutObjectCommand({
    ...creation(session, target, writeId),
    ...conditions(target.condition),
    Body: body,
    ContentLength: size,
  });
  // versitygw may leave the last bytes of a chunked body unread, and then parses them as the next request (400)
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers.connection = 'close';
      return next(args);
    },
    { step: 'build', name: 'ownConnection' },
  );
  watch(true);
  try {
    const write = { ...target, writeId, replayable: false, ms: 0, signal: stop.signal };
    return await sendWrite(session, write, (http) => {
      http.abortSignal.addEventListener('abort', giveUp);
      return once.send(command, { ...http, abortSignal: halt.signal });
    });
  } catch (error) {
    // after an early refusal the rest of the body is still being sent
    body.destroy();
    halt.abort();
    throw source.failure ? source.failure.reason : error;
  } finally {
    watch(false);
    target.signal?.removeEventListener('abort', onAbort);
  }
};
