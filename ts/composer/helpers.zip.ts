import { unzipSync } from 'fflate';
import { streamToBuffer } from '../core/base/helpers.streams.js';
import { RegistryError } from '../core/classes.registryerror.js';
import { manifestPath, mayBeManifest } from './wire/wire.zip.js';

export const readManifest = async (open: () => Promise<ReadableStream<Uint8Array>>): Promise<Uint8Array> => {
  const bytes = await streamToBuffer(await open());
  const paths: string[] = [];
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(bytes, {
      filter: ({ name }) => {
        paths.push(name.replace(/\/$/, ''));
        return mayBeManifest(name);
      },
    });
  } catch (cause) {
    throw new RegistryError('invalid', 'not a zip', { cause });
  }
  return files[manifestPath(paths)] as Uint8Array;
};
