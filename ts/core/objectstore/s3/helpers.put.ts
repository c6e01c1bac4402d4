import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { RegistryError } from '../../classes.registryerror.js';
import { ByteSource, toReadable } from './classes.bytesource.js';
import {
  conditions,
  creation,
  type IMultipartWork,
  type ITarget,
  MAX_PART,
  MAX_PARTS,
  multipart,
  requireCompleteConditions,
} from './helpers.multipart.js';
import { settle } from './helpers.settle.js';
import { abortReason, type IS3Session, sendingTime } from './interfaces.session.js';

/** Of an upload whose length is not known: what is held in memory, three times over at most. 10,000 of them are 80 GiB. */
const PART = 8 * 1024 ** 2;
/** Bodies up to this are read before they are sent, and can then be sent again. */
const SMALL = 1024 ** 2;

export const putBytes = (session: IS3Session, target: ITarget, bytes: Uint8Array): Promise<{ etag: string }> => {
  const { sdk, once } = session.clients;
  const writeId = randomUUID();
  const command = new sdk.PutObjectCommand({
    ...creation(session, target, writeId),
    ...conditions(target.condition),
    Body: bytes,
  });
  const write = { ...target, writeId, replayable: true, ms: sendingTime(session, bytes.byteLength) };
  return settle(session, write, (http) => once.send(command, http));
};

/**
 * One request, nothing held in memory; gives up when the server stops taking bytes or does not answer. What makes it
 * safe is the checksum behind the body, sent when the source has ended well: without it some servers (versitygw) store
 * what they have when the connection breaks, and others commit with the last announced byte, after which a source may
 * still fail (a digest that does not fit).
 */
const putStreaming = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size: number,
): Promise<{ etag: string }> => {
  const { sdk, once } = session.clients;
  const writeId = randomUUID();
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { idleMs } = session.timing;
  // apart from `stop`: after it, what the server did with the body is still to be asked
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
  // versitygw may leave the last bytes of a chunked body unread and then takes them for the next request (400)
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
    return await settle(session, write, (http) => {
      http.abortSignal.addEventListener('abort', giveUp);
      return once.send(command, { ...http, abortSignal: halt.signal });
    });
  } catch (error) {
    // an early refusal leaves the rest of the body on its way
    body.destroy();
    halt.abort();
    throw source.failure ? source.failure.reason : error;
  } finally {
    watch(false);
    target.signal?.removeEventListener('abort', onAbort);
  }
};

const putParts = async (
  session: IS3Session,
  target: ITarget,
  source: ByteSource,
  size?: number,
): Promise<{ etag: string }> => {
  const partSize = Math.max(PART, Math.ceil((size ?? 0) / MAX_PARTS));
  const first = await source.take(partSize);
  if (source.drained) return putBytes(session, target, first);
  requireCompleteConditions(session, target.condition);
  // parts are copied into the same few buffers: new ones for each would cost a fifth of the time in garbage collection
  const spare: Buffer[] = [];
  const work = async ({ upload, start }: IMultipartWork): Promise<void> => {
    await start(upload.send(1, first));
    for (let number = 2; !source.drained; number++) {
      if (number > MAX_PARTS) throw new RegistryError('tooLarge', 'The storage does not take objects of this size');
      const room = spare.pop() ?? Buffer.allocUnsafeSlow(partSize);
      const part = await source.take(partSize, room);
      await start(upload.send(number, part).then(() => void spare.push(room)));
    }
  };
  return multipart(session, target, work, (error) => source.fail(error));
};

/**
 * Writes a stream. Whatever fails, the source, the server or the caller's signal, leaves what was there before and
 * cancels the source.
 */
export const putStream = async (
  session: IS3Session,
  target: ITarget,
  stream: ReadableStream<Uint8Array>,
  size?: number,
): Promise<{ etag: string }> => {
  const source = new ByteSource(stream, size);
  const { signal } = target;
  const onAbort = () => source.fail(abortReason(signal as AbortSignal));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    if (size !== undefined && size <= SMALL) return await putBytes(session, target, await source.take(size + 1));
    const sealed = session.settings.checksums !== 'WHEN_REQUIRED';
    if (size !== undefined && size <= MAX_PART && sealed) return await putStreaming(session, target, source, size);
    return await putParts(session, target, source, size);
  } catch (error) {
    source.fail(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
};
