import { Buffer } from 'node:buffer';

/** Of one read of a long body. Twice as much saves nothing more, and slow readers hold it. */
export const LONG = 128 * 1024;
/** buffers that wait for the next read; more at once are made new and left to the collector */
const SPARE = 32;

const spare: Buffer[] = [];
/** What is out. Memory that came back twice would be given to two connections. */
const lent = new WeakSet<ArrayBufferLike>();

/** LONG bytes, of memory that has been touched before where there is some: that is what makes new memory slow. */
export const lendBuffer = (): Buffer => {
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(LONG);
  lent.add(buffer.buffer);
  return buffer;
};

/** Takes back the buffer that these bytes lie in, which nobody reads any more. Other bytes are none of its business. */
export const giveBack = ({ buffer }: Uint8Array): void => {
  if (lent.delete(buffer) && spare.length < SPARE) spare.push(Buffer.from(buffer));
};
