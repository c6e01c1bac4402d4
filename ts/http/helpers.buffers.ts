/** bytes of one read: larger ones are hardly faster and cost memory */
const SIZE = 256 * 1024;
/** buffers that wait for the next download; more downloads at once make their own */
const SPARE = 32;

const spare: Buffer[] = [];

/** A buffer whose memory has been touched before, where one is free: that is what makes a new one slow. */
export const takeBuffer = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(SIZE);

/** Only for a buffer that nobody reads any more. */
export const giveBuffer = (buffer: Buffer): void => {
  if (spare.length < SPARE) spare.push(buffer);
};
