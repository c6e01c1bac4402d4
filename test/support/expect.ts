import type { TErrorKind } from '../../ts/index.js';

/** For `t.throws` and `t.rejects`, which compare the fields that are named: a RegistryError of this kind. */
export const ofKind = (kind: TErrorKind): Error => ({ kind }) as unknown as Error;
