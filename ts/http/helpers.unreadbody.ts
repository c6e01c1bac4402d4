import type { IncomingMessage } from 'node:http';
import type { IncomingBody } from './classes.incomingbody.js';

/** If at most this many bytes are unread, they are read and dropped, so that the connection can be used again. */
const SMALL_REST = 64 * 1024;
/** ms without a byte, and ms in total, for which a client may continue to send a refused body. */
const LINGER_IDLE = 2_000;
const LINGER_TOTAL = 30_000;

/**
 * Whether so much of the request body is unread that the connection should be closed. A body that was not requested
 * with `100 Continue` counts too: its client may or may not send it (RFC 9110 section 10.1.1).
 */
export const leavesLargeRest = (request: IncomingMessage, incoming: IncomingBody | undefined): boolean =>
  incoming !== undefined &&
  !request.complete &&
  (incoming.outstanding > SMALL_REST || (!incoming.asked && request.headers.expect !== undefined));

/** Drops the rest of a request body, if there is any. */
export const dropRest = (request: IncomingMessage, incoming: IncomingBody | undefined): void => {
  if (incoming && incoming.state !== 'ended' && !request.destroyed) request.resume();
};

/**
 * Reads and drops what a client sends after it was answered, until it stops. Closing at once would reset the
 * connection, and the client would lose the answer (RFC 9112 section 9.6).
 */
export const linger = (request: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    if (request.destroyed || request.complete) {
      request.resume();
      resolve();
      return;
    }
    const stop = () => {
      clearTimeout(idle);
      clearTimeout(total);
      request.off('data', onData).off('end', stop).off('close', stop);
      resolve();
    };
    const idle = setTimeout(stop, LINGER_IDLE);
    const total = setTimeout(stop, LINGER_TOTAL);
    const onData = () => idle.refresh();
    request.on('data', onData).on('end', stop).on('close', stop);
    request.resume();
  });
