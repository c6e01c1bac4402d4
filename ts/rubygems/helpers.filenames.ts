import { randomUUID } from 'node:crypto';
import { RegistryError } from '../core/classes.registryerror.js';
import type { RegistryStorage } from '../core/classes.registrystorage.js';
import { OutcomeUnknownError } from '../core/storage/documents/helpers.conditionalwrite.js';
import { buildOf } from './helpers.document.js';
import type { IFileNameDocument, IGemDocument } from './interfaces.rubygems.js';
import { documentKey, fileNameKey } from './keys.rubygems.js';
import { type IBuildName, splitBuildName } from './wire/wire.names.js';

/**
 * `a-2-x86-darwin-9.gem` is the file of version 9 of `a-2-x86-darwin` and of version 2 of `a` for `x86-darwin-9`. Clients
 * would get one of the two gems for both, and those that compare no checksums would install it: so only one of them may
 * exist. Their documents are two, and no write decides about both; a third document does, under the name of the file.
 */

/** Its name is not said: the caller may not be allowed to see it. */
const taken = (file: string): RegistryError =>
  new RegistryError('alreadyExists', `The file name ${file}.gem is taken by a gem with another name`);

const hasBuild = async (storage: RegistryStorage, { name, slug }: IBuildName): Promise<boolean> => {
  const document = await storage.read<IGemDocument>(documentKey(name));
  return buildOf(document?.value, slug) !== null;
};

/** Throws `alreadyExists` if a gem with another name has the file name. */
const hold = async (storage: RegistryStorage, file: string, gem: string, id: string): Promise<void> => {
  await storage.update<IFileNameDocument>(
    fileNameKey(file),
    (current) => {
      if (current && current.gem !== gem) throw taken(file);
      return { gem, pushes: [...(current?.pushes ?? []), id] };
    },
    { applied: ({ pushes }) => pushes.includes(id) },
  );
};

/** Takes the push out of the document; the last one that leaves frees the name. */
const letGo = async (storage: RegistryStorage, file: string, id: string): Promise<void> => {
  await storage.update<IFileNameDocument>(fileNameKey(file), (current) => {
    if (!current?.pushes.includes(id)) return undefined;
    const pushes = current.pushes.filter((other) => other !== id);
    return pushes.length === 0 ? null : { ...current, pushes };
  });
};

/**
 * Runs `push`, which commits this build, while the name of its file is held for the gem. Throws `alreadyExists` if the
 * name belongs to a gem with another name. A file name that only one gem can have needs nothing of this.
 *
 * | what happens                          | the file name                                                            |
 * |---------------------------------------|--------------------------------------------------------------------------|
 * | the push succeeds                     | belongs to the gem for ever: a build that is yanked can be listed again  |
 * | it fails, and nothing was committed   | is free again, unless another push of this build holds it                |
 * | it is unknown whether it was committed | stays with the gem                                                      |
 * | the process ends before the commit    | stays with the gem, whose push works again. No other gem gets it, because |
 * |                                       | nobody can tell a process that has ended from one that is slow           |
 */
export const holdingFileName = async <T>(
  storage: RegistryStorage,
  build: IBuildName,
  push: () => Promise<T>,
): Promise<T> => {
  const file = `${build.name}-${build.slug}`;
  const others = splitBuildName(file).filter(({ name }) => name !== build.name);
  // a build stays in its document for ever, and its file name with it
  if (others.length === 0 || (await hasBuild(storage, build))) return push();
  const id = randomUUID();
  await hold(storage, file, build.name, id);
  try {
    // stores of earlier versions have gems whose file names nobody holds
    for (const other of others) if (await hasBuild(storage, other)) throw taken(file);
    return await push();
  } catch (error) {
    if (!(error instanceof OutcomeUnknownError)) {
      await letGo(storage, file, id).catch((failure: unknown) => {
        storage.logger.warn('The file name of a failed push stays with its gem', { file, error: String(failure) });
      });
    }
    throw error;
  }
};
