import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** The folder of a store that holds its objects. */
export const OBJECTS = 'objects';

/** Whether a store was made in this directory. */
export const isDirectoryStore = async (directory: string): Promise<boolean> => {
  const found = await stat(resolve(directory, OBJECTS)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  return found?.isDirectory() ?? false;
};
