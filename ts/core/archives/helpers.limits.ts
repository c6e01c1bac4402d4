import { RegistryError } from '../classes.registryerror.js';
import type { IArchiveLimits } from './interfaces.archives.js';

export const tooManyBytes = ({ noun, maxUnpackedSize }: IArchiveLimits): RegistryError =>
  new RegistryError('tooLarge', `${noun} unpacks to more than ${maxUnpackedSize} bytes`);

/** Throws `tooLarge` for an archive of `packed` bytes that unpacks to too many. */
export const assertRatio = ({ noun, ratios = [] }: IArchiveLimits, packed: number, unpacked: number): void => {
  const over = ratios.find(({ from, times }) => unpacked > from && unpacked > packed * times);
  if (over) throw new RegistryError('tooLarge', `${noun} unpacks to more than ${over.times} times its size`);
};

/** Throws `tooLarge` for an archive of which `packed` bytes have come and unpack to too many. */
export const assertUnpacked = (limits: IArchiveLimits, packed: number, unpacked: number): void => {
  if (unpacked > limits.maxUnpackedSize) throw tooManyBytes(limits);
  assertRatio(limits, packed, unpacked);
};
