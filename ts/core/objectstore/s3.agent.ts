import { Buffer } from 'node:buffer';
import * as http from 'node:http';
import * as net from 'node:net';
import process from 'node:process';

/** Of a connection that has nothing long to read: the answer to a HEAD or a PUT. */
const SHORT = 16 * 1024;
/** Of a connection that was read to the full: the body of a GET. Twice as much saves nothing more, and slow readers hold it. */
const LONG = 128 * 1024;

/**
 * Where a socket reads to. By itself Node allocates 64 KiB for each read, for two lines of an answer as for a gigabyte:
 * here, the one is copied out of a buffer that stays, and the other one comes in half as many events.
 */
const readInto = (push: (chunk: Buffer) => boolean): net.OnReadOpts => {
  const short = Buffer.allocUnsafeSlow(SHORT);
  let room = short;
  return {
    buffer: () => room,
    callback: (count) => {
      const bytes = room.subarray(0, count);
      // half of it at least, or the memory of a body that comes slowly would be mostly air
      if (count >= LONG / 2) {
        room = Buffer.allocUnsafeSlow(LONG);
        return push(bytes);
      }
      const copy = Buffer.from(bytes);
      if (room === short) {
        if (count === SHORT) room = Buffer.allocUnsafeSlow(LONG);
      } else if (count <= SHORT) room = short;
      return push(copy);
    },
  };
};

class ReadingAgent extends http.Agent {
  public override createConnection(options: http.ClientRequestArgs): net.Socket {
    const onread = readInto((chunk) => socket.push(chunk));
    const socket = net.createConnection({ ...(options as net.NetConnectOpts), onread });
    return socket;
  }
}

/** Other runtimes have sockets of their own make below this interface, and are left as they are; so is TLS. */
export const plainAgent = (options: http.AgentOptions): http.Agent => {
  const isNode = !('bun' in process.versions) && !('deno' in process.versions);
  return isNode ? new ReadingAgent(options) : new http.Agent(options);
};
