/** bytes of one read; larger reads are hardly faster and cost memory */
const SIZE = 256 * 1024;
/** free buffers that are kept for the next download; if there are more downloads, they allocate their own */
const SPARE = 32;

const spare: Buffer[] = [];

/** Returns a used buffer if one is free: a new one is slow, because its memory is touched for the first time. */
export const takeBuffer = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(SIZE);

/** Call it only for a buffer that nobody reads any more. */
export const giveBuffer = (buffer: Buffer): void => {
  if (spare.length < SPARE) spare.push(buffer);
};
