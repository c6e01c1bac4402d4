import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { absentName } from '../../core/pipeline/helpers.refusal.js';
import { droppedKeys } from '../../core/storage/commit/helpers.dropped.js';
import { existing, findVersion, removeVersions, wasRemovedBy } from '../helpers.document.js';
import { packageOf } from '../helpers.names.js';
import { namedKeys } from '../helpers.orphans.js';
import type { IComposerDocument } from '../interfaces.composer.js';
import type { IComposerParts } from '../interfaces.parts.js';
import { documentKey } from '../keys.composer.js';
import { parseVersion } from '../wire/wire.versions.js';

const remove = async (
  call: RegistryCall,
  { catalog }: IComposerParts,
  name: string,
  { version, choose }: { version?: string; choose(document: IComposerDocument): string[] },
): Promise<void> => {
  await call.storage.commit<IComposerDocument>({
    packageName: name,
    version,
    document: {
      key: documentKey(name),
      apply: (current, _placed, stamp) => {
        const document = existing(current, name);
        return removeVersions(document, choose(document), stamp);
      },
      applied: wasRemovedBy,
    },
    drop: droppedKeys(namedKeys),
    catalog,
  });
};

/** DELETE /packages/{vendor}/{package}: removes all versions. */
export const deletePackage = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const name = packageOf(call);
  await remove(call, composer, name, { choose: ({ versions }) => versions.map(({ normalized }) => normalized) });
  return { status: 'success', message: `${name} was deleted` };
};

/** DELETE /packages/{vendor}/{package}/{version}, in any spelling of the version. */
export const deleteVersion = async (call: RegistryCall, composer: IComposerParts): Promise<object> => {
  const name = packageOf(call);
  const { version, normalized } = parseVersion(call.params.version as string);
  const choose = (document: IComposerDocument): string[] => {
    if (findVersion(document, normalized)) return [normalized];
    throw absentName(`${name} ${version}`);
  };
  await remove(call, composer, name, { version, choose });
  return { status: 'success', message: `${name} ${version} was deleted` };
};
