import { Buffer } from 'node:buffer';
import * as http from 'node:http';
import * as net from 'node:net';
import process from 'node:process';
import { LONG, lendBuffer } from './helpers.buffers.js';

/** Of a connection that has nothing long to read: the answer to a HEAD or a PUT. */
const SHORT = 16 * 1024;

/** Takes bytes of a connection, and may keep them; false: no more before the socket is resumed. */
export type TSink = (bytes: Buffer) => boolean;

const readings = new WeakMap<net.Socket, SocketReading>();

/**
 * Where a socket reads to. By itself Node allocates 64 KiB for each read, for two lines of an answer as for a gigabyte:
 * here, the one is copied out of a buffer that stays, and the other one comes in half as many events.
 */
class SocketReading implements net.OnReadOpts {
  private readonly short: Buffer = Buffer.allocUnsafeSlow(SHORT);
  private room: Buffer = this.short;
  private sink: TSink | undefined;

  constructor(private readonly push: TSink) {}

  /** From now on, all bytes go there and none to the parser. */
  public divert(sink: TSink): void {
    this.sink = sink;
  }

  public readonly buffer = (): Buffer => this.room;

  public readonly callback = (count: number): boolean => {
    const { room, sink = this.push } = this;
    const bytes = room.subarray(0, count);
    const isShort = room === this.short;
    if (this.sink) {
      this.room = lendBuffer();
      return sink(isShort ? Buffer.from(bytes) : bytes);
    }
    // what goes to the parser is never lent: how long its messages point to that memory is its own business
    // half of it at least, or the memory of a body that comes slowly would be mostly air
    if (count >= LONG / 2) {
      this.room = Buffer.allocUnsafeSlow(LONG);
      return sink(bytes);
    }
    const copy = Buffer.from(bytes);
    if (isShort) {
      if (count === SHORT) this.room = Buffer.allocUnsafeSlow(LONG);
    } else if (count <= SHORT) this.room = this.short;
    return sink(copy);
  };
}

class ReadingAgent extends http.Agent {
  public override createConnection(options: http.ClientRequestArgs): net.Socket {
    const onread = new SocketReading((chunk) => socket.push(chunk));
    const socket = net.createConnection({ ...(options as net.NetConnectOpts), onread });
    readings.set(socket, onread);
    return socket;
  }
}

/** Other runtimes have sockets of their own make below this interface, and are left as they are; so is TLS. */
export const plainAgent = (options: http.AgentOptions): http.Agent => {
  const isNode = !('bun' in process.versions) && !('deno' in process.versions);
  return isNode ? new ReadingAgent(options) : new http.Agent(options);
};

/**
 * Gives what the socket reads from now on to `sink` instead of the parser, which copies all of a body. The parser never
 * sees its message's end then, so the connection serves nothing else afterwards and is to be destroyed. False where the
 * socket is not from `plainAgent`, or has bytes on their way to the parser.
 */
export const divert = (socket: net.Socket, sink: TSink): boolean => {
  const reading = readings.get(socket);
  if (!reading || socket.destroyed || socket.readableLength > 0) return false;
  reading.divert(sink);
  return true;
};
