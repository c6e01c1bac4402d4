import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** ms that a client has to receive the refusal before the connection is closed */
const LAST_WORD = 1_000;

const REFUSALS: Record<string, [status: string, text: string]> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The request header is larger than this server accepts.',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Content Too Large', 'The chunk extensions are larger than this server accepts.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
};
const MALFORMED: [status: string, text: string] = ['400 Bad Request', 'The request is not well-formed HTTP.'];

/** Sockets that were refused: each further chunk from them causes another parse error. */
const refused = new WeakSet<Duplex>();

export const refusalText = (status: string, text: string): string =>
  [
    `HTTP/1.1 ${status}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text) + 1}`,
    'Connection: close',
    '',
    `${text}\n`,
  ].join('\r\n');

/**
 * Answers a request that Node's parser could not read, if that is possible: not in the middle of another answer on the
 * same connection, and not if the client is gone.
 */
export const answerClientError = (
  error: NodeJS.ErrnoException,
  socket: Duplex,
  underWay: Iterable<ServerResponse>,
): void => {
  if (refused.has(socket)) return;
  refused.add(socket);
  let answering = false;
  for (const { headersSent, req } of underWay) answering ||= headersSent && req.socket === socket;
  if (!socket.writable || answering || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), LAST_WORD);
  socket.once('close', () => clearTimeout(timer));
  socket.end(refusalText(...(REFUSALS[error.code ?? ''] ?? MALFORMED)));
};
