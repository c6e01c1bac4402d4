import { notFound } from '../core/base/helpers.errors.js';
import type { RegistryError } from '../core/classes.registryerror.js';
import type { TAccess, TParams } from '../core/pipeline/interfaces.pipeline.js';
import { assertArtifact, nameOf, readPath, writePath } from './wire/wire.coordinates.js';

/** Folders, version ranges and other paths that no file can have: clients take 404 as "not here". */
export const absentPath = (): RegistryError => notFound('There is nothing at this path');

const right = (action: string, name: (params: TParams) => string): TAccess => ({ type: 'artifact', action, name });

/** Rights to the artifact of a file in the layout. */
export const readFile = right('read', (params) => nameOf(readPath(params)));
export const writeFile = right('write', (params) => nameOf(writePath(params)));

const named = ({ group, artifact }: TParams): string =>
  nameOf(assertArtifact({ group: group as string, artifact: artifact as string }));

/** Rights to the artifact of a path outside the layout, where the group has dots. */
export const readNamed = right('read', named);
export const deleteNamed = right('delete', named);

/** For rows whose path does not say which part of it is the artifact. */
export const readSome: TAccess = { type: 'artifact', listing: true, action: 'read' };
export const writeSome: TAccess = { type: 'artifact', action: 'write', late: true };
export const deleteSome: TAccess = { type: 'artifact', action: 'delete', late: true };
