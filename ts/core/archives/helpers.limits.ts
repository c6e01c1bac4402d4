import { RegistryError } from '../classes.registryerror.js';
import type { IArchiveLimits } from './interfaces.archives.js';

interface INamedLimits extends IArchiveLimits {
  /** how messages call the archive */
  noun: string;
}

export const tooManyBytes = ({ noun, maxUnpackedSize }: INamedLimits): RegistryError =>
  new RegistryError('tooLarge', `${noun} unpacks to more than ${maxUnpackedSize} bytes`);

/** Throws `tooLarge` for an archive of `packed` bytes that unpacks to too many. */
export const assertRatio = ({ noun, ratios = [] }: INamedLimits, packed: number, unpacked: number): void => {
  const over = ratios.find(({ from, times }) => unpacked > from && unpacked > packed * times);
  if (over) throw new RegistryError('tooLarge', `${noun} unpacks to more than ${over.times} times its size`);
};
