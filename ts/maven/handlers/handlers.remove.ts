import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { labelOf, removeFiles } from '../helpers.changes.js';
import { fileOf, isEmpty, type TSelection, versionOf } from '../helpers.document.js';
import { absentPath } from '../helpers.names.js';
import type { IMavenDocument } from '../interfaces.maven.js';
import type { IMavenParts } from '../interfaces.parts.js';
import { documentKeyOf } from '../keys.maven.js';
import { artifactAt, fileAt, type IArtifactName, nameOf, versionAt } from '../wire/wire.coordinates.js';

interface ICandidate {
  name: IArtifactName;
  selection: TSelection;
}

const removeAndTell = async (
  call: RegistryCall,
  { catalog }: IMavenParts,
  { name: { group, artifact }, selection }: ICandidate,
): Promise<object> => {
  await removeFiles({ storage: call.storage, catalog, group, artifact }, selection);
  return { deleted: labelOf({ group, artifact }, selection) };
};

/** DELETE /-/artifacts/{group}/{artifact}, and …/{version}. */
export const removeNamed = (call: RegistryCall, maven: IMavenParts): Promise<object> => {
  const { group, artifact, version } = call.params as { group: string; artifact: string; version?: string };
  return removeAndTell(call, maven, {
    name: { group, artifact },
    selection: version === undefined ? 'all' : { version },
  });
};

/** What a path of the layout may be: a file, the folder of a version, the folder of an artifact. */
const candidatesAt = (path: string): ICandidate[] => {
  const [file, version, name] = [fileAt(path), versionAt(path), artifactAt(path)];
  return [
    ...(file ? [{ name: file, selection: { version: file.version, file: file.file } }] : []),
    ...(version ? [{ name: version, selection: { version: version.version } }] : []),
    ...(name ? [{ name, selection: 'all' as const }] : []),
  ];
};

const isThere = (document: IMavenDocument, selection: TSelection): boolean => {
  if (selection === 'all') return !isEmpty(document);
  return 'file' in selection ? fileOf(document, selection) !== null : versionOf(document, selection.version) !== null;
};

/**
 * DELETE /{path} of the layout. Only what is stored shows whether the path is that of a file, of a version or of an
 * artifact; a caller learns nothing of artifacts that it may not delete.
 */
export const removeAtPath = async (call: RegistryCall, maven: IMavenParts): Promise<object> => {
  const candidates = candidatesAt(call.params.path as string);
  const allowed: ICandidate[] = [];
  for (const candidate of candidates) {
    const right = { type: 'artifact', name: nameOf(candidate.name), action: 'delete' };
    if (await call.can(right)) allowed.push(candidate);
  }
  for (const candidate of allowed) {
    const document = await call.storage.read<IMavenDocument>(documentKeyOf(candidate.name));
    if (document && isThere(document.value, candidate.selection)) return removeAndTell(call, maven, candidate);
  }
  const [first] = candidates;
  if (first && allowed.length === 0) await call.authorize(nameOf(first.name));
  throw absentPath();
};
