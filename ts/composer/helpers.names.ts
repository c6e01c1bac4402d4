import type { RegistryCall } from '../core/pipeline/classes.registrycall.js';
import type { TParams } from '../core/pipeline/interfaces.pipeline.js';
import { isPackageName, normalizeName } from './wire/wire.names.js';

/** The stored name of the package in a path; it may be one that no package can have. */
export const nameIn = ({ vendor, package: own }: TParams): string => normalizeName(`${vendor}/${own}`);

/** The package in the path of a call; throws `notFound` for names that no package can have. */
export const packageOf = (call: RegistryCall): string => {
  const name = nameIn(call.params);
  if (isPackageName(name)) return name;
  throw call.absent();
};

/** The right to read a package, to filter lists. */
export const readRight = (call: RegistryCall): { protocol: string; type: string; action: string } => ({
  protocol: call.protocol,
  type: 'package',
  action: 'read',
});
