import { RegistryError } from '../../core/classes.registryerror.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { changeStatus, changeYank, deleteFiles, type IChangePlace } from '../helpers.changes.js';
import { existing, statusOf, type TSelection } from '../helpers.document.js';
import type { IPypiParts } from '../interfaces.parts.js';
import type { IPypiDocument } from '../interfaces.pypi.js';
import { documentKey } from '../keys.pypi.js';
import { assertReadableName } from '../wire/wire.names.js';
import { parseStatus, parseYank } from '../wire/wire.status.js';

/** bytes; a reason has at most 1,000 characters */
const MAX_BODY = 64 * 1024;

const placeOf = (call: RegistryCall, { catalog }: IPypiParts): IChangePlace => ({
  storage: call.storage,
  catalog,
  project: assertReadableName(call.params.project as string),
});

/** The file or the version in the path; without both it is the whole project. */
const selectionOf = ({ params: { filename, version } }: RegistryCall): TSelection => {
  if (filename !== undefined) return { filename };
  return version === undefined ? 'all' : { version };
};

/** The JSON body, whatever Content-Type curl gives it; without a body `{}`. */
const readBody = async (call: RegistryCall): Promise<unknown> => {
  if (call.body.parsed !== undefined) return call.body.parsed;
  const text = call.body.exists ? await call.body.text({ limit: MAX_BODY }) : '';
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new RegistryError('invalid', 'The body is not JSON', { cause });
  }
};

/** POST …/yank: installers pass over the files, unless exactly this version is asked for. */
export const yank = async (call: RegistryCall, pypi: IPypiParts): Promise<object> => {
  const reason = parseYank(await readBody(call));
  await changeYank(placeOf(call, pypi), selectionOf(call), reason);
  return { yanked: true, reason };
};

/** POST …/unyank. */
export const unyank = async (call: RegistryCall, pypi: IPypiParts): Promise<object> => {
  await changeYank(placeOf(call, pypi), selectionOf(call), undefined);
  return { yanked: false };
};

/** DELETE of a file, a version, or a project. */
export const remove = async (call: RegistryCall, pypi: IPypiParts): Promise<object> => {
  await deleteFiles(placeOf(call, pypi), selectionOf(call));
  return { deleted: true };
};

/** GET /{project}/status. */
export const getStatus = async (call: RegistryCall): Promise<object> => {
  const project = assertReadableName(call.params.project as string);
  const document = await call.storage.read<IPypiDocument>(documentKey(project));
  return statusOf(existing(document?.value, project));
};

/** PUT /{project}/status. Only a caller that may write every project sets and lifts a quarantine. */
export const putStatus = async (call: RegistryCall, pypi: IPypiParts): Promise<object> => {
  const wanted = parseStatus(await readBody(call));
  const mayQuarantine = await call.can({ type: 'package', name: '*', action: 'write' });
  return statusOf(await changeStatus(placeOf(call, pypi), wanted, mayQuarantine));
};
